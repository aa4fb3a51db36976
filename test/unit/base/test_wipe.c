#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "base/wipe.h"

static void test_wipe_clears_exactly_the_range(void **state) {
	uint8_t data[34];
	memset(data, 0xa5, sizeof data);
	wipe(data + 1, 32);
	assert_int_equal(data[0], 0xa5);
	assert_int_equal(data[33], 0xa5);
	for (size_t i = 1; i <= 32; i++)
		assert_int_equal(data[i], 0);
}

static void test_wipe_nothing(void **state) {
	uint8_t byte = 1;
	wipe(NULL, 0);
	wipe(&byte, 0);
	assert_int_equal(byte, 1);
}

static void test_equal_sees_every_byte_and_bit(void **state) {
	uint8_t left[33] = {0}, right[33] = {0};
	assert_true(wipe_equal(left, right, sizeof left));
	assert_true(wipe_equal(NULL, NULL, 0));
	for (size_t bit = 0; bit < 8 * sizeof left; bit++) {
		right[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(wipe_equal(left, right, sizeof left));
		assert_true(wipe_equal(left, right, bit / 8));
		right[bit / 8] = 0;
	}
}

static void test_is_zero_sees_every_bit(void **state) {
	uint8_t data[33] = {0};
	assert_true(wipe_is_zero(data, sizeof data));
	assert_true(wipe_is_zero(NULL, 0));
	for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
		data[bit / 8] = (uint8_t)(1 << bit % 8);
		assert_false(wipe_is_zero(data, sizeof data));
		assert_true(wipe_is_zero(data, bit / 8));
		data[bit / 8] = 0;
	}
}

static uint8_t outside[16]; /* what the guard's scope held, seen from outside it */

static int use_secret(bool early) {
	struct wipe_guard guard __attribute__((cleanup(wipe_guard_done))) = {outside, sizeof outside};
	memset(guard.data, 0x5a, guard.size);
	if (early)
		return outside[0];
	return outside[15] + 1;
}

static void test_guard_wipes_on_every_way_out(void **state) {
	assert_int_equal(use_secret(true), 0x5a);
	assert_true(wipe_is_zero(outside, sizeof outside));
	assert_int_equal(use_secret(false), 0x5b);
	assert_true(wipe_is_zero(outside, sizeof outside));
}

static void test_macro_names_the_whole_object(void **state) {
	struct {
		uint8_t key[32], other[7];
	} scratch;
	WIPE_ON_EXIT(scratch);
	assert_ptr_equal(scratch_guard_.data, &scratch);
	assert_int_equal(scratch_guard_.size, sizeof scratch);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wipe_clears_exactly_the_range),
		cmocka_unit_test(test_wipe_nothing),
		cmocka_unit_test(test_equal_sees_every_byte_and_bit),
		cmocka_unit_test(test_is_zero_sees_every_bit),
		cmocka_unit_test(test_guard_wipes_on_every_way_out),
		cmocka_unit_test(test_macro_names_the_whole_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
