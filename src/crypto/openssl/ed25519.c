#include "crypto/ed25519.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/wipe.h"
#include "crypto/openssl/leaf.h"

#define auto_context __attribute__((cleanup(context_done)))
static void context_done(EVP_MD_CTX **context) {
	EVP_MD_CTX_free(*context);
}

enum err ed25519_read(struct slice pem, uint8_t out_private_key[static ED25519_KEY_SIZE]) {
	struct {
		uint8_t seed[ED25519_KEY_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	size_t size = sizeof s.seed;
	auto_bio BIO *reader = leaf_reader(pem);
	if (!reader)
		return ERR_NO_MEMORY;
	auto_key EVP_PKEY *key = PEM_read_bio_PrivateKey(reader, NULL, leaf_no_passphrase, NULL);
	const bool good = key && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 &&
					  EVP_PKEY_get_raw_private_key(key, s.seed, &size) > 0 && size == sizeof s.seed;
	ERR_clear_error(); /* what is no key leaves a note there */
	if (!good)
		return ERR_MALFORMED;
	memcpy(out_private_key, s.seed, sizeof s.seed);
	return ERR_OK;
}

enum err ed25519_public(const uint8_t private_key[static ED25519_KEY_SIZE],
						uint8_t out_public[static ED25519_KEY_SIZE]) {
	uint8_t public_key[ED25519_KEY_SIZE];
	size_t size = sizeof public_key;
	auto_key EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, ED25519_KEY_SIZE);
	if (!key || EVP_PKEY_get_raw_public_key(key, public_key, &size) <= 0 ||
		size != sizeof public_key)
		return ERR_CRYPTO;
	memcpy(out_public, public_key, size);
	return ERR_OK;
}

enum err ed25519_sign(const uint8_t private_key[static ED25519_KEY_SIZE], struct slice message,
					  uint8_t out_signature[static ED25519_SIGNATURE_SIZE]) {
	uint8_t signature[ED25519_SIGNATURE_SIZE];
	size_t size = sizeof signature;
	auto_key EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, ED25519_KEY_SIZE);
	auto_context EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (!key || !context || EVP_DigestSignInit(context, NULL, NULL, NULL, key) <= 0 ||
		EVP_DigestSign(context, signature, &size, message.data, message.size) <= 0 ||
		size != sizeof signature)
		return ERR_CRYPTO;
	memcpy(out_signature, signature, size);
	return ERR_OK;
}

enum err ed25519_verify(const uint8_t public_key[static ED25519_KEY_SIZE], struct slice message,
						const uint8_t signature[static ED25519_SIGNATURE_SIZE]) {
	auto_key EVP_PKEY *key =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, ED25519_KEY_SIZE);
	auto_context EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (!key || !context || EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) <= 0)
		return ERR_CRYPTO;
	const bool good = EVP_DigestVerify(context, signature, ED25519_SIGNATURE_SIZE, message.data,
									   message.size) == 1;
	ERR_clear_error(); /* a wrong one leaves a note there */
	return good ? ERR_OK : ERR_AUTHENTICATION;
}
