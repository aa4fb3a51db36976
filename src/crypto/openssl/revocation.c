#include "crypto/revocation.h"

#include <openssl/err.h>

#include "crypto/openssl/crl.h"
#include "crypto/openssl/leaf.h"

static void stack_done(STACK_OF(X509_CRL) * *stack) {
	sk_X509_CRL_pop_free(*stack, X509_CRL_free);
}
#define auto_stack __attribute__((cleanup(stack_done)))

/* In place of one of the same issuer that ends sooner. */
static enum err keep(STACK_OF(X509_CRL) * lists, X509_CRL *list) {
	for (int i = 0; i < sk_X509_CRL_num(lists); i++) {
		X509_CRL *other = sk_X509_CRL_value(lists, i);
		if (X509_NAME_cmp(X509_CRL_get_issuer(other), X509_CRL_get_issuer(list)) != 0)
			continue;
		if (crl_until(list) > crl_until(other)) {
			(void)sk_X509_CRL_set(lists, i, list);
			list = other;
		}
		X509_CRL_free(list);
		return ERR_OK;
	}
	if (sk_X509_CRL_push(lists, list) > 0)
		return ERR_OK;
	X509_CRL_free(list);
	return ERR_NO_MEMORY;
}

static enum err read_all(struct slice pem, STACK_OF(X509_CRL) * lists) {
	auto_bio BIO *reader = leaf_reader(pem);
	if (!reader)
		return ERR_NO_MEMORY;
	for (;;) {
		X509_CRL *list = NULL;
		enum err error = crl_next(reader, &list);
		if (error || !list)
			return error;
		error = keep(lists, list);
		if (error)
			return error;
	}
}

const char *revocation_problem(const struct revocation_times *times, int64_t now) {
	if (times->until <= now)
		return "its list of revoked certificates is out of date, and no certificate is taken "
			   "before there is a newer one";
	if (times->from > now)
		return "its list of revoked certificates is not valid yet, and no certificate is taken: "
			   "is this host's clock wrong?";
	return NULL;
}

enum err revocation_read(struct slice pem, struct revocation_times *out_times) {
	struct revocation_times times = {.from = INT64_MIN, .until = INT64_MAX};
	auto_stack STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
	enum err error = lists ? read_all(pem, lists) : ERR_NO_MEMORY;
	if (!error && sk_X509_CRL_num(lists) == 0)
		error = ERR_MALFORMED;
	if (error)
		return error;
	for (int i = 0; i < sk_X509_CRL_num(lists); i++) {
		const X509_CRL *list = sk_X509_CRL_value(lists, i);
		const int64_t from = crl_from(list), until = crl_until(list);
		times.from = from > times.from ? from : times.from;
		times.until = until < times.until ? until : times.until;
	}
	*out_times = times;
	return ERR_OK;
}
