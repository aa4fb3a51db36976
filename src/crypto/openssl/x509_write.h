#pragma once

#include <stdbool.h>

#include <openssl/x509v3.h>

#include "crypto/certificate.h"

/* Making certificates, in the library's form; inside of crypto/openssl only. */

/* What a certificate may be for: an address, or labels of letters, digits and '-', "*" the first.
 */
bool x509_write_is_name(const char *text);

/* A random one of 16 bytes. */
bool x509_write_serial(X509 *leaf);
/* issuer: the issuing certificate, or leaf itself. */
bool x509_write_extension(X509 *leaf, X509 *issuer, int kind, const char *value);
/* The subject's common name. */
bool x509_write_common_name(X509 *leaf, const char *name);
bool x509_write_times(X509 *leaf, int64_t valid_from, int64_t valid_until);
/* subjectAltName of DNS names and addresses. */
bool x509_write_names(X509 *leaf, const char *const *names, size_t count);

/* Both texts; ERR_CRYPTO. */
enum err x509_write_pair(X509 *leaf, EVP_PKEY *key, struct certificate_pair *out_pair);
