#include "crypto/x25519.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/wipe.h"

#define auto_key __attribute__((cleanup(key_done)))
static void key_done(EVP_PKEY **key) {
	EVP_PKEY_free(*key);
}

#define auto_context __attribute__((cleanup(context_done)))
static void context_done(EVP_PKEY_CTX **context) {
	EVP_PKEY_CTX_free(*context);
}

enum err x25519_public(const uint8_t private_key[static X25519_KEY_SIZE],
					   uint8_t out_public[static X25519_KEY_SIZE]) {
	uint8_t public_key[X25519_KEY_SIZE];
	size_t size = sizeof public_key;
	auto_key EVP_PKEY *key =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, X25519_KEY_SIZE);
	if (key == NULL || EVP_PKEY_get_raw_public_key(key, public_key, &size) <= 0 ||
		size != sizeof public_key)
		return ERR_CRYPTO;
	memcpy(out_public, public_key, size);
	return ERR_OK;
}

/*
 * A key that can only derive: unless it is told the public half, OpenSSL computes it at import,
 * which takes as long as the derivation, and the derivation does not look at it.
 */
static EVP_PKEY *import_private(const uint8_t private_key[static X25519_KEY_SIZE]) {
	static const uint8_t unused[X25519_KEY_SIZE];
	auto_context EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, (void *)private_key,
										  X25519_KEY_SIZE),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)unused, sizeof unused),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *key = NULL;
	if (context == NULL || EVP_PKEY_fromdata_init(context) <= 0 ||
		EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters) <= 0)
		return NULL;
	return key;
}

enum err x25519_shared(const uint8_t private_key[static X25519_KEY_SIZE],
					   const uint8_t public_key[static X25519_KEY_SIZE],
					   uint8_t out_shared[static X25519_KEY_SIZE]) {
	struct {
		uint8_t shared[X25519_KEY_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	size_t size = sizeof scratch.shared;
	auto_key EVP_PKEY *ours = import_private(private_key);
	auto_key EVP_PKEY *theirs =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, X25519_KEY_SIZE);
	if (ours == NULL || theirs == NULL)
		return ERR_CRYPTO;
	auto_context EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(ours, NULL);
	/* 0: nothing to validate, every 32 bytes are a point. */
	if (context == NULL || EVP_PKEY_derive_init(context) <= 0 ||
		EVP_PKEY_derive_set_peer_ex(context, theirs, 0) <= 0 ||
		EVP_PKEY_derive(context, scratch.shared, &size) <= 0 || size != sizeof scratch.shared ||
		wipe_is_zero(scratch.shared, sizeof scratch.shared))
		return ERR_CRYPTO;
	memcpy(out_shared, scratch.shared, size);
	return ERR_OK;
}
