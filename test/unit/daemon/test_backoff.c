#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/backoff.h"

static void test_at_once_then_doubling(void **state) {
	struct backoff backoff = {0};
	const uint64_t expected[] = {0, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
		assert_int_equal(backoff_delay(&backoff, 0), expected[i] * CLOCK_MILLISECOND);
}

static void test_a_grown_process_starts_at_once(void **state) {
	struct backoff backoff = {0};
	for (unsigned i = 0; i < 8; i++)
		(void)backoff_delay(&backoff, CLOCK_SECOND - 1);
	assert_int_equal(backoff_delay(&backoff, CLOCK_SECOND - 1), 5 * CLOCK_SECOND);
	assert_int_equal(backoff_delay(&backoff, CLOCK_SECOND), 0);
	assert_int_equal(backoff_delay(&backoff, 0), 100 * CLOCK_MILLISECOND);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_once_then_doubling),
		cmocka_unit_test(test_a_grown_process_starts_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
