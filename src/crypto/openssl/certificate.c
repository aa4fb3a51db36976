#include "crypto/certificate.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/wipe.h"
#include "crypto/openssl/leaf.h"

enum {
	SERIAL_SIZE = 16,
	NAME_SIZE_MAX = 253,
	COMMON_NAME_SIZE_MAX = 64, /* RFC 5280 appendix A.1, ub-common-name */
};

/* What a certificate may be for: labels of letters, digits and '-', "*" as the first. */
static bool is_name(const char *text) {
	if (leaf_is_address(text))
		return true;
	if (strncmp(text, "*.", 2) == 0)
		text += 2;
	size_t size = strlen(text), label = 0;
	if (size == 0 || size > NAME_SIZE_MAX)
		return false;
	for (size_t i = 0; i < size; i++) {
		char letter = text[i];
		bool plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
					 (letter >= '0' && letter <= '9') || letter == '-' || letter == '_';
		if (letter != '.' && !plain)
			return false;
		label = letter == '.' ? 0 : label + 1;
		if (label > 63 || (letter == '.' && (i == 0 || text[i - 1] == '.')))
			return false;
	}
	return label > 0;
}

static bool request_is_valid(const struct certificate_request *request) {
	if (request->name_count == 0 || request->name_count > CERTIFICATE_NAMES_MAX ||
		request->valid_from >= request->valid_until)
		return false;
	for (size_t i = 0; i < request->name_count; i++)
		if (!is_name(request->names[i]))
			return false;
	return true;
}

static bool add_extension(X509 *leaf, int kind, const char *value) {
	X509V3_CTX context;
	X509V3_set_ctx(&context, leaf, leaf, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
	bool done = extension && X509_add_ext(leaf, extension, -1) > 0;
	X509_EXTENSION_free(extension);
	return done;
}

static const char critical[] = "critical,";

static bool add_names(X509 *leaf, const struct certificate_request *request) {
	char text[CERTIFICATE_NAMES_MAX * (NAME_SIZE_MAX + 8) + sizeof critical];
	size_t size = 0;
	/* RFC 5280 section 4.2.1.6: critical where they are all that names the subject. */
	if (X509_NAME_entry_count(X509_get_subject_name(leaf)) == 0) {
		size = sizeof critical - 1;
		memcpy(text, critical, size);
	}
	for (size_t i = 0; i < request->name_count; i++) {
		const char *name = request->names[i];
		int written = snprintf(text + size, sizeof text - size, "%s%s:%s", i > 0 ? "," : "",
							   leaf_is_address(name) ? "IP" : "DNS", name);
		if (written < 0 || (size_t)written >= sizeof text - size)
			return false;
		size += (size_t)written;
	}
	return add_extension(leaf, NID_subject_alt_name, text);
}

static bool set_serial(X509 *leaf) {
	uint8_t bytes[SERIAL_SIZE];
	if (RAND_bytes(bytes, sizeof bytes) <= 0)
		return false;
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, and of one length */
	BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
	bool done = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(leaf));
	BN_free(number);
	return done;
}

static bool set_subject(X509 *leaf, const char *name) {
	X509_NAME *subject = X509_get_subject_name(leaf);
	/* A longer name stands among the others only. */
	if (strlen(name) <= COMMON_NAME_SIZE_MAX &&
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
								   -1, 0) <= 0)
		return false;
	return X509_set_issuer_name(leaf, subject) > 0;
}

static X509 *leaf_make(const struct certificate_request *request, EVP_PKEY *key) {
	auto_x509 X509 *leaf = X509_new();
	if (!leaf || X509_set_version(leaf, X509_VERSION_3) <= 0 || !set_serial(leaf) ||
		!ASN1_TIME_set(X509_getm_notBefore(leaf), request->valid_from) ||
		!ASN1_TIME_set(X509_getm_notAfter(leaf), request->valid_until) ||
		X509_set_pubkey(leaf, key) <= 0 || !set_subject(leaf, request->names[0]) ||
		!add_names(leaf, request) ||
		!add_extension(leaf, NID_basic_constraints, "critical,CA:FALSE") ||
		!add_extension(leaf, NID_key_usage, "critical,digitalSignature") ||
		!add_extension(leaf, NID_ext_key_usage, "serverAuth") ||
		!add_extension(leaf, NID_subject_key_identifier, "hash") ||
		X509_sign(leaf, key, EVP_sha256()) <= 0)
		return NULL;
	X509 *made = leaf;
	leaf = NULL;
	return made;
}

/* What was written, with a NUL. */
static bool take_text(BIO *bio, char out_text[static CERTIFICATE_PEM_SIZE_MAX]) {
	char *data = NULL;
	long size = BIO_get_mem_data(bio, &data);
	if (size <= 0 || size >= CERTIFICATE_PEM_SIZE_MAX)
		return false;
	memcpy(out_text, data, (size_t)size);
	out_text[size] = '\0';
	return true;
}

enum err certificate_make(const struct certificate_request *request,
						  struct certificate_pair *out_pair) {
	if (!request_is_valid(request))
		return ERR_INVALID;
	auto_key EVP_PKEY *key = EVP_EC_gen("P-256");
	auto_x509 X509 *leaf = key ? leaf_make(request, key) : NULL;
	auto_bio BIO *certificate_text = BIO_new(BIO_s_mem());
	auto_bio BIO *key_text = BIO_new(BIO_s_secmem());
	struct certificate_pair pair;
	WIPE_ON_EXIT(pair);
	if (!leaf || !certificate_text || !key_text ||
		PEM_write_bio_X509(certificate_text, leaf) <= 0 ||
		PEM_write_bio_PKCS8PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL) <= 0 ||
		!take_text(certificate_text, pair.certificate) || !take_text(key_text, pair.key))
		return ERR_CRYPTO;
	*out_pair = pair;
	return ERR_OK;
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

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *out_text, int size, int writing, void *context) {
	return 0;
}

enum err certificate_check_key(struct slice pem, struct slice key) {
	X509 *leaf = first(pem);
	BIO *bio = leaf ? BIO_new_mem_buf(key.data, (int)key.size) : NULL;
	EVP_PKEY *private_key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
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
