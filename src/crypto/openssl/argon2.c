#include "crypto/argon2.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define auto_kdf __attribute__((cleanup(kdf_done)))
static void kdf_done(EVP_KDF **kdf) {
	EVP_KDF_free(*kdf);
}

#define auto_context __attribute__((cleanup(context_done)))
static void context_done(EVP_KDF_CTX **context) {
	EVP_KDF_CTX_free(*context);
}

enum err argon2_id(struct slice password, struct slice salt, const struct argon2_cost *cost,
				   uint8_t *out_hash, size_t size) {
	uint32_t memory = cost->memory, passes = cost->passes, lanes = cost->lanes, threads = 1;
	auto_kdf EVP_KDF *kdf = EVP_KDF_fetch(NULL, "ARGON2ID", NULL);
	auto_context EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	/* Both are only read, the library has no const for it. */
	const OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)password.data,
										  password.size),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.data,
										  salt.size),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_MEMCOST, &memory),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &passes),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_LANES, &lanes),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_THREADS, &threads),
		OSSL_PARAM_construct_end(),
	};
	if (!context || EVP_KDF_derive(context, out_hash, size, parameters) <= 0)
		return ERR_CRYPTO;
	return ERR_OK;
}
