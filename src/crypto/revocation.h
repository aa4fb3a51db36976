#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* From when until when lists of revoked certificates hold (RFC 5280 section 5.1.2). */

struct revocation_times {
	int64_t from, until; /* seconds since 1970; until INT64_MAX: no list says when */
};

/*
 * When all issuers in a PEM text have a list that holds: of several of one issuer the one that
 * holds longest counts. ERR_MALFORMED for a text without any, or with something else.
 */
enum err revocation_read(struct slice pem, struct revocation_times *out_times);
/* Why nobody can be held against them now, for a person, "its list …"; NULL: they hold. */
const char *revocation_problem(const struct revocation_times *times, int64_t now);
