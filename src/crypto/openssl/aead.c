#include "crypto/aead.h"

#include <limits.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/slice.h"
#include "base/wipe.h"
#include "crypto/openssl/hchacha20.h"

/* The single messages of aead.h. */

enum {
	CHUNK_SIZE = 512, /* decrypted at a time while a message is not yet known to be authentic */
};

#define auto_context __attribute__((cleanup(context_done)))
static void context_done(EVP_CIPHER_CTX **context) {
	EVP_CIPHER_CTX_free(*context);
}

struct message {
	const uint8_t *key;
	const uint8_t *nonce;
	struct slice associated_data;
	enum aead_algorithm algorithm;
};

static const EVP_CIPHER *cipher_of(enum aead_algorithm algorithm) {
	return algorithm == AEAD_AES_256_GCM ? EVP_aes_256_gcm() : EVP_chacha20_poly1305();
}

static bool start(EVP_CIPHER_CTX *context, const struct message *message, bool seal) {
	int written;
	return EVP_CipherInit_ex2(context, cipher_of(message->algorithm), message->key, message->nonce,
							  seal, NULL) > 0 &&
		   (message->associated_data.size == 0 ||
			EVP_CipherUpdate(context, NULL, &written, message->associated_data.data,
							 (int)message->associated_data.size) > 0);
}

static bool sizes_fit(const struct message *message, size_t size) {
	return message->associated_data.size <= INT_MAX && size <= INT_MAX;
}

static enum err seal_message(const struct message *message, const void *plain, size_t size,
							 uint8_t *out_sealed) {
	if (!sizes_fit(message, size))
		return ERR_INVALID;
	auto_context EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	if (context == NULL)
		return ERR_NO_MEMORY;
	int written;
	if (!start(context, message, true) ||
		(size > 0 && EVP_CipherUpdate(context, out_sealed, &written, plain, (int)size) <= 0) ||
		EVP_CipherFinal_ex(context, out_sealed + size, &written) <= 0 ||
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_SIZE, out_sealed + size) <= 0)
		return ERR_CRYPTO;
	return ERR_OK;
}

/*
 * A first pass decrypts chunk by chunk into scratch memory, only for the tag: the output stays as
 * it is when the message is forged. Nearly all messages fit into one chunk and need no second pass.
 */
static enum err open_message(const struct message *message, const uint8_t *sealed, size_t size,
							 void *out_plain) {
	if (!sizes_fit(message, size))
		return ERR_INVALID;
	auto_context EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	if (context == NULL)
		return ERR_NO_MEMORY;
	struct {
		uint8_t plain[CHUNK_SIZE];
		uint8_t tag[AEAD_TAG_SIZE];
		uint8_t unused[AEAD_TAG_SIZE]; /* a stream cipher has no last block */
	} scratch;
	WIPE_ON_EXIT(scratch);
	memcpy(scratch.tag, sealed + size, sizeof scratch.tag);
	int written;
	if (!start(context, message, false))
		return ERR_CRYPTO;
	for (size_t done = 0; done < size; done += CHUNK_SIZE) {
		size_t part = size - done < CHUNK_SIZE ? size - done : CHUNK_SIZE;
		if (EVP_CipherUpdate(context, scratch.plain, &written, sealed + done, (int)part) <= 0)
			return ERR_CRYPTO;
	}
	if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof scratch.tag, scratch.tag) <= 0)
		return ERR_CRYPTO;
	if (EVP_CipherFinal_ex(context, scratch.unused, &written) <= 0)
		return ERR_AUTHENTICATION;
	if (size > CHUNK_SIZE) {
		if (!start(context, message, false) ||
			EVP_CipherUpdate(context, out_plain, &written, sealed, (int)size) <= 0)
			return ERR_CRYPTO;
	} else if (size > 0) {
		memcpy(out_plain, scratch.plain, size);
	}
	return ERR_OK;
}

static void nonce_of_counter(uint64_t counter, uint8_t out_nonce[static AEAD_NONCE_SIZE]) {
	memset(out_nonce, 0, 4);
	for (size_t i = 0; i < 8; i++)
		out_nonce[4 + i] = (uint8_t)(counter >> (8 * i));
}

enum err aead_seal(const uint8_t key[static AEAD_KEY_SIZE], uint64_t counter,
				   const void *associated_data, size_t associated_data_size, const void *plain,
				   size_t size, uint8_t *out_sealed) {
	uint8_t nonce[AEAD_NONCE_SIZE];
	nonce_of_counter(counter, nonce);
	const struct slice covered = slice_of(associated_data, associated_data_size);
	struct message message = {key, nonce, covered, AEAD_CHACHA20_POLY1305};
	return seal_message(&message, plain, size, out_sealed);
}

enum err aead_open(const uint8_t key[static AEAD_KEY_SIZE], uint64_t counter,
				   const void *associated_data, size_t associated_data_size, const uint8_t *sealed,
				   size_t size, void *out_plain) {
	uint8_t nonce[AEAD_NONCE_SIZE];
	nonce_of_counter(counter, nonce);
	const struct slice covered = slice_of(associated_data, associated_data_size);
	struct message message = {key, nonce, covered, AEAD_CHACHA20_POLY1305};
	return open_message(&message, sealed, size, out_plain);
}

enum err aead_seal_with(enum aead_algorithm algorithm, const uint8_t key[static AEAD_KEY_SIZE],
						const uint8_t nonce[static AEAD_NONCE_SIZE], struct slice associated_data,
						const void *plain, size_t size, uint8_t *out_sealed) {
	struct message message = {key, nonce, associated_data, algorithm};
	return seal_message(&message, plain, size, out_sealed);
}

enum err aead_open_with(enum aead_algorithm algorithm, const uint8_t key[static AEAD_KEY_SIZE],
						const uint8_t nonce[static AEAD_NONCE_SIZE], struct slice associated_data,
						const uint8_t *sealed, size_t size, void *out_plain) {
	struct message message = {key, nonce, associated_data, algorithm};
	return open_message(&message, sealed, size, out_plain);
}

static enum err subkey_derive(struct hchacha20_subkey *out_subkey,
							  const uint8_t key[static AEAD_KEY_SIZE],
							  const uint8_t nonce[static XAEAD_NONCE_SIZE]) {
	auto_context EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	if (context == NULL)
		return ERR_NO_MEMORY;
	return EVP_EncryptInit_ex2(context, EVP_chacha20(), NULL, NULL, NULL) > 0 &&
				   hchacha20_derive(context, key, nonce, out_subkey)
			   ? ERR_OK
			   : ERR_CRYPTO;
}

enum err aead_xseal(const uint8_t key[static AEAD_KEY_SIZE],
					const uint8_t nonce[static XAEAD_NONCE_SIZE], const void *associated_data,
					size_t associated_data_size, const void *plain, size_t size,
					uint8_t *out_sealed) {
	struct hchacha20_subkey subkey;
	WIPE_ON_EXIT(subkey);
	struct message message = {subkey.key, subkey.nonce,
							  slice_of(associated_data, associated_data_size),
							  AEAD_CHACHA20_POLY1305};
	enum err error = subkey_derive(&subkey, key, nonce);
	return error != ERR_OK ? error : seal_message(&message, plain, size, out_sealed);
}

enum err aead_xopen(const uint8_t key[static AEAD_KEY_SIZE],
					const uint8_t nonce[static XAEAD_NONCE_SIZE], const void *associated_data,
					size_t associated_data_size, const uint8_t *sealed, size_t size,
					void *out_plain) {
	struct hchacha20_subkey subkey;
	WIPE_ON_EXIT(subkey);
	struct message message = {subkey.key, subkey.nonce,
							  slice_of(associated_data, associated_data_size),
							  AEAD_CHACHA20_POLY1305};
	enum err error = subkey_derive(&subkey, key, nonce);
	return error != ERR_OK ? error : open_message(&message, sealed, size, out_plain);
}
