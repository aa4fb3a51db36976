#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * What is sealed in a keepalive, of all protocols that ask by one whether somebody is at an
 * address: a ping is answered by a pong.
 */

enum {
	KEEPALIVE_BYTES = 8,
	KEEPALIVE_SIZE = 1 + KEEPALIVE_BYTES,
};

enum keepalive_kind {
	KEEPALIVE_PLAIN = 0,
	KEEPALIVE_PING = 1,
	KEEPALIVE_PONG = 2,
};

struct keepalive {
	enum keepalive_kind kind;
	uint8_t bytes[KEEPALIVE_BYTES]; /* a pong's are those of its ping */
};

/* ERR_TRUNCATED, ERR_TRAILING, ERR_MALFORMED. */
enum err keepalive_decode(const uint8_t *data, size_t size, struct keepalive *out_keepalive);
void keepalive_encode(const struct keepalive *keepalive, uint8_t out_data[static KEEPALIVE_SIZE]);
