#include "crypto/certificate.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/openssl/leaf.h"
#include "crypto/openssl/x509_write.h"

enum { COMMON_NAME_SIZE_MAX = 64 }; /* RFC 5280 appendix A.1, ub-common-name */

static bool request_is_valid(const struct certificate_request *request) {
	if (request->name_count == 0 || request->name_count > CERTIFICATE_NAMES_MAX ||
		request->valid_from >= request->valid_until)
		return false;
	for (size_t i = 0; i < request->name_count; i++)
		if (!x509_write_is_name(request->names[i]))
			return false;
	return true;
}

/* A longer name stands among the others only. */
static bool set_subject(X509 *leaf, const char *name) {
	return (strlen(name) > COMMON_NAME_SIZE_MAX || x509_write_common_name(leaf, name)) &&
		   X509_set_issuer_name(leaf, X509_get_subject_name(leaf)) > 0;
}

static X509 *leaf_make(const struct certificate_request *request, EVP_PKEY *key) {
	auto_x509 X509 *leaf = X509_new();
	if (!leaf || X509_set_version(leaf, X509_VERSION_3) <= 0 || !x509_write_serial(leaf) ||
		!x509_write_times(leaf, request->valid_from, request->valid_until) ||
		X509_set_pubkey(leaf, key) <= 0 || !set_subject(leaf, request->names[0]) ||
		!x509_write_names(leaf, request->names, request->name_count) ||
		!x509_write_extension(leaf, leaf, NID_basic_constraints, "critical,CA:FALSE") ||
		!x509_write_extension(leaf, leaf, NID_key_usage, "critical,digitalSignature") ||
		!x509_write_extension(leaf, leaf, NID_ext_key_usage, "serverAuth") ||
		!x509_write_extension(leaf, leaf, NID_subject_key_identifier, "hash") ||
		X509_sign(leaf, key, EVP_sha256()) <= 0)
		return NULL;
	X509 *made = leaf;
	leaf = NULL;
	return made;
}

enum err certificate_make(const struct certificate_request *request,
						  struct certificate_pair *out_pair) {
	if (!request_is_valid(request))
		return ERR_INVALID;
	auto_key EVP_PKEY *key = EVP_EC_gen("P-256");
	auto_x509 X509 *leaf = key ? leaf_make(request, key) : NULL;
	return leaf ? x509_write_pair(leaf, key, out_pair) : ERR_CRYPTO;
}

/* The first certificate; NULL when there is none. */
static X509 *first(struct slice pem) {
	auto_bio BIO *reader = leaf_reader(pem);
	X509 *leaf = NULL;
	return reader && !leaf_next(reader, &leaf) ? leaf : NULL;
}

static bool seconds_of(const ASN1_TIME *time, int64_t *out_seconds) {
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days, seconds;
	bool done = epoch && ASN1_TIME_diff(&days, &seconds, epoch, time) > 0;
	ASN1_TIME_free(epoch);
	if (done)
		*out_seconds = days * INT64_C(86400) + seconds;
	return done;
}

enum err certificate_read(struct slice pem, struct certificate_facts *out_facts) {
	auto_x509 X509 *leaf = first(pem);
	struct certificate_facts facts = {.valid_from = 0};
	if (!leaf || !seconds_of(X509_get0_notBefore(leaf), &facts.valid_from) ||
		!seconds_of(X509_get0_notAfter(leaf), &facts.valid_until))
		return ERR_MALFORMED;
	facts.self_signed = X509_NAME_cmp(X509_get_subject_name(leaf), X509_get_issuer_name(leaf)) == 0;
	enum err error = leaf_pin(leaf, facts.pin);
	if (!error)
		*out_facts = facts;
	return error;
}

bool certificate_covers(struct slice pem, const char *name) {
	auto_x509 X509 *leaf = first(pem);
	return leaf && leaf_covers(leaf, name);
}

enum err certificate_check_key(struct slice pem, struct slice key) {
	X509 *leaf = first(pem);
	BIO *bio = leaf ? BIO_new_mem_buf(key.data, (int)key.size) : NULL;
	EVP_PKEY *private_key =
		bio ? PEM_read_bio_PrivateKey(bio, NULL, leaf_no_passphrase, NULL) : NULL;
	enum err error = private_key ? ERR_OK : ERR_MALFORMED;
	if (!error && X509_check_private_key(leaf, private_key) != 1)
		error = ERR_AUTHENTICATION;
	ERR_clear_error();
	EVP_PKEY_free(private_key);
	BIO_free(bio);
	X509_free(leaf);
	return error;
}

static const char pin_prefix[] = "sha256/";

void certificate_pin_format(const uint8_t pin[static CERTIFICATE_PIN_SIZE],
							char out_text[static CERTIFICATE_PIN_TEXT_SIZE]) {
	memcpy(out_text, pin_prefix, sizeof pin_prefix - 1);
	text_key_encode(pin, out_text + sizeof pin_prefix - 1);
}

enum err certificate_pin_parse(const char *text, uint8_t out_pin[static CERTIFICATE_PIN_SIZE]) {
	size_t prefix = sizeof pin_prefix - 1;
	if (strncmp(text, pin_prefix, prefix) != 0)
		return ERR_INVALID;
	return text_key_decode(text + prefix, strlen(text + prefix), out_pin);
}
