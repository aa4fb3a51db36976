#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Texts of keys. Neither direction branches or indexes memory by the secret bytes, so that keys do
 * not leak through caches. base64 is RFC 4648 section 4 with padding; hex is lower case.
 */

enum {
	TEXT_KEY_SIZE = 32,
	TEXT_KEY_HEX_SIZE = 2 * TEXT_KEY_SIZE + 1,              /* with its NUL */
	TEXT_KEY_BASE64_SIZE = (TEXT_KEY_SIZE + 2) / 3 * 4 + 1, /* 44 characters and a NUL */
};

/* Exactly 2 × size hexadecimal digits, either case; ERR_INVALID otherwise, out_data untouched. */
enum err text_hex_decode(const char *text, size_t text_size, uint8_t *out_data, size_t size);

/* Writes 2 × size digits and a NUL. */
void text_hex_encode(const uint8_t *data, size_t size, char *out_text);

/* Exactly 44 characters that are the canonical base64 of 32 bytes; ERR_INVALID otherwise. */
enum err text_key_decode(const char *text, size_t text_size, uint8_t out_key[static TEXT_KEY_SIZE]);

void text_key_encode(const uint8_t key[static TEXT_KEY_SIZE],
					 char out_text[static TEXT_KEY_BASE64_SIZE]);

/* A decimal number without sign, blanks or leading zeros, 0..maximum; ERR_INVALID otherwise. */
enum err text_unsigned_parse(const char *text, size_t text_size, uint64_t maximum,
							 uint64_t *out_value);
