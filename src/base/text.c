#include "base/text.h"

#include <string.h>

#include "base/wipe.h"

/* All ones when first <= character <= last, otherwise zero. */
static uint32_t in_range(uint32_t character, uint32_t first, uint32_t last) {
	return 0 - (((first - 1 - character) & (character - last - 1)) >> 31);
}

/* 0..15; bits 8 and up are set for what is no digit. */
static uint32_t hex_value(char text) {
	uint32_t character = (uint8_t)text;
	uint32_t digit = in_range(character, '0', '9');
	uint32_t lower = in_range(character, 'a', 'f');
	uint32_t upper = in_range(character, 'A', 'F');
	return (digit & (character - '0')) | (lower & (character - 'a' + 10)) |
		   (upper & (character - 'A' + 10)) | (~(digit | lower | upper) << 8);
}

static char hex_digit(uint32_t value) {
	uint32_t letter = in_range(value, 10, 15);
	return (char)(value + '0' + (letter & ('a' - '0' - 10)));
}

/* 0..63; bits 8 and up are set for what is no character of base64. */
static uint32_t base64_value(char text) {
	uint32_t character = (uint8_t)text;
	uint32_t upper = in_range(character, 'A', 'Z');
	uint32_t lower = in_range(character, 'a', 'z');
	uint32_t digit = in_range(character, '0', '9');
	uint32_t plus = in_range(character, '+', '+');
	uint32_t slash = in_range(character, '/', '/');
	return (upper & (character - 'A')) | (lower & (character - 'a' + 26)) |
		   (digit & (character - '0' + 52)) | (plus & 62) | (slash & 63) |
		   (~(upper | lower | digit | plus | slash) << 8);
}

static char base64_character(uint32_t value) {
	uint32_t upper = in_range(value, 0, 25);
	uint32_t lower = in_range(value, 26, 51);
	uint32_t digit = in_range(value, 52, 61);
	uint32_t plus = in_range(value, 62, 62);
	uint32_t slash = in_range(value, 63, 63);
	return (char)((upper & (value + 'A')) | (lower & (value - 26 + 'a')) |
				  (digit & (value - 52 + '0')) | (plus & '+') | (slash & '/'));
}

enum err text_hex_decode(const char *text, size_t text_size, uint8_t *out_data, size_t size) {
	if (text_size / 2 != size || text_size % 2 != 0)
		return ERR_INVALID;
	uint32_t bad = 0;
	for (size_t i = 0; i < text_size; i++)
		bad |= hex_value(text[i]) >> 8;
	if (bad)
		return ERR_INVALID;
	for (size_t i = 0; i < size; i++)
		out_data[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
	return ERR_OK;
}

void text_hex_encode(const uint8_t *data, size_t size, char *out_text) {
	for (size_t i = 0; i < size; i++) {
		out_text[2 * i] = hex_digit(data[i] >> 4);
		out_text[2 * i + 1] = hex_digit(data[i] & 15);
	}
	out_text[2 * size] = '\0';
}

/*
 * A key is ten groups of three bytes and one of two: 43 characters and a padding character. The
 * last group's third character holds four bits of the key and two that must be zero.
 */
enum {
	KEY_GROUPS = (TEXT_KEY_SIZE + 2) / 3,
	KEY_CHARACTERS = TEXT_KEY_BASE64_SIZE - 1,
};
_Static_assert(TEXT_KEY_SIZE % 3 == 2, "the padding is one character");

enum err text_key_decode(const char *text, size_t text_size,
						 uint8_t out_key[static TEXT_KEY_SIZE]) {
	struct {
		char text[KEY_CHARACTERS];
		uint8_t key[3 * KEY_GROUPS];
		uint32_t group, bad;
	} s;
	WIPE_ON_EXIT(s);
	if (text_size != KEY_CHARACTERS || text[KEY_CHARACTERS - 1] != '=')
		return ERR_INVALID;
	memcpy(s.text, text, KEY_CHARACTERS);
	s.text[KEY_CHARACTERS - 1] = 'A'; /* six zero bits */
	s.bad = 0;
	for (size_t i = 0; i < KEY_GROUPS; i++) {
		s.group = 0;
		for (size_t j = 0; j < 4; j++) {
			uint32_t value = base64_value(s.text[4 * i + j]);
			s.bad |= value >> 8;
			s.group = s.group << 6 | (value & 63);
		}
		s.key[3 * i] = (uint8_t)(s.group >> 16);
		s.key[3 * i + 1] = (uint8_t)(s.group >> 8);
		s.key[3 * i + 2] = (uint8_t)s.group;
	}
	s.bad |= s.key[TEXT_KEY_SIZE];
	if (s.bad)
		return ERR_INVALID;
	memcpy(out_key, s.key, TEXT_KEY_SIZE);
	return ERR_OK;
}

void text_key_encode(const uint8_t key[static TEXT_KEY_SIZE],
					 char out_text[static TEXT_KEY_BASE64_SIZE]) {
	struct {
		uint8_t key[3 * KEY_GROUPS];
		uint32_t group;
	} s = {0};
	WIPE_ON_EXIT(s);
	memcpy(s.key, key, TEXT_KEY_SIZE);
	for (size_t i = 0; i < KEY_GROUPS; i++) {
		s.group = (uint32_t)s.key[3 * i] << 16 | (uint32_t)s.key[3 * i + 1] << 8 | s.key[3 * i + 2];
		for (size_t j = 0; j < 4; j++)
			out_text[4 * i + j] = base64_character(s.group >> (18 - 6 * j) & 63);
	}
	out_text[KEY_CHARACTERS - 1] = '=';
	out_text[KEY_CHARACTERS] = '\0';
}

enum err text_unsigned_parse(const char *text, size_t text_size, uint64_t maximum,
							 uint64_t *out_value) {
	if (text_size == 0 || (text[0] == '0' && text_size > 1))
		return ERR_INVALID;
	uint64_t value = 0;
	for (size_t i = 0; i < text_size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return ERR_INVALID;
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value) || value > maximum)
			return ERR_INVALID;
	}
	*out_value = value;
	return ERR_OK;
}
