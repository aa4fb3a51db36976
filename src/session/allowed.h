#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "crypto/sizes.h"

/*
 * Who may open a session: static keys, and what their owners are called. Made whole and never
 * changed, so that it can be read by any thread and be exchanged as one pointer; its owner frees it
 * when nobody reads it any more. Keys are hashed with SipHash under a random key and compared as
 * a whole, so that a look-up tells nobody how near a key comes to one that is allowed.
 */

enum {
	ALLOWED_NAME_SIZE = 64, /* with its NUL */
	ALLOWED_MAX = 65536,
};

struct allowed_client {
	uint8_t public_key[X25519_KEY_SIZE];
	char name[ALLOWED_NAME_SIZE];
};

struct allowed;

/*
 * Copies the clients. ERR_LIMIT for more than ALLOWED_MAX, ERR_EXISTS for a key or a name that
 * comes twice, ERR_INVALID for a key of zeros and for a name that is empty, has no NUL, or has a
 * control character; out_place tells which, from 0, and may be NULL.
 */
enum err allowed_new(const struct allowed_client *clients, size_t count,
					 const struct random_source *random, size_t *out_place,
					 struct allowed **out_allowed);
void allowed_free(struct allowed *allowed);

/* Of that key, of that name; NULL where there is none. It lives as long as the list. */
const struct allowed_client *allowed_find(const struct allowed *allowed,
										  const uint8_t public_key[static X25519_KEY_SIZE]);
const struct allowed_client *allowed_named(const struct allowed *allowed, const char *name);

/* All of them, in the order of allowed_new(). */
size_t allowed_count(const struct allowed *allowed);
const struct allowed_client *allowed_at(const struct allowed *allowed, size_t place);
