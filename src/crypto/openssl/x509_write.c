#include "crypto/openssl/x509_write.h"

#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/rand.h>

#include "base/wipe.h"
#include "crypto/authority.h"
#include "crypto/openssl/leaf.h"

enum { NAME_SIZE_MAX = 253 };

bool x509_write_is_name(const char *text) {
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

bool x509_write_serial(X509 *leaf) {
	uint8_t bytes[AUTHORITY_SERIAL_SIZE];
	if (RAND_bytes(bytes, sizeof bytes) <= 0)
		return false;
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, and of one length */
	BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
	bool done = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(leaf));
	BN_free(number);
	return done;
}

bool x509_write_extension(X509 *leaf, X509 *issuer, int kind, const char *value) {
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, leaf, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
	bool done = extension && X509_add_ext(leaf, extension, -1) > 0;
	X509_EXTENSION_free(extension);
	return done;
}

bool x509_write_common_name(X509 *leaf, const char *name) {
	return X509_NAME_add_entry_by_txt(X509_get_subject_name(leaf), "CN", MBSTRING_UTF8,
									  (const unsigned char *)name, -1, -1, 0) > 0;
}

bool x509_write_times(X509 *leaf, int64_t valid_from, int64_t valid_until) {
	return ASN1_TIME_set(X509_getm_notBefore(leaf), valid_from) &&
		   ASN1_TIME_set(X509_getm_notAfter(leaf), valid_until);
}

static const char critical[] = "critical,";

bool x509_write_names(X509 *leaf, const char *const *names, size_t count) {
	char text[CERTIFICATE_NAMES_MAX * (NAME_SIZE_MAX + 8) + sizeof critical];
	size_t size = 0;
	/* RFC 5280 section 4.2.1.6: critical where they are all that names the subject. */
	if (X509_NAME_entry_count(X509_get_subject_name(leaf)) == 0) {
		size = sizeof critical - 1;
		memcpy(text, critical, size);
	}
	for (size_t i = 0; i < count; i++) {
		int written = snprintf(text + size, sizeof text - size, "%s%s:%s", i > 0 ? "," : "",
							   leaf_is_address(names[i]) ? "IP" : "DNS", names[i]);
		if (written < 0 || (size_t)written >= sizeof text - size)
			return false;
		size += (size_t)written;
	}
	return x509_write_extension(leaf, leaf, NID_subject_alt_name, text);
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

enum err x509_write_pair(X509 *leaf, EVP_PKEY *key, struct certificate_pair *out_pair) {
	auto_bio BIO *certificate_text = BIO_new(BIO_s_mem());
	auto_bio BIO *key_text = BIO_new(BIO_s_secmem());
	struct certificate_pair pair;
	WIPE_ON_EXIT(pair);
	if (!certificate_text || !key_text || PEM_write_bio_X509(certificate_text, leaf) <= 0 ||
		PEM_write_bio_PKCS8PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL) <= 0 ||
		!take_text(certificate_text, pair.certificate) || !take_text(key_text, pair.key))
		return ERR_CRYPTO;
	*out_pair = pair;
	return ERR_OK;
}
