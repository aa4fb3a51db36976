#include "daemon/operation.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"

enum {
	HEAD_SIZE = sizeof "get=1\n" - 1, /* of the first line, the same for both */
	CAPACITY_FIRST = 4096,
	CAPACITY_IDLE = 65536, /* kept between operations */
};

static const char get_head[] = "get=1\n", set_head[] = "set=1\n";

void operation_done(struct operation *operation) {
	wipe(operation->data, operation->capacity);
	free(operation->data);
	*operation = (struct operation){.data = NULL};
}

/* Moves what is left to the front of data, which may be the present buffer, and wipes the rest. */
static void compact(struct operation *operation, uint8_t *data, size_t capacity) {
	size_t left = operation->size - operation->start;
	uint8_t *previous = operation->data;
	if (left > 0)
		memmove(data, previous + operation->start, left);
	if (data == previous) {
		wipe(data + left, operation->size - left);
	} else {
		wipe(previous, operation->size);
		free(previous);
	}
	operation->data = data;
	operation->capacity = capacity;
	operation->size = left;
	operation->start = operation->wiped = 0;
}

enum err operation_reserve(struct operation *operation, uint8_t **out_data, size_t *out_size) {
	size_t left = operation->size - operation->start;
	if (left >= OPERATION_SIZE_MAX)
		return ERR_LIMIT;
	if (operation->size == operation->capacity) {
		size_t capacity = operation->capacity;
		/* Moving down is worth it only for half a buffer, or many small ones would be slow. */
		if (capacity > 0 && left <= capacity / 2) {
			compact(operation, operation->data, capacity);
		} else {
			capacity = capacity > 0 ? 2 * capacity : CAPACITY_FIRST;
			uint8_t *data = malloc(capacity);
			if (!data)
				return ERR_NO_MEMORY;
			compact(operation, data, capacity);
		}
	}
	*out_data = operation->data + operation->size;
	*out_size = operation->capacity - operation->size;
	return ERR_OK;
}

void operation_fill(struct operation *operation, size_t size) {
	operation->size += size;
}

/* Keys are wiped once their operation is over. */
static void forget_taken(struct operation *operation) {
	if (operation->start == 0)
		return;
	wipe(operation->data + operation->wiped, operation->start - operation->wiped);
	operation->wiped = operation->start;
	if (operation->start < operation->size)
		return;
	operation->start = operation->wiped = operation->size = 0;
	if (operation->capacity <= CAPACITY_IDLE)
		return;
	operation_done(operation);
	/* Between the peers that it made: the allocator would keep all of it for the next one. */
	(void)malloc_trim(0);
}

static bool begins(const uint8_t *data, size_t size, const char *head) {
	return memcmp(data, head, size < HEAD_SIZE ? size : HEAD_SIZE) == 0;
}

enum operation_kind operation_next(struct operation *operation, struct slice *out_text) {
	forget_taken(operation);
	size_t size = operation->size - operation->start;
	if (size == 0)
		return OPERATION_PARTIAL;
	const uint8_t *data = operation->data + operation->start;
	bool is_get = begins(data, size, get_head);
	if (!is_get && !begins(data, size, set_head))
		return OPERATION_UNKNOWN;
	if (size <= HEAD_SIZE)
		return OPERATION_PARTIAL;
	if (is_get) {
		if (data[HEAD_SIZE] != '\n')
			return OPERATION_LONG_GET;
		operation->start += HEAD_SIZE + 1;
		return OPERATION_GET;
	}
	/* The end is an empty line; the first line's newline may be the first half of it. */
	size_t from = operation->scanned > HEAD_SIZE - 1 ? operation->scanned : HEAD_SIZE - 1;
	const uint8_t *end = memmem(data + from, size - from, "\n\n", 2);
	if (!end) {
		operation->scanned = size - 1;
		return OPERATION_PARTIAL;
	}
	size_t end_at = (size_t)(end - data) + 1;
	*out_text = slice_of(data + HEAD_SIZE, end_at - HEAD_SIZE);
	operation->start += end_at + 1;
	operation->scanned = 0;
	return OPERATION_SET;
}
