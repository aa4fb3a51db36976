#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that somebody else owns. An empty slice may have a NULL pointer. */
struct slice {
	const uint8_t *data;
	size_t size;
};

static inline struct slice slice_of(const void *data, size_t size) {
	return (struct slice){.data = data, .size = size};
}

static inline struct slice slice_of_text(const char *text) {
	return slice_of(text, strlen(text));
}
