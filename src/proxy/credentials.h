#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"

/* Who may use the front end: names and their passwords. Immutable, so that threads may share it. */

enum {
	CREDENTIALS_MAX = 256,
	CREDENTIALS_TEXT_MAX = 255, /* bytes of a name or a password */
};

struct credential {
	const char *name, *password;
};

struct credentials;

/*
 * Copied. ERR_LIMIT; ERR_INVALID for one that is too long, or a name that is empty or has a colon,
 * which HTTP's Basic (RFC 7617) has no room for.
 */
enum err credentials_new(const struct credential *items, size_t count,
						 struct credentials **out_credentials);
void credentials_free(struct credentials *credentials); /* wipes them; NULL-safe */

/* NULL: nobody needs to say anything, and whatever is said is accepted. */
bool credentials_are_needed(const struct credentials *credentials);

/* Takes as long whichever bytes are wrong, and whether it is of the name or the password. */
bool credentials_accept(const struct credentials *credentials, struct slice name,
						struct slice password);

/* The same of a value of Proxy-Authorization: "Basic ", then base64 of name:password. */
bool credentials_accept_basic(const struct credentials *credentials, struct slice value);
