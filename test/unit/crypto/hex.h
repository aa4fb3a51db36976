#pragma once

/* Include after cmocka.h: figures written in hexadecimal, as specifications print them. */

#include <stdlib.h>
#include <string.h>

#include "base/slice.h"

enum { HEX_BYTES_MAX = 20000 };

struct hex {
	size_t size;
	uint8_t bytes[HEX_BYTES_MAX];
};

static inline unsigned hex_digit(char character) {
	const char *digits = "0123456789abcdef";
	const char *found = character != '\0' ? strchr(digits, character) : NULL;
	assert_non_null(found);
	return (unsigned)(found - digits);
}

static inline void hex_parse(struct hex *out_hex, const char *text) {
	size_t size = strlen(text) / 2;
	assert_true(strlen(text) % 2 == 0 && size <= HEX_BYTES_MAX);
	for (size_t i = 0; i < size; i++)
		out_hex->bytes[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	out_hex->size = size;
}

/* On the heap and of exactly that size, so that sanitizers see every byte too many. */
static inline uint8_t *hex_new(const char *text) {
	struct hex *hex = malloc(sizeof *hex);
	assert_non_null(hex);
	hex_parse(hex, text);
	uint8_t *bytes = malloc(hex->size > 0 ? hex->size : 1);
	assert_non_null(bytes);
	memcpy(bytes, hex->bytes, hex->size);
	free(hex);
	return bytes;
}

static inline void hex_assert_equal(const uint8_t *bytes, size_t size, const char *text) {
	assert_int_equal(strlen(text), 2 * size);
	uint8_t *expected = hex_new(text);
	assert_memory_equal(bytes, expected, size);
	free(expected);
}
