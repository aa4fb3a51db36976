#include "crypto/keystream.h"

#include <endian.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/evp.h>

enum err keystream_chacha20(const uint8_t key[static AEAD_KEY_SIZE], uint32_t first_block,
							uint8_t *out_data, size_t size) {
	if (size > INT_MAX ||
		(size + KEYSTREAM_BLOCK_SIZE - 1) / KEYSTREAM_BLOCK_SIZE > UINT32_MAX - first_block + 1ULL)
		return ERR_INVALID;
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	if (context == NULL)
		return ERR_NO_MEMORY;
	/* The library's 16 bytes are the block's number, little-endian, and the nonce. */
	uint8_t start[16] = {0};
	memcpy(start, &(uint32_t){htole32(first_block)}, sizeof first_block);
	int written;
	bool ok = EVP_EncryptInit_ex2(context, EVP_chacha20(), key, start, NULL) > 0;
	if (ok && size > 0) {
		memset(out_data, 0, size);
		ok = EVP_EncryptUpdate(context, out_data, &written, out_data, (int)size) > 0;
	}
	EVP_CIPHER_CTX_free(context);
	return ok ? ERR_OK : ERR_CRYPTO;
}
