#include "crypto/authority.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/text.h"
#include "crypto/openssl/leaf.h"
#include "crypto/openssl/x509_write.h"

struct authority {
	X509 *certificate;
	EVP_PKEY *key;
};

static void list_done(X509_CRL **list) {
	X509_CRL_free(*list);
}
#define auto_list __attribute__((cleanup(list_done)))

static bool name_is_valid(const char *name) {
	size_t size = strnlen(name, AUTHORITY_NAME_SIZE_MAX + 1);
	if (size == 0 || size > AUTHORITY_NAME_SIZE_MAX)
		return false;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return false;
	return true;
}

/* Its own issuer. */
static bool fill_authority(X509 *own, EVP_PKEY *key, const char *name) {
	return X509_set_version(own, X509_VERSION_3) > 0 && x509_write_serial(own) &&
		   X509_set_pubkey(own, key) > 0 && x509_write_common_name(own, name) &&
		   X509_set_issuer_name(own, X509_get_subject_name(own)) > 0 &&
		   x509_write_extension(own, own, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
		   x509_write_extension(own, own, NID_key_usage, "critical,keyCertSign,cRLSign") &&
		   x509_write_extension(own, own, NID_subject_key_identifier, "hash") &&
		   X509_sign(own, key, NULL) > 0;
}

enum err authority_make(const char *name, int64_t valid_from, int64_t valid_until,
						struct certificate_pair *out_pair) {
	if (!name_is_valid(name) || valid_from >= valid_until)
		return ERR_INVALID;
	auto_key EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	auto_x509 X509 *own = X509_new();
	if (!key || !own || !x509_write_times(own, valid_from, valid_until) ||
		!fill_authority(own, key, name)) {
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	return x509_write_pair(own, key, out_pair);
}

enum err authority_load(struct slice certificate, struct slice key,
						struct authority **out_authority) {
	enum err error = certificate_check_key(certificate, key);
	if (error)
		return error;
	struct authority *authority = calloc(1, sizeof *authority);
	auto_bio BIO *own = leaf_reader(certificate);
	auto_bio BIO *secret = leaf_reader(key);
	if (!authority || !own || !secret) {
		free(authority);
		return ERR_NO_MEMORY;
	}
	error = leaf_next(own, &authority->certificate);
	authority->key = PEM_read_bio_PrivateKey(secret, NULL, leaf_no_passphrase, NULL);
	if (!error && (!authority->certificate || !authority->key ||
				   EVP_PKEY_get_id(authority->key) != EVP_PKEY_ED25519 ||
				   X509_check_ca(authority->certificate) != 1))
		error = ERR_MALFORMED;
	ERR_clear_error();
	if (error) {
		authority_free(authority);
		return error;
	}
	*out_authority = authority;
	return ERR_OK;
}

void authority_free(struct authority *authority) {
	if (!authority)
		return;
	X509_free(authority->certificate);
	EVP_PKEY_free(authority->key);
	free(authority);
}

/* RFC 5280 section 4.2.1.6: an address of mail is ASCII; it stands in no text that is parsed. */
static bool add_mail(X509 *leaf, const char *mail) {
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	bool done = false;
	if (names && name && text && ASN1_STRING_set(text, mail, -1) > 0) {
		GENERAL_NAME_set0_value(name, GEN_EMAIL, text);
		text = NULL;
		if (sk_GENERAL_NAME_push(names, name) > 0) {
			name = NULL;
			done = X509_add1_ext_i2d(leaf, NID_subject_alt_name, names, 0, 0) > 0;
		}
	}
	ASN1_IA5STRING_free(text);
	GENERAL_NAME_free(name);
	GENERAL_NAMES_free(names);
	return done;
}

static bool is_ascii(const char *text) {
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

static bool request_is_valid(const struct authority_request *request) {
	if (request->valid_from >= request->valid_until)
		return false;
	if (request->use == AUTHORITY_CLIENT)
		return request->user && name_is_valid(request->user) &&
			   (!strchr(request->user, '@') || is_ascii(request->user));
	if (request->name_count == 0 || request->name_count > CERTIFICATE_NAMES_MAX)
		return false;
	for (size_t i = 0; i < request->name_count; i++)
		if (!x509_write_is_name(request->names[i]))
			return false;
	return true;
}

/* Behind the authority's end nobody would take it. */
static bool times_are_within(const struct authority *authority,
							 const struct authority_request *request) {
	ASN1_TIME *end = ASN1_TIME_set(NULL, request->valid_until);
	bool within = end && ASN1_TIME_compare(end, X509_get0_notAfter(authority->certificate)) <= 0;
	ASN1_TIME_free(end);
	return within;
}

static bool add_subject(X509 *leaf, const struct authority_request *request) {
	if (request->use == AUTHORITY_CLIENT)
		return x509_write_common_name(leaf, request->user) &&
			   (!strchr(request->user, '@') || add_mail(leaf, request->user));
	/* A longer name stands among the others only. */
	return (strlen(request->names[0]) > AUTHORITY_NAME_SIZE_MAX ||
			x509_write_common_name(leaf, request->names[0])) &&
		   x509_write_names(leaf, request->names, request->name_count);
}

static bool fill_leaf(const struct authority *authority, const struct authority_request *request,
					  X509 *leaf, EVP_PKEY *key) {
	X509 *issuer = authority->certificate;
	const char *use = request->use == AUTHORITY_CLIENT ? "clientAuth" : "serverAuth";
	return X509_set_version(leaf, X509_VERSION_3) > 0 && x509_write_serial(leaf) &&
		   x509_write_times(leaf, request->valid_from, request->valid_until) &&
		   X509_set_pubkey(leaf, key) > 0 &&
		   X509_set_issuer_name(leaf, X509_get_subject_name(issuer)) > 0 &&
		   add_subject(leaf, request) &&
		   x509_write_extension(leaf, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
		   x509_write_extension(leaf, issuer, NID_key_usage, "critical,digitalSignature") &&
		   x509_write_extension(leaf, issuer, NID_ext_key_usage, use) &&
		   x509_write_extension(leaf, issuer, NID_subject_key_identifier, "hash") &&
		   x509_write_extension(leaf, issuer, NID_authority_key_identifier, "keyid:always") &&
		   X509_sign(leaf, authority->key, NULL) > 0;
}

enum err authority_issue(const struct authority *authority, const struct authority_request *request,
						 struct certificate_pair *out_pair) {
	if (!request_is_valid(request))
		return ERR_INVALID;
	if (!times_are_within(authority, request))
		return ERR_EXPIRED;
	auto_key EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	auto_x509 X509 *leaf = X509_new();
	if (!key || !leaf || !fill_leaf(authority, request, leaf, key)) {
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	return x509_write_pair(leaf, key, out_pair);
}

/* Of its other names. */
static bool first_name(const X509 *leaf, char out_name[static AUTHORITY_ENTRY_NAME_SIZE]) {
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	const GENERAL_NAME *name = names ? sk_GENERAL_NAME_value(names, 0) : NULL;
	bool done = false;
	if (name && (name->type == GEN_DNS || name->type == GEN_EMAIL)) {
		const ASN1_IA5STRING *text = name->d.ia5;
		int size = ASN1_STRING_length(text);
		done = size > 0 && size < AUTHORITY_ENTRY_NAME_SIZE;
		if (done) {
			memcpy(out_name, ASN1_STRING_get0_data(text), (size_t)size);
			out_name[size] = '\0';
		}
	}
	GENERAL_NAMES_free(names);
	return done;
}

/* Of the subject's common name, in UTF-8. */
static bool common_name(const X509 *leaf, char out_name[static AUTHORITY_ENTRY_NAME_SIZE]) {
	const X509_NAME *subject = X509_get_subject_name(leaf);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;
	int size = at < 0 ? -1
					  : ASN1_STRING_to_UTF8(
							&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	bool done = size > 0 && size < AUTHORITY_ENTRY_NAME_SIZE;
	if (done) {
		memcpy(out_name, text, (size_t)size);
		out_name[size] = '\0';
	}
	OPENSSL_free(text);
	return done;
}

enum err authority_describe(struct slice certificate, struct authority_entry *out_entry) {
	struct authority_entry entry = {.serial = ""};
	struct certificate_facts facts;
	enum err error = certificate_read(certificate, &facts);
	if (error)
		return error;
	entry.valid_from = facts.valid_from;
	entry.valid_until = facts.valid_until;
	auto_bio BIO *reader = leaf_reader(certificate);
	auto_x509 X509 *leaf = NULL;
	error = reader ? leaf_next(reader, &leaf) : ERR_NO_MEMORY;
	if (error)
		return error;
	const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);
	uint32_t uses =
		X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE ? X509_get_extended_key_usage(leaf) : 0;
	if (ASN1_STRING_length(serial) != AUTHORITY_SERIAL_SIZE ||
		(uses != XKU_SSL_SERVER && uses != XKU_SSL_CLIENT) ||
		(!common_name(leaf, entry.name) && !first_name(leaf, entry.name)))
		return ERR_MALFORMED;
	entry.use = uses == XKU_SSL_CLIENT ? AUTHORITY_CLIENT : AUTHORITY_SERVER;
	text_hex_encode(ASN1_STRING_get0_data(serial), AUTHORITY_SERIAL_SIZE, entry.serial);
	*out_entry = entry;
	return ERR_OK;
}

/* The authority's list of before, or an empty one. */
static enum err list_read(const struct authority *authority, struct slice pem,
						  X509_CRL **out_list) {
	auto_list X509_CRL *list = NULL;
	if (pem.size == 0) {
		list = X509_CRL_new();
		if (!list || X509_CRL_set_version(list, X509_CRL_VERSION_2) <= 0 ||
			X509_CRL_set_issuer_name(list, X509_get_subject_name(authority->certificate)) <= 0)
			return ERR_NO_MEMORY;
	} else {
		auto_bio BIO *reader = leaf_reader(pem);
		list = reader ? PEM_read_bio_X509_CRL(reader, NULL, leaf_no_passphrase, NULL) : NULL;
		if (!list) {
			ERR_clear_error();
			return ERR_MALFORMED;
		}
		if (X509_CRL_verify(list, authority->key) <= 0) {
			ERR_clear_error();
			return ERR_AUTHENTICATION;
		}
	}
	*out_list = list;
	list = NULL;
	return ERR_OK;
}

/* RFC 5280 section 5.2.3: each list has a higher number than those of before. */
static bool list_count_on(X509_CRL *list) {
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(list, NID_crl_number, NULL, NULL);
	int64_t before = 0;
	bool known = number && ASN1_INTEGER_get_int64(&before, number) > 0;
	ASN1_INTEGER_free(number);
	ASN1_INTEGER *next = ASN1_INTEGER_new();
	bool done = next && ASN1_INTEGER_set_int64(next, known ? before + 1 : 1) > 0 &&
				X509_CRL_add1_ext_i2d(list, NID_crl_number, next, 0, X509V3_ADD_REPLACE) > 0;
	ASN1_INTEGER_free(next);
	return done;
}

/* It holds as long as the authority: nobody has to make new ones in time. */
static enum err list_sign(const struct authority *authority, int64_t now, X509_CRL *list,
						  char **out_list) {
	ASN1_TIME *made = ASN1_TIME_set(NULL, now - AUTHORITY_SLACK);
	bool done = made && X509_CRL_set1_lastUpdate(list, made) > 0 &&
				X509_CRL_set1_nextUpdate(list, X509_get0_notAfter(authority->certificate)) > 0 &&
				list_count_on(list) && X509_CRL_sort(list) > 0 &&
				X509_CRL_sign(list, authority->key, NULL) > 0;
	ASN1_TIME_free(made);
	auto_bio BIO *text = done ? BIO_new(BIO_s_mem()) : NULL;
	char *data = NULL;
	if (!text || PEM_write_bio_X509_CRL(text, list) <= 0) {
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	long size = BIO_get_mem_data(text, &data);
	char *copy = size > 0 ? malloc((size_t)size + 1) : NULL;
	if (!copy)
		return ERR_NO_MEMORY;
	memcpy(copy, data, (size_t)size);
	copy[size] = '\0';
	*out_list = copy;
	return ERR_OK;
}

enum err authority_list(const struct authority *authority, int64_t now, char **out_list) {
	auto_list X509_CRL *list = NULL;
	enum err error = list_read(authority, slice_of(NULL, 0), &list);
	return error ? error : list_sign(authority, now, list, out_list);
}

/* ERR_AUTHENTICATION for a certificate of another's. */
static enum err issued_read(const struct authority *authority, struct slice pem, X509 **out_leaf) {
	auto_bio BIO *reader = leaf_reader(pem);
	auto_x509 X509 *leaf = NULL;
	enum err error = reader ? leaf_next(reader, &leaf) : ERR_NO_MEMORY;
	if (error || !leaf)
		return error ? error : ERR_MALFORMED;
	if (X509_verify(leaf, authority->key) <= 0) {
		ERR_clear_error();
		return ERR_AUTHENTICATION;
	}
	*out_leaf = leaf;
	leaf = NULL;
	return ERR_OK;
}

static bool list_has(X509_CRL *list, const X509 *leaf) {
	X509_REVOKED *found;
	return X509_CRL_get0_by_serial(list, &found, X509_get0_serialNumber(leaf)) == 1;
}

static bool list_add(X509_CRL *list, const X509 *leaf, int64_t now) {
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *when = ASN1_TIME_set(NULL, now);
	bool done = entry && when &&
				X509_REVOKED_set_serialNumber(
					entry, (ASN1_INTEGER *)(uintptr_t)X509_get0_serialNumber(leaf)) > 0 &&
				X509_REVOKED_set_revocationDate(entry, when) > 0 &&
				X509_CRL_add0_revoked(list, entry) > 0;
	ASN1_TIME_free(when);
	if (!done)
		X509_REVOKED_free(entry);
	return done;
}

enum err authority_revoke(const struct authority *authority, struct slice list_text,
						  struct slice certificate, int64_t now, char **out_list) {
	auto_list X509_CRL *list = NULL;
	auto_x509 X509 *leaf = NULL;
	enum err error = list_read(authority, list_text, &list);
	if (!error)
		error = issued_read(authority, certificate, &leaf);
	if (error)
		return error;
	if (sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list)) >= AUTHORITY_REVOKED_MAX)
		return ERR_LIMIT;
	if (list_has(list, leaf))
		return ERR_EXISTS;
	return list_add(list, leaf, now) ? list_sign(authority, now, list, out_list) : ERR_CRYPTO;
}

enum err authority_is_revoked(const struct authority *authority, struct slice list_text,
							  struct slice certificate, bool *out_revoked) {
	auto_list X509_CRL *list = NULL;
	auto_x509 X509 *leaf = NULL;
	enum err error = list_read(authority, list_text, &list);
	if (error)
		return error;
	error = issued_read(authority, certificate, &leaf);
	if (!error)
		*out_revoked = list_has(list, leaf);
	return error == ERR_AUTHENTICATION ? ERR_NOT_FOUND : error;
}
