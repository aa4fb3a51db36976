#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* Argon2id, version 1.3 (RFC 9106), by one thread. */

struct argon2_cost {
	uint32_t memory; /* KiB, at least 8 × lanes */
	uint32_t passes; /* at least 1 */
	uint32_t lanes;  /* at least 1 */
};

enum { ARGON2_SALT_MIN = 8 /* bytes */ };

/* Takes as long as its cost says, and that much memory. ERR_CRYPTO; also for a short salt. */
enum err argon2_id(struct slice password, struct slice salt, const struct argon2_cost *cost,
				   uint8_t *out_hash, size_t size);
