/*
 * The operations in a stream of bytes do not depend on how it was chopped, and are those that a
 * plain reading of the whole finds.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "daemon/operation.h"
#include "expect.h"

/* What comes next in data, all of which is there; *out_size is its size. */
static enum operation_kind reference(const uint8_t *data, size_t size, struct slice *out_text,
									 size_t *out_size) {
	size_t head = size < 6 ? size : 6;
	if (head == 0)
		return OPERATION_PARTIAL;
	if (memcmp(data, "get=1\n", head) == 0) {
		*out_size = 7;
		if (size < 7)
			return OPERATION_PARTIAL;
		return data[6] == '\n' ? OPERATION_GET : OPERATION_LONG_GET;
	}
	if (memcmp(data, "set=1\n", head) != 0)
		return OPERATION_UNKNOWN;
	if (size < 7)
		return OPERATION_PARTIAL;
	const uint8_t *end = memmem(data + 5, size - 5, "\n\n", 2);
	if (end) {
		*out_size = (size_t)(end - data) + 2;
		*out_text = slice_of(data + 6, *out_size - 7);
		return OPERATION_SET;
	}
	return OPERATION_PARTIAL;
}

/* Takes all operations that are complete; false once the stream makes no sense. */
static int take_all(struct operation *operation, const uint8_t *data, size_t available,
					size_t *at) {
	for (;;) {
		struct slice text = {0}, expected_text = {0};
		size_t taken = 0;
		enum operation_kind expected =
			reference(data + *at, available - *at, &expected_text, &taken);
		expect(operation_next(operation, &text) == expected);
		if (expected == OPERATION_PARTIAL)
			return 1;
		if (expected == OPERATION_LONG_GET || expected == OPERATION_UNKNOWN)
			return 0;
		if (expected == OPERATION_SET) {
			expect(text.size == expected_text.size);
			expect(text.size == 0 || memcmp(text.data, expected_text.data, text.size) == 0);
		}
		*at += taken;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	/* The first byte is the size of the pieces. */
	if (size == 0)
		return 0;
	size_t piece = 1 + (size_t)data[0] * data[0];
	data++;
	size--;
	struct operation operation = {0};
	size_t fed = 0, at = 0;
	int sensible = 1;
	while (sensible && fed < size) {
		uint8_t *room;
		size_t room_size;
		expect(operation_reserve(&operation, &room, &room_size) == ERR_OK && room_size > 0);
		size_t count = size - fed < piece ? size - fed : piece;
		if (count > room_size)
			count = room_size;
		memcpy(room, data + fed, count);
		operation_fill(&operation, count);
		fed += count;
		sensible = take_all(&operation, data, fed, &at);
	}
	operation_done(&operation);
	return 0;
}
