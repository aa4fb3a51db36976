#pragma once

#include "base/error.h"
#include "base/random.h"
#include "crypto/sizes.h"

/* Diffie-Hellman on Curve25519 (RFC 7748). Private keys are 32 bytes; clamping is done inside. */

/* A fresh, clamped private key. */
void x25519_generate(const struct random_source *random,
					 uint8_t out_private[static X25519_KEY_SIZE]);

/* Clears and sets the bits that RFC 7748 section 5 says; wg prints keys so. */
void x25519_clamp(uint8_t private_key[static X25519_KEY_SIZE]);

enum err x25519_public(const uint8_t private_key[static X25519_KEY_SIZE],
					   uint8_t out_public[static X25519_KEY_SIZE]);

/* ERR_CRYPTO, out_shared untouched, when the result would be all zeros (a low-order point). */
enum err x25519_shared(const uint8_t private_key[static X25519_KEY_SIZE],
					   const uint8_t public_key[static X25519_KEY_SIZE],
					   uint8_t out_shared[static X25519_KEY_SIZE]);
