#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Round trips and the encodings' own texts; the pairs were made with other programs. */
static const struct {
	const char *hex, *base64;
} keys[] = {
	{"0000000000000000000000000000000000000000000000000000000000000000",
	 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
	{"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	 "//////////////////////////////////////////8="},
	{"35c7c7f729b03262e23df45b09d6847248696fe4fd915b472e6ce76be36904a7",
	 "NcfH9ymwMmLiPfRbCdaEckhpb+T9kVtHLmzna+NpBKc="},
	{"d72042a0495dd8f697d88165c7272cd68b4d0fee9acb364010bb9d38baa58e74",
	 "1yBCoEld2PaX2IFlxycs1otND+6ayzZAELudOLqljnQ="},
	{"813f4aa8a333023b31aac475ced79f23ca8750ab66bb2c0485b4ba705fa3bc91",
	 "gT9KqKMzAjsxqsR1ztefI8qHUKtmuywEhbS6cF+jvJE="},
	{"5c8e3f724e6ba8c94fc2b61b7e8f700be2d4534528adde224a7310da87f02d09",
	 "XI4/ck5rqMlPwrYbfo9wC+LUU0Uord4iSnMQ2ofwLQk="},
};
enum { KEYS = sizeof keys / sizeof keys[0] };

static void test_keys_in_both_texts(void **state) {
	for (size_t i = 0; i < KEYS; i++) {
		uint8_t from_hex[TEXT_KEY_SIZE], from_base64[TEXT_KEY_SIZE];
		char hex[TEXT_KEY_HEX_SIZE], base64[TEXT_KEY_BASE64_SIZE];
		assert_int_equal(text_hex_decode(keys[i].hex, strlen(keys[i].hex), from_hex, TEXT_KEY_SIZE),
						 ERR_OK);
		assert_int_equal(text_key_decode(keys[i].base64, strlen(keys[i].base64), from_base64),
						 ERR_OK);
		assert_memory_equal(from_hex, from_base64, TEXT_KEY_SIZE);
		text_hex_encode(from_hex, TEXT_KEY_SIZE, hex);
		text_key_encode(from_hex, base64);
		assert_string_equal(hex, keys[i].hex);
		assert_string_equal(base64, keys[i].base64);
	}
}

static void test_every_byte_in_hex(void **state) {
	for (unsigned value = 0; value < 256; value++) {
		uint8_t byte = (uint8_t)value, decoded;
		char expected[3], upper[3], text[3];
		(void)snprintf(expected, sizeof expected, "%02x", value);
		(void)snprintf(upper, sizeof upper, "%02X", value);
		text_hex_encode(&byte, 1, text);
		assert_string_equal(text, expected);
		decoded = (uint8_t)~byte;
		assert_int_equal(text_hex_decode(text, 2, &decoded, 1), ERR_OK);
		assert_int_equal(decoded, byte);
		decoded = (uint8_t)~byte;
		assert_int_equal(text_hex_decode(upper, 2, &decoded, 1), ERR_OK);
		assert_int_equal(decoded, byte);
	}
}

/* Every character in every place of a text: only digits pass. */
static void test_hex_refuses_other_characters(void **state) {
	for (unsigned value = 0; value < 256; value++) {
		char character = (char)value;
		bool good = value != 0 && strchr("0123456789abcdefABCDEF", character) != NULL;
		for (size_t place = 0; place < 4; place++) {
			char text[] = "1234";
			uint8_t data[2] = {0xee, 0xee};
			text[place] = character;
			enum err error = text_hex_decode(text, 4, data, 2);
			assert_int_equal(error, good ? ERR_OK : ERR_INVALID);
			if (!good)
				assert_memory_equal(data, ((uint8_t[]){0xee, 0xee}), 2);
		}
	}
}

static void test_hex_refuses_other_sizes(void **state) {
	uint8_t data[3] = {0xee, 0xee, 0xee};
	assert_int_equal(text_hex_decode("123", 3, data, 2), ERR_INVALID);
	assert_int_equal(text_hex_decode("12345", 5, data, 2), ERR_INVALID);
	assert_int_equal(text_hex_decode("123456", 6, data, 2), ERR_INVALID);
	assert_int_equal(text_hex_decode("", 0, data, 2), ERR_INVALID);
	assert_int_equal(text_hex_decode("", 0, data, 0), ERR_OK);
	assert_memory_equal(data, ((uint8_t[]){0xee, 0xee, 0xee}), 3);
}

/* Every value of every group of six bits comes out as RFC 4648's table has it. */
static void test_base64_alphabet(void **state) {
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (uint8_t value = 0; value < 64; value++) {
		uint8_t key[TEXT_KEY_SIZE] = {0}, decoded[TEXT_KEY_SIZE];
		char text[TEXT_KEY_BASE64_SIZE];
		key[0] = (uint8_t)(value << 2 | value >> 4);
		key[1] = (uint8_t)(value << 4 | value >> 2);
		key[2] = (uint8_t)(value << 6 | value);
		text_key_encode(key, text);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(text[i], alphabet[value]);
		assert_int_equal(text_key_decode(text, strlen(text), decoded), ERR_OK);
		assert_memory_equal(decoded, key, sizeof key);
	}
}

static void test_base64_refuses_other_characters(void **state) {
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (unsigned value = 0; value < 256; value++) {
		bool good = value != 0 && strchr(alphabet, (char)value) != NULL;
		for (size_t place = 0; place < 42; place++) {
			uint8_t key[TEXT_KEY_SIZE];
			char text[TEXT_KEY_BASE64_SIZE];
			strcpy(text, keys[0].base64);
			text[place] = (char)value;
			assert_int_equal(text_key_decode(text, 44, key), good ? ERR_OK : ERR_INVALID);
		}
	}
}

/* Exactly one text a key: the 43rd character's low two bits are zero, the 44th is the padding. */
static void test_base64_is_canonical(void **state) {
	unsigned accepted = 0;
	for (unsigned value = 0; value < 256; value++) {
		uint8_t key[TEXT_KEY_SIZE];
		char text[TEXT_KEY_BASE64_SIZE], again[TEXT_KEY_BASE64_SIZE];
		strcpy(text, keys[0].base64);
		text[42] = (char)value;
		if (text_key_decode(text, 44, key) == ERR_OK) {
			accepted++;
			text_key_encode(key, again);
			assert_string_equal(again, text);
		}
		strcpy(text, keys[0].base64);
		text[43] = (char)value;
		assert_int_equal(text_key_decode(text, 44, key), value == '=' ? ERR_OK : ERR_INVALID);
	}
	assert_int_equal(accepted, 16);
}

static void test_base64_refuses_other_sizes(void **state) {
	static const char text[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=AAA=";
	uint8_t key[TEXT_KEY_SIZE], untouched[TEXT_KEY_SIZE];
	memset(key, 0xee, sizeof key);
	memcpy(untouched, key, sizeof key);
	for (size_t size = 0; size < sizeof text; size++) {
		if (size != 44)
			assert_int_equal(text_key_decode(text, size, key), ERR_INVALID);
	}
	assert_memory_equal(key, untouched, sizeof key);
}

static void test_unsigned(void **state) {
	static const struct {
		const char *text;
		uint64_t maximum;
		bool good;
		uint64_t value;
	} rows[] = {
		{"0", 10, true, 0},
		{"0", 0, true, 0},
		{"7", 10, true, 7},
		{"10", 10, true, 10},
		{"11", 10, false, 0},
		{"1", 0, false, 0},
		{"65535", 65535, true, 65535},
		{"65536", 65535, false, 0},
		{"4294967296", UINT32_MAX, false, 0},
		{"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
		{"18446744073709551616", UINT64_MAX, false, 0},
		{"18446744073709551620", UINT64_MAX, false, 0},
		{"184467440737095516150", UINT64_MAX, false, 0},
		{"99999999999999999999999999", UINT64_MAX, false, 0},
		{"", 10, false, 0},
		{"00", 10, false, 0},
		{"07", 10, false, 0},
		{"+7", 10, false, 0},
		{"-1", UINT64_MAX, false, 0},
		{" 7", 10, false, 0},
		{"7 ", 10, false, 0},
		{"7\n", 100, false, 0},
		{"0x7", 10, false, 0},
		{"1e1", 100, false, 0},
		{"/", UINT64_MAX, false, 0},
		{":", UINT64_MAX, false, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t value = 4711;
		enum err error =
			text_unsigned_parse(rows[i].text, strlen(rows[i].text), rows[i].maximum, &value);
		assert_int_equal(error, rows[i].good ? ERR_OK : ERR_INVALID);
		assert_int_equal(value, rows[i].good ? rows[i].value : 4711);
	}
	uint64_t value = 4711;
	assert_int_equal(text_unsigned_parse("7\0008", 3, 1000, &value), ERR_INVALID);
	assert_int_equal(text_unsigned_parse("123", 2, 1000, &value), ERR_OK);
	assert_int_equal(value, 12);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_in_both_texts),
		cmocka_unit_test(test_every_byte_in_hex),
		cmocka_unit_test(test_hex_refuses_other_characters),
		cmocka_unit_test(test_hex_refuses_other_sizes),
		cmocka_unit_test(test_base64_alphabet),
		cmocka_unit_test(test_base64_refuses_other_characters),
		cmocka_unit_test(test_base64_is_canonical),
		cmocka_unit_test(test_base64_refuses_other_sizes),
		cmocka_unit_test(test_unsigned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
