#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "bench/generator/pace.h"

#define RATE 1000.0 /* so an interval is a millisecond */
#define DEBT (5 * CLOCK_MILLISECOND)

static void test_nothing_is_due_before_an_interval(void **state) {
	struct pace pace;
	pace_init(&pace, RATE, DEBT, CLOCK_SECOND);
	assert_int_equal(pace_take(&pace, CLOCK_SECOND, 10), 0);
	assert_int_equal(pace_take(&pace, CLOCK_SECOND + CLOCK_MILLISECOND - 1, 10), 0);
	assert_int_equal(pace_take(&pace, CLOCK_SECOND + CLOCK_MILLISECOND, 10), 1);
	assert_int_equal(pace_take(&pace, CLOCK_SECOND + CLOCK_MILLISECOND, 10), 0);
}

static void test_rate_is_kept_however_often_it_is_asked(void **state) {
	struct pace pace;
	pace_init(&pace, RATE, DEBT, CLOCK_SECOND);
	uint64_t given = 0;
	/* Steps that divide neither the interval nor the second. */
	for (uint64_t now = CLOCK_SECOND; now <= 2 * CLOCK_SECOND; now += 1234567)
		given += pace_take(&pace, now, 10);
	assert_in_range(given, 998, 1000);
}

static void test_what_is_too_much_for_one_call_is_due_at_the_next(void **state) {
	struct pace pace;
	pace_init(&pace, RATE, DEBT, CLOCK_SECOND);
	uint64_t now = CLOCK_SECOND + 5 * CLOCK_MILLISECOND;
	assert_int_equal(pace_take(&pace, now, 3), 3);
	assert_int_equal(pace_take(&pace, now, 3), 2);
}

static void test_debt_is_bounded(void **state) {
	struct pace pace;
	pace_init(&pace, RATE, DEBT, CLOCK_SECOND);
	assert_int_equal(pace_take(&pace, 3 * CLOCK_SECOND, 1000), 6);
	assert_int_equal(pace_take(&pace, 3 * CLOCK_SECOND, 1000), 0);
}

static void test_next_is_when_one_is_due(void **state) {
	struct pace pace;
	pace_init(&pace, RATE, DEBT, CLOCK_SECOND);
	uint64_t next = pace_next(&pace);
	assert_in_range(next, CLOCK_SECOND, CLOCK_SECOND + CLOCK_MILLISECOND + 1);
	assert_int_equal(pace_take(&pace, next, 10), 1);
}

static void test_without_a_rate_all_is_due_at_once(void **state) {
	struct pace pace;
	pace_init(&pace, 0, DEBT, CLOCK_SECOND);
	assert_int_equal(pace_take(&pace, CLOCK_SECOND, 7), 7);
	assert_int_equal(pace_take(&pace, CLOCK_SECOND, 7), 7);
	assert_int_equal(pace_next(&pace), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_due_before_an_interval),
		cmocka_unit_test(test_rate_is_kept_however_often_it_is_asked),
		cmocka_unit_test(test_what_is_too_much_for_one_call_is_due_at_the_next),
		cmocka_unit_test(test_debt_is_bounded),
		cmocka_unit_test(test_next_is_when_one_is_due),
		cmocka_unit_test(test_without_a_rate_all_is_due_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
