#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "wire/target.h"

/* Where a request to a proxy is to go, as its request target says (RFC 9112 section 3.2). */

/* "example.com:443", "[2001:db8::1]:443" of CONNECT: with a port, not 0. ERR_INVALID. */
enum err origin_parse_authority(struct slice text, struct target *out_target);

struct origin {
	struct target target;
	struct slice host; /* for the field Host: as it came, with its port */
	struct slice path; /* with the query; maybe empty, or without the slash before it */
};

/*
 * "http://example.com:8080/a?b". ERR_UNSUPPORTED: another scheme than http. ERR_MALFORMED: it has
 * none, and is no absolute form at all. ERR_INVALID: what follows is no authority, or there is a
 * user's name or a fragment in it. Views into text.
 */
enum err origin_parse(struct slice text, struct origin *out_origin);
