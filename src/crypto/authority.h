#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/certificate.h"

/*
 * A certificate authority of one's own: Ed25519 (RFC 8410), certificates for servers and for
 * users' clients, and the list of those revoked (RFC 5280). Pure: files and clocks are the
 * caller's; times are seconds since 1970.
 */

enum {
	AUTHORITY_SERIAL_SIZE = 16, /* of what is issued here */
	AUTHORITY_NAME_SIZE_MAX = 64,
	AUTHORITY_ENTRY_NAME_SIZE = 256,
	AUTHORITY_REVOKED_MAX = 65536, /* certificates on a list */
	AUTHORITY_SLACK = 60 * 60,     /* seconds, for clocks that are behind */
};

struct authority;

/* name: what people see, 1 … 64 bytes of UTF-8. ERR_INVALID for a name or times that are none. */
enum err authority_make(const char *name, int64_t valid_from, int64_t valid_until,
						struct certificate_pair *out_pair);

/* ERR_MALFORMED for texts that are none of authority_make(), ERR_AUTHENTICATION for another's key.
 */
enum err authority_load(struct slice certificate, struct slice key,
						struct authority **out_authority);
void authority_free(struct authority *authority); /* NULL is fine */

enum authority_use { AUTHORITY_SERVER, AUTHORITY_CLIENT };

struct authority_request {
	enum authority_use use;
	/* A server's DNS names and addresses, as in struct certificate_request. */
	const char *const *names;
	size_t name_count;
	/* A client's user: the address in subjectAltName when it has an '@', otherwise the common name.
	 */
	const char *user;
	int64_t valid_from, valid_until; /* the latter not behind the authority's own */
};

/* With a new key. ERR_INVALID for a request that is none; ERR_EXPIRED for times beyond its own. */
enum err authority_issue(const struct authority *authority, const struct authority_request *request,
						 struct certificate_pair *out_pair);

/* What people see of a certificate. */
struct authority_entry {
	char serial[2 * AUTHORITY_SERIAL_SIZE + 1]; /* hex */
	char name[AUTHORITY_ENTRY_NAME_SIZE];       /* a client's user, a server's first name */
	enum authority_use use;
	int64_t valid_from, valid_until;
};

/* One that was issued by authority_issue(). ERR_MALFORMED for any other. */
enum err authority_describe(struct slice certificate, struct authority_entry *out_entry);

/*
 * The list of before (PEM; empty: the first one) and one certificate of the authority's more, on
 * the heap with its NUL. A list holds from AUTHORITY_SLACK before now until the authority's end.
 * ERR_MALFORMED for a list or a
 * certificate that is none, ERR_AUTHENTICATION for those of another, ERR_EXISTS for a certificate
 * that is on it.
 */
enum err authority_revoke(const struct authority *authority, struct slice list,
						  struct slice certificate, int64_t now, char **out_list);
/* A list with nobody on it, for those who check it. */
enum err authority_list(const struct authority *authority, int64_t now, char **out_list);

/*
 * What the authority's list says of its certificate. ERR_NOT_FOUND for a certificate of another's;
 * otherwise errors as above.
 */
enum err authority_is_revoked(const struct authority *authority, struct slice list,
							  struct slice certificate, bool *out_revoked);
