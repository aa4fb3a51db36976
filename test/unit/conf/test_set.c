#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/set.h"

static void test_first_values_stay(void **state) {
	enum { COUNT = 10000 };
	static uint32_t keys[COUNT];
	struct set set;
	assert_int_equal(set_init(&set, COUNT), ERR_OK);
	for (uint32_t i = 0; i < COUNT; i++) {
		keys[i] = i / 2; /* each one twice */
		const uint32_t *before = set_put(&set, slice_of(&keys[i], sizeof keys[i]), &keys[i]);
		assert_ptr_equal(before, i % 2 ? &keys[i - 1] : NULL);
	}
	set_done(&set);
}

static void test_lengths_count(void **state) {
	static const char text[] = "aaaa";
	struct set set;
	assert_int_equal(set_init(&set, 4), ERR_OK);
	for (size_t size = 0; size <= 3; size++)
		assert_null(set_put(&set, slice_of(text, size), text));
	for (size_t size = 0; size <= 3; size++)
		assert_ptr_equal(set_put(&set, slice_of(text, size), "other"), text);
	set_done(&set);
}

static void test_empty_set(void **state) {
	struct set set;
	assert_int_equal(set_init(&set, 0), ERR_OK);
	set_done(&set);
	set_done(&set);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_values_stay),
		cmocka_unit_test(test_lengths_count),
		cmocka_unit_test(test_empty_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
