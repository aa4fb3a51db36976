#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "base/text.h"

/* Certificates that a server makes for itself, and what one says (X.509, RFC 5280). */

enum {
	CERTIFICATE_NAMES_MAX = 32,
	CERTIFICATE_PEM_SIZE_MAX = 16384, /* with its NUL; either text of certificate_make() */
	CERTIFICATE_PIN_SIZE = 32,
	CERTIFICATE_PIN_TEXT_SIZE = 7 + TEXT_KEY_BASE64_SIZE, /* "sha256/…", with its NUL */
};

struct certificate_request {
	const char *const *names; /* DNS names, "*.example.org" among them, or addresses */
	size_t name_count;        /* 1 … CERTIFICATE_NAMES_MAX; the first is the subject's, too */
	int64_t valid_from, valid_until; /* seconds since 1970 */
};

struct certificate_pair {
	char certificate[CERTIFICATE_PEM_SIZE_MAX];
	char key[CERTIFICATE_PEM_SIZE_MAX]; /* PKCS #8; secret: wipe the pair */
};

/* ECDSA on P-256, signed by itself. ERR_INVALID for names or times that are none. */
enum err certificate_make(const struct certificate_request *request,
						  struct certificate_pair *out_pair);

struct certificate_facts {
	int64_t valid_from, valid_until;   /* seconds since 1970 */
	bool self_signed;                  /* issued under its own name */
	uint8_t pin[CERTIFICATE_PIN_SIZE]; /* SHA-256 of the SubjectPublicKeyInfo (RFC 7469) */
};

/* The first certificate of a PEM text. ERR_MALFORMED. */
enum err certificate_read(struct slice pem, struct certificate_facts *out_facts);
/* Whether that certificate is for a DNS name or an address. */
bool certificate_covers(struct slice pem, const char *name);

/* Whether the private key, PEM without a passphrase, is that certificate's. ERR_MALFORMED for
 * either text, ERR_AUTHENTICATION when it is another's. */
enum err certificate_check_key(struct slice pem, struct slice key);

/* "sha256/" and base64, as people copy it into a client's configuration. ERR_INVALID. */
void certificate_pin_format(const uint8_t pin[static CERTIFICATE_PIN_SIZE],
							char out_text[static CERTIFICATE_PIN_TEXT_SIZE]);
enum err certificate_pin_parse(const char *text, uint8_t out_pin[static CERTIFICATE_PIN_SIZE]);
