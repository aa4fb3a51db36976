#include "crypto/prepared.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/wipe.h"
#include "crypto/openssl/hchacha20.h"

struct prepared_mac {
	EVP_MAC *algorithm;
	EVP_MAC_CTX *context; /* holds the key */
};

void prepared_mac_free(struct prepared_mac *mac) {
	if (mac == NULL)
		return;
	EVP_MAC_CTX_free(mac->context);
	EVP_MAC_free(mac->algorithm);
	free(mac);
}

enum err prepared_mac_new(struct prepared_mac **out_mac) {
	struct prepared_mac *mac = calloc(1, sizeof *mac);
	if (mac == NULL)
		return ERR_NO_MEMORY;
	mac->algorithm = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);
	mac->context = mac->algorithm != NULL ? EVP_MAC_CTX_new(mac->algorithm) : NULL;
	size_t size = BLAKE2S_MAC_SIZE;
	const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
									 OSSL_PARAM_construct_end()};
	if (mac->context == NULL || EVP_MAC_CTX_set_params(mac->context, parameters) <= 0) {
		prepared_mac_free(mac);
		return ERR_CRYPTO;
	}
	*out_mac = mac;
	return ERR_OK;
}

enum err prepared_mac_run(struct prepared_mac *mac, const uint8_t *key, size_t key_size,
						  const struct slice *parts, size_t count,
						  uint8_t out_mac[static BLAKE2S_MAC_SIZE]) {
	if (key != NULL && (key_size < 1 || key_size > HASH_SIZE))
		return ERR_INVALID;
	bool ok = EVP_MAC_init(mac->context, key, key != NULL ? key_size : 0, NULL) > 0;
	for (size_t i = 0; i < count && ok; i++)
		ok = EVP_MAC_update(mac->context, parts[i].data, parts[i].size) > 0;
	size_t size;
	return ok && EVP_MAC_final(mac->context, out_mac, &size, BLAKE2S_MAC_SIZE) > 0 ? ERR_OK
																				   : ERR_CRYPTO;
}

struct prepared_xseal {
	EVP_CIPHER *cipher, *aead;
	EVP_CIPHER_CTX *block, *message; /* for HChaCha20, and for the message under its key */
};

void prepared_xseal_free(struct prepared_xseal *xseal) {
	if (xseal == NULL)
		return;
	EVP_CIPHER_CTX_free(xseal->block);
	EVP_CIPHER_CTX_free(xseal->message);
	EVP_CIPHER_free(xseal->cipher);
	EVP_CIPHER_free(xseal->aead);
	free(xseal);
}

enum err prepared_xseal_new(struct prepared_xseal **out_xseal) {
	struct prepared_xseal *xseal = calloc(1, sizeof *xseal);
	if (xseal == NULL)
		return ERR_NO_MEMORY;
	xseal->cipher = EVP_CIPHER_fetch(NULL, "ChaCha20", NULL);
	xseal->aead = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	xseal->block = EVP_CIPHER_CTX_new();
	xseal->message = EVP_CIPHER_CTX_new();
	if (xseal->block == NULL || xseal->message == NULL ||
		EVP_EncryptInit_ex2(xseal->block, xseal->cipher, NULL, NULL, NULL) <= 0 ||
		EVP_EncryptInit_ex2(xseal->message, xseal->aead, NULL, NULL, NULL) <= 0) {
		prepared_xseal_free(xseal);
		return ERR_CRYPTO;
	}
	*out_xseal = xseal;
	return ERR_OK;
}

static bool seal(EVP_CIPHER_CTX *context, const struct hchacha20_subkey *subkey,
				 struct slice associated_data, const void *plain, int size, uint8_t *out_sealed) {
	int written;
	return EVP_EncryptInit_ex2(context, NULL, subkey->key, subkey->nonce, NULL) > 0 &&
		   (associated_data.size == 0 ||
			EVP_EncryptUpdate(context, NULL, &written, associated_data.data,
							  (int)associated_data.size) > 0) &&
		   (size == 0 || EVP_EncryptUpdate(context, out_sealed, &written, plain, size) > 0) &&
		   EVP_EncryptFinal_ex(context, out_sealed + size, &written) > 0 &&
		   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_SIZE, out_sealed + size) >
			   0;
}

enum err prepared_xseal_run(struct prepared_xseal *xseal, const uint8_t key[static AEAD_KEY_SIZE],
							const uint8_t nonce[static XAEAD_NONCE_SIZE],
							struct slice associated_data, const void *plain, size_t size,
							uint8_t *out_sealed) {
	if (associated_data.size > INT_MAX || size > INT_MAX)
		return ERR_INVALID;
	struct hchacha20_subkey subkey;
	WIPE_ON_EXIT(subkey);
	if (!hchacha20_derive(xseal->block, key, nonce, &subkey) ||
		!seal(xseal->message, &subkey, associated_data, plain, (int)size, out_sealed))
		return ERR_CRYPTO;
	return ERR_OK;
}
