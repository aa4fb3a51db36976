#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"

/* One cookie's value out of a field's (RFC 6265). Views; nothing is decoded. */

/*
 * Of a request's `cookie`, "a=1; name=VALUE; b=2". ERR_NOT_FOUND; ERR_MALFORMED where the name
 * stands twice, so that nobody can disagree about which counts.
 */
enum err http_cookie_find(struct slice field, const char *name, struct slice *out_value);

/* Of an answer's `set-cookie`, "name=VALUE; Path=/; Secure". ERR_NOT_FOUND. */
enum err http_cookie_find_set(struct slice field, const char *name, struct slice *out_value);
