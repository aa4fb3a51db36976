#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto/keystream.h"
#include "hex.h"

/* RFC 8439 appendix A.1, the vectors with a zero nonce. */
static const struct row {
	uint8_t first, second, last; /* bytes 0, 1 and 31 of the key; the others are 0 */
	uint32_t block;
	const char *expected;
} rows[] = {
	{0, 0, 0, 0,
	 "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
	 "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"},
	{0, 0, 0, 1,
	 "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
	 "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"},
	{0, 0, 1, 1,
	 "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
	 "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0"},
	{0, 0xff, 0, 2,
	 "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
	 "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096"},
};

static void published_blocks(void **state) {
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t key[AEAD_KEY_SIZE] = {rows[i].first, rows[i].second};
		uint8_t block[KEYSTREAM_BLOCK_SIZE];
		key[AEAD_KEY_SIZE - 1] = rows[i].last;
		memset(block, 0xee, sizeof block); /* what was there does not matter */
		assert_int_equal(keystream_chacha20(key, rows[i].block, block, sizeof block), ERR_OK);
		hex_assert_equal(block, sizeof block, rows[i].expected);
	}
}

static void any_part_is_of_one_stream(void **state) {
	static const uint8_t key[AEAD_KEY_SIZE] = {7};
	uint8_t whole[10 * KEYSTREAM_BLOCK_SIZE], part[sizeof whole];
	assert_int_equal(keystream_chacha20(key, 0, whole, sizeof whole), ERR_OK);
	for (uint32_t block = 0; block < 10; block++) {
		size_t size = (10 - block) * KEYSTREAM_BLOCK_SIZE - block;
		memset(part, 0xee, sizeof part);
		assert_int_equal(keystream_chacha20(key, block, part, size), ERR_OK);
		assert_memory_equal(part, whole + (size_t)block * KEYSTREAM_BLOCK_SIZE, size);
		if (block > 0)
			assert_int_equal(part[size], 0xee);
	}
}

static void ends_where_its_numbers_end(void **state) {
	static const uint8_t key[AEAD_KEY_SIZE] = {7};
	uint8_t data[KEYSTREAM_BLOCK_SIZE + 1];
	assert_int_equal(keystream_chacha20(key, UINT32_MAX, data, KEYSTREAM_BLOCK_SIZE), ERR_OK);
	assert_int_equal(keystream_chacha20(key, UINT32_MAX, data, sizeof data), ERR_INVALID);
	assert_int_equal(keystream_chacha20(key, UINT32_MAX, data, 0), ERR_OK);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_blocks),
		cmocka_unit_test(any_part_is_of_one_stream),
		cmocka_unit_test(ends_where_its_numbers_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
