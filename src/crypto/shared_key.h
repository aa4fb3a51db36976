#pragma once

#include <stdint.h>

#include "base/error.h"
#include "crypto/sizes.h"

/*
 * Two ends that know each other by one key that both have. Everywhere but in the protocol itself
 * the pair is called by its identity, which tells nothing about the key and is shown to people.
 */

enum { SHARED_KEY_SIZE = 32 };

/* SHA-256 of the protocol's name, " id" and the key. ERR_INVALID for a key of zeros. */
enum err shared_key_identity(const char *protocol, const uint8_t key[static SHARED_KEY_SIZE],
							 uint8_t out_identity[static HASH_SIZE]);
