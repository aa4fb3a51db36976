#include "crypto/hash.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/wipe.h"

/* The digests and MACs of hash.h; the derivations on top of them are in crypto/hash.c. */

#define auto_digest __attribute__((cleanup(digest_done)))
static void digest_done(EVP_MD_CTX **context) {
	EVP_MD_CTX_free(*context);
}

#define auto_mac __attribute__((cleanup(mac_done)))
static void mac_done(EVP_MAC **mac) {
	EVP_MAC_free(*mac);
}

#define auto_mac_context __attribute__((cleanup(mac_context_done)))
static void mac_context_done(EVP_MAC_CTX **context) {
	EVP_MAC_CTX_free(*context);
}

/* OpenSSL looks its implementation up at each use, which costs about a quarter of a digest. */
static const EVP_MD *digest_of(enum hash_algorithm algorithm) {
	return algorithm == HASH_BLAKE2S ? EVP_blake2s256() : EVP_sha256();
}

/* The digest of first and parts; type is NULL to take what the context already has. */
static bool digest(EVP_MD_CTX *context, const EVP_MD *type, struct slice first,
				   const struct slice *parts, size_t count, uint8_t *out_digest) {
	bool ok = EVP_DigestInit_ex2(context, type, NULL) > 0 &&
			  EVP_DigestUpdate(context, first.data, first.size) > 0;
	for (size_t i = 0; i < count && ok; i++)
		ok = EVP_DigestUpdate(context, parts[i].data, parts[i].size) > 0;
	return ok && EVP_DigestFinal_ex(context, out_digest, NULL) > 0;
}

enum err hash_digest(enum hash_algorithm algorithm, const struct slice *parts, size_t count,
					 uint8_t out_digest[static HASH_SIZE]) {
	auto_digest EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (context == NULL)
		return ERR_NO_MEMORY;
	bool ok = digest(context, digest_of(algorithm), slice_of(NULL, 0), parts, count, out_digest);
	return ok ? ERR_OK : ERR_CRYPTO;
}

enum err hash_blake2s_mac(const uint8_t *key, size_t key_size, const struct slice *parts,
						  size_t count, uint8_t out_mac[static BLAKE2S_MAC_SIZE]) {
	if (key_size < 1 || key_size > HASH_SIZE)
		return ERR_INVALID;
	auto_mac EVP_MAC *mac = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);
	auto_mac_context EVP_MAC_CTX *context = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
	if (context == NULL)
		return ERR_NO_MEMORY;
	size_t size = BLAKE2S_MAC_SIZE;
	OSSL_PARAM parameters[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
							   OSSL_PARAM_construct_end()};
	bool ok = EVP_MAC_init(context, key, key_size, parameters) > 0;
	for (size_t i = 0; i < count && ok; i++)
		ok = EVP_MAC_update(context, parts[i].data, parts[i].size) > 0;
	return ok && EVP_MAC_final(context, out_mac, &size, size) > 0 ? ERR_OK : ERR_CRYPTO;
}

/* Put together from the digest, with one context, in half the time of the library's own HMAC. */
enum err hash_hmac(enum hash_algorithm algorithm, struct slice key, const struct slice *parts,
				   size_t count, uint8_t out_mac[static HASH_SIZE]) {
	auto_digest EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (context == NULL)
		return ERR_NO_MEMORY;
	struct {
		uint8_t key[HASH_BLOCK_SIZE];
		uint8_t pad[HASH_BLOCK_SIZE];
		uint8_t inner[HASH_SIZE];
		uint8_t outer[HASH_SIZE];
	} scratch = {0};
	WIPE_ON_EXIT(scratch);
	const EVP_MD *type = digest_of(algorithm);
	if (key.size > sizeof scratch.key) {
		if (!digest(context, type, key, NULL, 0, scratch.key))
			return ERR_CRYPTO;
		type = NULL;
	} else if (key.size > 0) {
		memcpy(scratch.key, key.data, key.size);
	}
	struct slice pad = slice_of(scratch.pad, sizeof scratch.pad);
	struct slice inner = slice_of(scratch.inner, sizeof scratch.inner);
	for (size_t i = 0; i < sizeof scratch.pad; i++)
		scratch.pad[i] = scratch.key[i] ^ 0x36;
	if (!digest(context, type, pad, parts, count, scratch.inner))
		return ERR_CRYPTO;
	for (size_t i = 0; i < sizeof scratch.pad; i++)
		scratch.pad[i] = scratch.key[i] ^ 0x5c;
	if (!digest(context, NULL, pad, &inner, 1, scratch.outer))
		return ERR_CRYPTO;
	memcpy(out_mac, scratch.outer, sizeof scratch.outer);
	return ERR_OK;
}
