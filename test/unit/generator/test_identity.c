#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "bench/generator/identity.h"
#include "crypto/x25519.h"

static void test_keys_follow_from_seed_and_number(void **state) {
	uint8_t first[X25519_KEY_SIZE], again[X25519_KEY_SIZE];
	assert_int_equal(identity_private(1, 7, first), ERR_OK);
	assert_int_equal(identity_private(1, 7, again), ERR_OK);
	assert_memory_equal(first, again, sizeof first);
	assert_int_equal(identity_private(1, 8, again), ERR_OK);
	assert_memory_not_equal(first, again, sizeof first);
	assert_int_equal(identity_private(2, 7, again), ERR_OK);
	assert_memory_not_equal(first, again, sizeof first);
}

static void test_public_key_belongs_to_the_private_one(void **state) {
	uint8_t private_key[X25519_KEY_SIZE], expected[X25519_KEY_SIZE], found[X25519_KEY_SIZE];
	assert_int_equal(identity_private(3, 9, private_key), ERR_OK);
	assert_int_equal(x25519_public(private_key, expected), ERR_OK);
	assert_int_equal(identity_public(3, 9, found), ERR_OK);
	assert_memory_equal(found, expected, sizeof found);
}

static void assert_address(uint32_t number, const char *expected) {
	struct address address = identity_address(number);
	char text[ADDRESS_TEXT_SIZE];
	address_format(&address, text);
	assert_string_equal(text, expected);
}

static void test_addresses(void **state) {
	assert_address(0, "10.200.1.0");
	assert_address(255, "10.200.1.255");
	assert_address(256, "10.200.2.0");
	assert_address(IDENTITY_NUMBERS - 1, "10.200.254.255");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_follow_from_seed_and_number),
		cmocka_unit_test(test_public_key_belongs_to_the_private_one),
		cmocka_unit_test(test_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
