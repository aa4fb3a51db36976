#include "crypto/openssl/crl.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "crypto/authority.h"
#include "crypto/openssl/leaf.h"

enum err crl_next(BIO *pem, X509_CRL **out_list) {
	ERR_clear_error();
	X509_CRL *list = PEM_read_bio_X509_CRL(pem, NULL, leaf_no_passphrase, NULL);
	enum err error = list ? ERR_OK : leaf_read_end();
	if (!error)
		*out_list = list;
	return error;
}

int64_t crl_seconds(const ASN1_TIME *time) {
	enum { DAY = 24 * 60 * 60 };
	int days, seconds;
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	const bool known = epoch && ASN1_TIME_diff(&days, &seconds, epoch, time) > 0;
	ASN1_TIME_free(epoch);
	return known ? (int64_t)days * DAY + seconds : INT64_MIN;
}

int64_t crl_from(const X509_CRL *list) {
	const int64_t from = crl_seconds(X509_CRL_get0_lastUpdate(list));
	return from < INT64_MIN + AUTHORITY_SLACK ? INT64_MIN : from - AUTHORITY_SLACK;
}

int64_t crl_until(const X509_CRL *list) {
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(list);
	return next ? crl_seconds(next) : INT64_MAX;
}
