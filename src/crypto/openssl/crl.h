#pragma once

#include <stdint.h>

#include <openssl/x509.h>

#include "base/error.h"

/* Lists of revoked certificates, in the library's form; inside of crypto/openssl only. */

/* The next list of a PEM text, NULL at its end; the caller frees it. ERR_MALFORMED. */
enum err crl_next(BIO *pem, X509_CRL **out_list);

/* Seconds since 1970; INT64_MIN for a time that is none. */
int64_t crl_seconds(const ASN1_TIME *time);
/* From when a list holds: some time before it says so, for clocks that are behind its issuer's. */
int64_t crl_from(const X509_CRL *list);
/* Until when a list holds; INT64_MAX where it does not say. */
int64_t crl_until(const X509_CRL *list);
