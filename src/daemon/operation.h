#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * Cuts what a configuration connection sends into operations:
 *
 *   get=1 ⏎ ⏎        set=1 ⏎ key=value ⏎ … ⏎ ⏎
 *
 * Pure: bytes in, operations out, however they were chopped. What it held is wiped.
 */

enum { OPERATION_SIZE_MAX = 64 << 20 }; /* bytes of one operation */

enum operation_kind {
	OPERATION_PARTIAL, /* more bytes are needed */
	OPERATION_GET,
	OPERATION_SET,
	OPERATION_LONG_GET, /* a get with more than its line; nothing sensible can follow */
	OPERATION_UNKNOWN,  /* it starts with neither; the same */
};

struct operation {
	uint8_t *data;
	size_t size, capacity;
	size_t start;   /* of the present operation */
	size_t wiped;   /* bytes from data on that were taken and wiped */
	size_t scanned; /* bytes from start on that hold no end */
};

void operation_done(struct operation *operation);

/*
 * Room for at least one byte more, to be filled from *out_data on and announced by
 * operation_fill(). ERR_LIMIT when the present operation has its greatest size, ERR_NO_MEMORY.
 */
enum err operation_reserve(struct operation *operation, uint8_t **out_data, size_t *out_size);
void operation_fill(struct operation *operation, size_t size);

/*
 * The next operation, which is thereby taken. For OPERATION_SET, out_text is its lines behind the
 * first, each with its newline, without the empty one; valid until the next call of any function.
 */
enum operation_kind operation_next(struct operation *operation, struct slice *out_text);
