#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>

#include "base/clock.h"
#include "loop/clock_watch.h"

static void test_judge(void **state) {
	struct clock_watch watch = {.suspended = 5 * CLOCK_SECOND};
	/* The wall clock was set, and nothing else happened. */
	assert_int_equal(clock_watch_judge(&watch, 5 * CLOCK_SECOND), CLOCK_WATCH_SET);
	assert_int_equal(clock_watch_judge(&watch, 5 * CLOCK_SECOND + CLOCK_MILLISECOND),
					 CLOCK_WATCH_SET);
	/* Asleep for a second, ten hours, thirty days: each once. */
	uint64_t suspended = 6 * CLOCK_SECOND;
	const uint64_t naps[] = {0, 36000 * CLOCK_SECOND, 2592000 * CLOCK_SECOND};
	for (size_t i = 0; i < sizeof naps / sizeof *naps; i++) {
		suspended += naps[i];
		assert_int_equal(clock_watch_judge(&watch, suspended),
						 CLOCK_WATCH_SET | CLOCK_WATCH_RESUMED);
		assert_int_equal(clock_watch_judge(&watch, suspended), CLOCK_WATCH_SET);
	}
	/* A reading that seems earlier is no sleep, nor is the next. */
	assert_int_equal(clock_watch_judge(&watch, suspended - CLOCK_MILLISECOND), CLOCK_WATCH_SET);
	assert_int_equal(clock_watch_judge(&watch, suspended), CLOCK_WATCH_SET);
}

static void test_nothing_happens(void **state) {
	struct clock_watch watch = {.descriptor = -1};
	assert_int_equal(clock_watch_open(&watch), ERR_OK);
	struct pollfd item = {.fd = watch.descriptor, .events = POLLIN};
	assert_int_equal(poll(&item, 1, 0), 0);
	assert_int_equal(clock_watch_read(&watch), 0);
	clock_watch_close(&watch);
	assert_int_equal(watch.descriptor, -1);
	clock_watch_close(&watch);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_nothing_happens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
