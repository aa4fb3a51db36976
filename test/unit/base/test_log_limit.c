#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log_limit.h"

static void test_twenty_a_second(void **state) {
	struct log_limit limit = {0};
	uint64_t now = 5 * CLOCK_SECOND;
	uint32_t dropped;
	for (int i = 0; i < LOG_LIMIT_LINES; i++) {
		assert_true(log_limit_take(&limit, now + (uint64_t)i, &dropped));
		assert_int_equal(dropped, 0);
	}
	for (int i = 0; i < 7; i++) {
		assert_false(log_limit_take(&limit, now + CLOCK_SECOND - 1, &dropped));
		assert_int_equal(dropped, 0);
	}
	/* The next second tells of the seven once. */
	assert_true(log_limit_take(&limit, now + CLOCK_SECOND, &dropped));
	assert_int_equal(dropped, 7);
	assert_true(log_limit_take(&limit, now + CLOCK_SECOND, &dropped));
	assert_int_equal(dropped, 0);
}

static void test_slow_lines_all_pass(void **state) {
	struct log_limit limit = {0};
	uint32_t dropped;
	for (uint64_t i = 0; i < 1000; i++) {
		assert_true(log_limit_take(&limit, i * CLOCK_SECOND / LOG_LIMIT_LINES, &dropped));
		assert_int_equal(dropped, 0);
	}
}

static void test_kinds(void **state) {
	struct log_kind kind = {0};
	const uint64_t start = 5 * CLOCK_SECOND, end = start + LOG_KIND_SECONDS * CLOCK_SECOND;
	uint32_t suppressed;
	for (int i = 0; i < LOG_KIND_LINES; i++) {
		assert_true(log_limit_take_kind(&kind, start, &suppressed));
		assert_int_equal(suppressed, 0);
	}
	for (int i = 0; i < 41; i++) {
		assert_false(log_limit_take_kind(&kind, end - 1, &suppressed));
		assert_int_equal(suppressed, 0);
	}
	assert_true(log_limit_take_kind(&kind, end, &suppressed));
	assert_int_equal(suppressed, 41);
	assert_true(log_limit_take_kind(&kind, end, &suppressed));
	assert_int_equal(suppressed, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twenty_a_second),
		cmocka_unit_test(test_slow_lines_all_pass),
		cmocka_unit_test(test_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
