#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "crypto/sizes.h"

/* The key and nonce of RFC 8439 that stand for an XChaCha20 key and nonce. */
struct hchacha20_subkey {
	uint8_t key[AEAD_KEY_SIZE];
	uint8_t nonce[AEAD_NONCE_SIZE];
};

/* The context is of ChaCha20, initialised but for key and nonce. */
bool hchacha20_derive(EVP_CIPHER_CTX *context, const uint8_t key[static AEAD_KEY_SIZE],
					  const uint8_t nonce[static XAEAD_NONCE_SIZE],
					  struct hchacha20_subkey *out_subkey);
