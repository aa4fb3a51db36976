#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"

/* Percent-encoding of a part of a path or query, RFC 3986 section 2.1. */

/*
 * Decodes into out_text of capacity bytes, with a NUL. ERR_MALFORMED: "%" without two digits, or a
 * control character comes out; ERR_LIMIT: it does not fit. "+" stays what it is.
 */
enum err percent_decode(struct slice encoded, char *out_text, size_t capacity);

/* All but letters, digits and "-._~" encoded, which takes up to three bytes each. ERR_LIMIT. */
enum err percent_encode(const char *text, char *out_encoded, size_t capacity);
