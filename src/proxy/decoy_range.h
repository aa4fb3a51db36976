#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* Parts of a file that a request asks for (RFC 9110 section 14). */

enum { DECOY_RANGES_MAX = 32 /* more are answered with the whole file */ };

struct decoy_range {
	uint64_t begin, end; /* the first byte, and the one behind the last */
};

/*
 * Those that the file has, in their order. ERR_NOT_FOUND: none of them, or nonsense, to be
 * answered with 416; ERR_UNSUPPORTED: another unit, too many, or more bytes together than the file
 * has: the whole file is the answer.
 */
enum err decoy_range_parse(struct slice text, uint64_t size,
						   struct decoy_range out_ranges[static DECOY_RANGES_MAX],
						   size_t *out_count);
