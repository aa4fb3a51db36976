#pragma once

#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "crypto/sizes.h"

/*
 * Who the clients are: all of it follows from a seed and a number, so whoever writes the server's
 * configuration and whoever sends need not tell each other. Anybody can compute these keys; they
 * are for a load generator only.
 */

enum { IDENTITY_NUMBERS = 65536 - 512 }; /* clients of one seed: 0 … IDENTITY_NUMBERS - 1 */

/* number < IDENTITY_NUMBERS. The key is clamped. */
enum err identity_private(uint64_t seed, uint32_t number,
						  uint8_t out_private[static X25519_KEY_SIZE]);
enum err identity_public(uint64_t seed, uint32_t number,
						 uint8_t out_public[static X25519_KEY_SIZE]);

/* The client's address in the tunnel: of 10.200.0.0/16, and neither its first nor last 256. */
struct address identity_address(uint32_t number);
