#include "crypto/openssl/hchacha20.h"

#include <string.h>

#include "base/wipe.h"

enum {
	HCHACHA20_NONCE_SIZE = 16,
	CHACHA20_BLOCK_SIZE = 64,
};

static uint32_t load32(const uint8_t *bytes) {
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
		   (uint32_t)bytes[3] << 24;
}

static void store32(uint8_t *out_bytes, uint32_t value) {
	for (size_t i = 0; i < 4; i++)
		out_bytes[i] = (uint8_t)(value >> (8 * i));
}

/*
 * HChaCha20 is a ChaCha20 block without the last step, the addition of the input state, and of its
 * words only the first and last four. The library computes the block (its 16-byte IV is counter and
 * nonce, the state's last four words); subtracting the known input words undoes that step.
 */
bool hchacha20_derive(EVP_CIPHER_CTX *context, const uint8_t key[static AEAD_KEY_SIZE],
					  const uint8_t nonce[static XAEAD_NONCE_SIZE],
					  struct hchacha20_subkey *out_subkey) {
	static const uint8_t zeros[CHACHA20_BLOCK_SIZE];
	static const uint8_t constants[16] = {'e', 'x', 'p', 'a', 'n', 'd', ' ', '3',
										  '2', '-', 'b', 'y', 't', 'e', ' ', 'k'};
	struct {
		uint8_t block[CHACHA20_BLOCK_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	int written;
	if (EVP_EncryptInit_ex2(context, NULL, key, nonce, NULL) <= 0 ||
		EVP_EncryptUpdate(context, scratch.block, &written, zeros, sizeof zeros) <= 0)
		return false;
	for (size_t i = 0; i < 16; i += 4) {
		store32(out_subkey->key + i, load32(scratch.block + i) - load32(constants + i));
		store32(out_subkey->key + 16 + i, load32(scratch.block + 48 + i) - load32(nonce + i));
	}
	memset(out_subkey->nonce, 0, 4);
	memcpy(out_subkey->nonce + 4, nonce + HCHACHA20_NONCE_SIZE, 8);
	return true;
}
