#include "crypto/openssl/leaf.h"

#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/address.h"

enum err leaf_pin(const X509 *leaf, uint8_t out_pin[static LEAF_PIN_SIZE]) {
	unsigned char *encoded = NULL;
	int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &encoded);
	if (size <= 0)
		return ERR_CRYPTO;
	uint8_t pin[LEAF_PIN_SIZE];
	bool done = EVP_Digest(encoded, (size_t)size, pin, NULL, EVP_sha256(), NULL) > 0;
	OPENSSL_free(encoded);
	if (!done)
		return ERR_CRYPTO;
	memcpy(out_pin, pin, sizeof pin);
	return ERR_OK;
}

bool leaf_is_address(const char *text) {
	struct address unused;
	return !address_parse(text, &unused);
}

bool leaf_covers(const X509 *leaf, const char *name) {
	X509 *unchanged = (X509 *)leaf; /* the library says const since version 4 only */
	if (leaf_is_address(name))
		return X509_check_ip_asc(unchanged, name, 0) > 0;
	return X509_check_host(unchanged, name, strlen(name), LEAF_NAME_FLAGS, NULL) > 0;
}

BIO *leaf_reader(struct slice text) {
	/* With size 0 the library would read on to a NUL. */
	if (text.size == 0)
		return BIO_new_mem_buf("", 0);
	return text.size > INT_MAX ? NULL : BIO_new_mem_buf(text.data, (int)text.size);
}

int leaf_no_passphrase(char *buffer, int size, int writing, void *context) {
	return -1;
}

enum err leaf_read_end(void) {
	const unsigned long code = ERR_peek_last_error();
	const bool end =
		ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	return end ? ERR_OK : ERR_MALFORMED;
}

enum err leaf_next(BIO *pem, X509 **out_leaf) {
	ERR_clear_error();
	X509 *leaf = PEM_read_bio_X509(pem, NULL, leaf_no_passphrase, NULL);
	enum err error = leaf ? ERR_OK : leaf_read_end();
	if (!error)
		*out_leaf = leaf;
	return error;
}
