#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"

/* Signatures on Edwards25519 (RFC 8032, Ed25519 without a context). Private keys are its seeds. */

/* The seed that a text has, PEM of PKCS #8 without a passphrase. ERR_MALFORMED for any other. */
enum err ed25519_read(struct slice pem, uint8_t out_private_key[static ED25519_KEY_SIZE]);

enum err ed25519_public(const uint8_t private_key[static ED25519_KEY_SIZE],
						uint8_t out_public[static ED25519_KEY_SIZE]);

enum err ed25519_sign(const uint8_t private_key[static ED25519_KEY_SIZE], struct slice message,
					  uint8_t out_signature[static ED25519_SIGNATURE_SIZE]);

/* ERR_AUTHENTICATION where it is not the key's signature of just this message. */
enum err ed25519_verify(const uint8_t public_key[static ED25519_KEY_SIZE], struct slice message,
						const uint8_t signature[static ED25519_SIGNATURE_SIZE]);
