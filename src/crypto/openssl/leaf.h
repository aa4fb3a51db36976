#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509v3.h>

#include "base/error.h"
#include "base/slice.h"

/* The certificate at a chain's end, in the library's form; inside of crypto/openssl only. */

enum {
	LEAF_PIN_SIZE = 32,
	/* As browsers: names are in subjectAltName, and "f*.example.org" is none. */
	LEAF_NAME_FLAGS = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
};

/* SHA-256 of the SubjectPublicKeyInfo. */
enum err leaf_pin(const X509 *leaf, uint8_t out_pin[static LEAF_PIN_SIZE]);

/* name: a DNS name or an address. */
bool leaf_covers(const X509 *leaf, const char *name);

/* Whether text is an IPv4 or IPv6 address. */
bool leaf_is_address(const char *text);

/* Of a PEM reading that gave nothing: ERR_OK where nothing more was there, else ERR_MALFORMED. */
enum err leaf_read_end(void);

/* The next certificate of a PEM text, NULL at its end; the caller frees it. ERR_MALFORMED. */
enum err leaf_next(BIO *pem, X509 **out_leaf);

/* For PEM_read_bio_*(): nobody is asked for a passphrase. */
int leaf_no_passphrase(char *buffer, int size, int writing, void *context);

/* Reads from text that stays where it is; NULL without memory. */
BIO *leaf_reader(struct slice text);

static inline void leaf_x509_done(X509 **leaf) {
	X509_free(*leaf);
}
static inline void leaf_bio_done(BIO **bio) {
	BIO_free(*bio);
}
static inline void leaf_key_done(EVP_PKEY **key) {
	EVP_PKEY_free(*key);
}
#define auto_x509 __attribute__((cleanup(leaf_x509_done)))
#define auto_bio __attribute__((cleanup(leaf_bio_done)))
#define auto_key __attribute__((cleanup(leaf_key_done)))
