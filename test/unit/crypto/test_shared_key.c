#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "crypto/shared_key.h"

/* printf 'mighty id' and the bytes 1 to 32, through sha256sum(1). */
static void test_known_answer(void **state) {
	static const uint8_t expected[HASH_SIZE] = {0xf4, 0x71, 0x23, 0xaa, 0x54, 0x45, 0xf2, 0x41,
												0x2b, 0xdc, 0x53, 0xad, 0x57, 0x98, 0xb7, 0x5f,
												0x3d, 0x77, 0xd4, 0xc1, 0xa4, 0x09, 0xb4, 0x50,
												0x33, 0x4c, 0xe4, 0x07, 0xc2, 0xd0, 0x68, 0xa0};
	uint8_t key[SHARED_KEY_SIZE], identity[HASH_SIZE];
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)(i + 1);
	assert_int_equal(shared_key_identity("mighty", key, identity), ERR_OK);
	assert_memory_equal(identity, expected, sizeof identity);
	key[31]++;
	assert_int_equal(shared_key_identity("mighty", key, identity), ERR_OK);
	assert_memory_not_equal(identity, expected, sizeof identity);
}

static void test_zeros_are_no_key(void **state) {
	static const uint8_t key[SHARED_KEY_SIZE];
	uint8_t identity[HASH_SIZE] = {7}, before[HASH_SIZE] = {7};
	assert_int_equal(shared_key_identity("mighty", key, identity), ERR_INVALID);
	assert_memory_equal(identity, before, sizeof identity);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answer),
		cmocka_unit_test(test_zeros_are_no_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
