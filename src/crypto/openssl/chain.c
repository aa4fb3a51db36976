#include "crypto/chain.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/wipe.h"
#include "crypto/openssl/crl.h"
#include "crypto/openssl/leaf.h"

enum { DEPTH_MAX = 3 }; /* authorities between a leaf and one that is trusted */

struct chain_trust {
	X509_STORE *store; /* of both: */
	STACK_OF(X509) * authorities;
	STACK_OF(X509_CRL) * lists;
};

static const char *const texts[] = {
#define CHAIN_FAULT_TEXT(name, text) [name] = text,
	CHAIN_FAULT_MAP(CHAIN_FAULT_TEXT)
#undef CHAIN_FAULT_TEXT
};

const char *chain_fault_text(enum chain_fault fault) {
	return (unsigned)fault < CHAIN_FAULTS ? texts[fault] : "is in an unknown state";
}

static void store_done(X509_STORE_CTX **context) {
	X509_STORE_CTX_free(*context);
}
static void stack_done(STACK_OF(X509) * *stack) {
	sk_X509_pop_free(*stack, X509_free);
}
#define auto_context __attribute__((cleanup(store_done)))
#define auto_stack __attribute__((cleanup(stack_done)))

/* Of keys that the library does not know there is none. */
static bool has_ed25519_key(X509 *certificate) {
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	return key && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519;
}

static bool is_ed25519(X509 *certificate) {
	return has_ed25519_key(certificate) && X509_get_signature_nid(certificate) == NID_ED25519;
}

/* Trust */

static enum err add_authority(struct chain_trust *trust, X509 *authority) {
	if (!is_ed25519(authority) || X509_check_ca(authority) != 1)
		return ERR_MALFORMED;
	if (X509_STORE_add_cert(trust->store, authority) <= 0 ||
		!X509_add_cert(trust->authorities, authority, X509_ADD_FLAG_UP_REF))
		return ERR_NO_MEMORY;
	return ERR_OK;
}

static enum err add_authorities(struct chain_trust *trust, struct slice pem) {
	auto_bio BIO *reader = leaf_reader(pem);
	if (!reader)
		return ERR_NO_MEMORY;
	for (size_t count = 0;; count++) {
		auto_x509 X509 *authority = NULL;
		enum err error = leaf_next(reader, &authority);
		if (error)
			return error;
		if (!authority)
			return count > 0 ? ERR_OK : ERR_MALFORMED;
		error = add_authority(trust, authority);
		if (error)
			return error;
	}
}

static bool has_lists(const struct chain_trust *trust) {
	return sk_X509_CRL_num(trust->lists) > 0;
}

/* ERR_NOT_FOUND at the end of the text. */
static enum err add_list(struct chain_trust *trust, BIO *reader) {
	X509_CRL *list = NULL;
	enum err error = crl_next(reader, &list);
	if (error || !list)
		return error ? error : ERR_NOT_FOUND;
	if (X509_STORE_add_crl(trust->store, list) <= 0 || sk_X509_CRL_push(trust->lists, list) <= 0) {
		X509_CRL_free(list);
		return ERR_NO_MEMORY;
	}
	return ERR_OK;
}

static enum err add_lists(struct chain_trust *trust, struct slice pem) {
	if (pem.size == 0)
		return ERR_OK;
	auto_bio BIO *reader = leaf_reader(pem);
	if (!reader)
		return ERR_NO_MEMORY;
	enum err error = ERR_OK;
	while (!error)
		error = add_list(trust, reader);
	if (error != ERR_NOT_FOUND)
		return error;
	return has_lists(trust) ? ERR_OK : ERR_MALFORMED;
}

enum err chain_trust_new(struct slice authorities, struct slice lists,
						 struct chain_trust **out_trust) {
	struct chain_trust *trust = calloc(1, sizeof *trust);
	if (!trust)
		return ERR_NO_MEMORY;
	trust->store = X509_STORE_new();
	trust->authorities = sk_X509_new_null();
	trust->lists = sk_X509_CRL_new_null();
	enum err error = trust->store && trust->authorities && trust->lists
						 ? add_authorities(trust, authorities)
						 : ERR_NO_MEMORY;
	if (!error)
		error = add_lists(trust, lists);
	ERR_clear_error();
	if (error) {
		chain_trust_free(trust);
		return error;
	}
	*out_trust = trust;
	return ERR_OK;
}

void chain_trust_free(struct chain_trust *trust) {
	if (!trust)
		return;
	sk_X509_pop_free(trust->authorities, X509_free);
	sk_X509_CRL_pop_free(trust->lists, X509_CRL_free);
	X509_STORE_free(trust->store);
	free(trust);
}

/* Verification */

/* All of one certificate, and nothing behind it. */
static X509 *decode(struct slice der) {
	if (der.size == 0 || der.size > LONG_MAX)
		return NULL;
	const unsigned char *at = der.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)der.size);
	if (certificate && at != der.data + der.size) {
		X509_free(certificate);
		return NULL;
	}
	return certificate;
}

/* NULL where one of them cannot be read. */
static STACK_OF(X509) * decode_all(const struct slice *certificates, size_t count) {
	auto_stack STACK_OF(X509) *chain = sk_X509_new_null();
	for (size_t i = 0; chain && i < count; i++) {
		X509 *certificate = decode(certificates[i]);
		if (!certificate || sk_X509_push(chain, certificate) <= 0) {
			X509_free(certificate);
			return NULL;
		}
	}
	STACK_OF(X509) *decoded = chain;
	chain = NULL;
	return decoded;
}

static enum chain_fault fault_of(int error) {
	switch (error) {
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return CHAIN_EARLY;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return CHAIN_EXPIRED;
	case X509_V_ERR_CERT_REVOKED:
		return CHAIN_REVOKED;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_HAS_EXPIRED:
		return CHAIN_LIST;
	case X509_V_ERR_INVALID_PURPOSE:
		return CHAIN_WRONG_USE;
	case X509_V_ERR_OUT_OF_MEM:
	case X509_V_ERR_UNSPECIFIED:
		return CHAIN_FAILED;
	default:
		return CHAIN_UNTRUSTED;
	}
}

/* Marks */

static bool digest_name(const X509_NAME *name, uint8_t out_half[static CHAIN_HALF_SIZE]) {
	uint8_t digest[HASH_SIZE];
	if (X509_NAME_digest(name, EVP_sha256(), digest, NULL) <= 0)
		return false;
	memcpy(out_half, digest, CHAIN_HALF_SIZE);
	return true;
}

/* Serial numbers are positive and of 20 bytes at most (RFC 5280 section 4.1.2.2). */
static enum chain_fault take_mark(STACK_OF(X509) * verified, struct chain_mark *out_mark) {
	const int count = sk_X509_num(verified);
	const X509 *leaf = sk_X509_value(verified, 0), *anchor = sk_X509_value(verified, count - 1);
	const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);
	const int size = ASN1_STRING_length(serial);
	struct chain_mark mark = {.valid_until = INT64_MAX};
	if (size < 0 || size > CHAIN_SERIAL_SIZE_MAX || ASN1_STRING_type(serial) != V_ASN1_INTEGER)
		return CHAIN_MALFORMED;
	mark.serial_size = (uint8_t)size;
	memcpy(mark.serial, ASN1_STRING_get0_data(serial), (size_t)size);
	for (int i = 0; i < count; i++) {
		const int64_t until = crl_seconds(X509_get0_notAfter(sk_X509_value(verified, i)));
		if (until < mark.valid_until)
			mark.valid_until = until;
	}
	if (!digest_name(X509_get_issuer_name(leaf), mark.issuer) ||
		X509_digest(anchor, EVP_sha256(), mark.anchor, NULL) <= 0)
		return CHAIN_FAILED;
	*out_mark = mark;
	return CHAIN_GOOD;
}

static bool is_anchor(const struct chain_trust *trust, const struct chain_mark *mark) {
	for (int i = 0; i < sk_X509_num(trust->authorities); i++) {
		uint8_t digest[HASH_SIZE];
		if (X509_digest(sk_X509_value(trust->authorities, i), EVP_sha256(), digest, NULL) > 0 &&
			memcmp(digest, mark->anchor, sizeof digest) == 0)
			return true;
	}
	return false;
}

/* ERR_NOT_FOUND where it is not on the list. */
static enum err find_listed(X509_CRL *list, const struct chain_mark *mark) {
	X509_REVOKED *entry;
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	int found = serial && ASN1_STRING_set(serial, mark->serial, mark->serial_size) > 0
					? X509_CRL_get0_by_serial(list, &entry, serial)
					: -1;
	ASN1_INTEGER_free(serial);
	return found < 0 ? ERR_NO_MEMORY : found == 1 ? ERR_OK : ERR_NOT_FOUND;
}

/* As a verification has it: who has lists has one of each issuer's, and it is in its time. */
static enum chain_fault recheck_lists(const struct chain_trust *trust,
									  const struct chain_mark *mark, int64_t now) {
	bool known = false;
	for (int i = 0; i < sk_X509_CRL_num(trust->lists); i++) {
		X509_CRL *list = sk_X509_CRL_value(trust->lists, i);
		uint8_t issuer[CHAIN_HALF_SIZE];
		if (!digest_name(X509_CRL_get_issuer(list), issuer) ||
			memcmp(issuer, mark->issuer, sizeof issuer) != 0)
			continue;
		enum err error = find_listed(list, mark);
		if (error != ERR_NOT_FOUND)
			return error ? CHAIN_FAILED : CHAIN_REVOKED;
		known |= crl_from(list) <= now && crl_until(list) > now;
	}
	return known ? CHAIN_GOOD : CHAIN_LIST;
}

enum chain_fault chain_recheck(const struct chain_policy *policy, const struct chain_mark *mark) {
	const struct chain_trust *trust = policy->trust;
	if (!trust && !policy->pin)
		return CHAIN_UNTRUSTED;
	ERR_clear_error();
	enum chain_fault fault = !trust || is_anchor(trust, mark) ? CHAIN_GOOD : CHAIN_UNTRUSTED;
	if (!fault && policy->pin && !wipe_equal(policy->pin, mark->pin, sizeof mark->pin))
		fault = CHAIN_NOT_PINNED;
	if (!fault && mark->valid_until < policy->now)
		fault = CHAIN_EXPIRED;
	if (!fault && trust && has_lists(trust))
		fault = recheck_lists(trust, mark, policy->now);
	ERR_clear_error();
	return fault;
}

/* The library would have a list hold no sooner than it says. */
static int judge_step(int good, X509_STORE_CTX *context) {
	const X509_CRL *list = X509_STORE_CTX_get0_current_crl(context);
	if (good || X509_STORE_CTX_get_error(context) != X509_V_ERR_CRL_NOT_YET_VALID || !list)
		return good;
	const time_t now = X509_VERIFY_PARAM_get_time(X509_STORE_CTX_get0_param(context));
	if (crl_from(list) > now)
		return 0;
	X509_STORE_CTX_set_error(context, X509_V_OK);
	return 1;
}

static enum chain_fault verify_issuers(const struct chain_policy *policy, X509 *leaf,
									   STACK_OF(X509) * chain, struct chain_mark *out_mark) {
	auto_context X509_STORE_CTX *context = X509_STORE_CTX_new();
	if (!context || X509_STORE_CTX_init(context, policy->trust->store, leaf, chain) <= 0)
		return CHAIN_FAILED;
	X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_time(parameters, policy->now);
	X509_VERIFY_PARAM_set_depth(parameters, DEPTH_MAX);
	/* With lists, each issuer of a leaf needs its own: one without could not be told from a lost
	 * one. */
	unsigned long flags = X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN;
	if (has_lists(policy->trust))
		flags |= X509_V_FLAG_CRL_CHECK;
	if (X509_VERIFY_PARAM_set_flags(parameters, flags) <= 0 ||
		X509_VERIFY_PARAM_set_purpose(parameters, policy->use == AUTHORITY_SERVER
													  ? X509_PURPOSE_SSL_SERVER
													  : X509_PURPOSE_SSL_CLIENT) <= 0)
		return CHAIN_FAILED;
	X509_STORE_CTX_set_verify_cb(context, judge_step);
	if (X509_verify_cert(context) <= 0)
		return fault_of(X509_STORE_CTX_get_error(context));
	STACK_OF(X509) *verified = X509_STORE_CTX_get0_chain(context);
	for (int i = 0; i < sk_X509_num(verified); i++)
		if (!is_ed25519(sk_X509_value(verified, i)))
			return CHAIN_NOT_ED25519;
	return take_mark(verified, out_mark);
}

static enum chain_fault verify_times(const X509 *leaf, int64_t now) {
	time_t then = now;
	int from = X509_cmp_time(X509_get0_notBefore(leaf), &then);
	int until = X509_cmp_time(X509_get0_notAfter(leaf), &then);
	if (from == 0 || until == 0)
		return CHAIN_MALFORMED;
	if (from > 0)
		return CHAIN_EARLY;
	return until < 0 ? CHAIN_EXPIRED : CHAIN_GOOD;
}

/* A use that is not named is not meant: RFC 5280 would take a leaf without any for every one. */
static enum chain_fault verify_leaf(const struct chain_policy *policy, X509 *leaf) {
	uint32_t wanted = policy->use == AUTHORITY_SERVER ? XKU_SSL_SERVER : XKU_SSL_CLIENT;
	if (X509_get_extension_flags(leaf) & EXFLAG_INVALID)
		return CHAIN_MALFORMED;
	if (!(X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) ||
		!(X509_get_extended_key_usage(leaf) & wanted))
		return CHAIN_WRONG_USE;
	if (policy->name && !leaf_covers(leaf, policy->name))
		return CHAIN_WRONG_NAME;
	return verify_times(leaf, policy->now);
}

/* Users */

/* Text that can stand in a log and in a list of users; "" for any other. */
static void take_user(const ASN1_STRING *text, char out_user[static CHAIN_USER_SIZE_MAX]) {
	unsigned char *utf8 = NULL;
	int size = text ? ASN1_STRING_to_UTF8(&utf8, text) : -1;
	bool plain = size > 0 && size < CHAIN_USER_SIZE_MAX;
	for (int i = 0; plain && i < size; i++)
		plain = utf8[i] >= ' ' && utf8[i] != 0x7f;
	if (plain)
		memcpy(out_user, utf8, (size_t)size);
	out_user[plain ? size : 0] = '\0';
	OPENSSL_free(utf8);
}

/* The first address of mail; without any, the last common name. */
static void find_user(const X509 *leaf, char out_user[static CHAIN_USER_SIZE_MAX]) {
	out_user[0] = '\0';
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	bool has_mail = false;
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !has_mail; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		has_mail = name->type == GEN_EMAIL;
		if (has_mail)
			take_user(name->d.rfc822Name, out_user);
	}
	GENERAL_NAMES_free(names);
	if (has_mail)
		return;
	const X509_NAME *subject = X509_get_subject_name(leaf);
	int at = -1, last = -1;
	while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0)
		last = at;
	if (last >= 0)
		take_user(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)), out_user);
}

static enum chain_fault take_leaf(const struct chain_policy *policy, X509 *leaf,
								  const struct chain_mark *mark, struct chain_leaf *out_leaf) {
	struct chain_leaf taken = {.user = "", .mark = *mark};
	size_t size = sizeof taken.key;
	if (leaf_pin(leaf, taken.pin) ||
		EVP_PKEY_get_raw_public_key(X509_get0_pubkey(leaf), taken.key, &size) <= 0 ||
		size != sizeof taken.key)
		return CHAIN_FAILED;
	if (policy->pin && !wipe_equal(policy->pin, taken.pin, sizeof taken.pin))
		return CHAIN_NOT_PINNED;
	memcpy(taken.mark.pin, taken.pin, sizeof taken.mark.pin);
	if (!policy->trust)
		taken.mark.valid_until = crl_seconds(X509_get0_notAfter(leaf));
	if (policy->use == AUTHORITY_CLIENT) {
		find_user(leaf, taken.user);
		if (taken.user[0] == '\0')
			return CHAIN_NO_USER;
	}
	*out_leaf = taken;
	return CHAIN_GOOD;
}

enum chain_fault chain_verify(const struct chain_policy *policy, const struct slice *certificates,
							  size_t count, struct chain_leaf *out_leaf) {
	if (!policy->trust && !policy->pin)
		return CHAIN_UNTRUSTED;
	if (count == 0 || count > CHAIN_CERTIFICATES_MAX)
		return CHAIN_MALFORMED;
	ERR_clear_error();
	auto_stack STACK_OF(X509) *chain = decode_all(certificates, count);
	enum chain_fault fault = chain ? CHAIN_GOOD : CHAIN_MALFORMED;
	X509 *leaf = chain ? sk_X509_value(chain, 0) : NULL;
	struct chain_mark mark = {.valid_until = 0};
	if (!fault && !has_ed25519_key(leaf))
		fault = CHAIN_NOT_ED25519;
	if (!fault && policy->trust)
		fault = verify_issuers(policy, leaf, chain, &mark);
	if (!fault)
		fault = verify_leaf(policy, leaf);
	if (!fault)
		fault = take_leaf(policy, leaf, &mark, out_leaf);
	ERR_clear_error();
	return fault;
}

/* Sending */

static enum err encode_next(BIO *reader, uint8_t **bytes, size_t *size, size_t *out_added) {
	auto_x509 X509 *certificate = NULL;
	enum err error = leaf_next(reader, &certificate);
	*out_added = 0;
	if (error || !certificate)
		return error;
	int more = i2d_X509(certificate, NULL);
	uint8_t *larger = more > 0 ? realloc(*bytes, *size + (size_t)more) : NULL;
	if (!larger)
		return ERR_NO_MEMORY;
	*bytes = larger;
	unsigned char *at = larger + *size;
	if (i2d_X509(certificate, &at) != more)
		return ERR_CRYPTO;
	*size += (size_t)more;
	*out_added = (size_t)more;
	return ERR_OK;
}

enum err chain_read(struct slice pem, uint8_t **out_bytes,
					struct slice out_certificates[static CHAIN_CERTIFICATES_MAX],
					size_t *out_count) {
	auto_bio BIO *reader = leaf_reader(pem);
	if (!reader)
		return ERR_NO_MEMORY;
	uint8_t *bytes = NULL;
	size_t size = 0, count = 0, added = 1, sizes[CHAIN_CERTIFICATES_MAX];
	enum err error = ERR_OK;
	while (!error && added > 0) {
		error = encode_next(reader, &bytes, &size, &added);
		if (!error && added > 0 && count == CHAIN_CERTIFICATES_MAX)
			error = ERR_LIMIT;
		else if (!error && added > 0)
			sizes[count++] = added;
	}
	if (!error && count == 0)
		error = ERR_MALFORMED;
	if (error) {
		free(bytes);
		return error;
	}
	for (size_t i = 0, at = 0; i < count; at += sizes[i++])
		out_certificates[i] = slice_of(bytes + at, sizes[i]);
	*out_bytes = bytes;
	*out_count = count;
	return ERR_OK;
}
