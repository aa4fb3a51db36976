#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/network_watch.h"

#define START (1000 * CLOCK_SECOND)

static bool nobody(void *context, uint32_t interface) {
	return false;
}

static struct network_watch *watch_new(void) {
	const struct network_news_filter filter = {.is_own = nobody};
	struct network_watch *watch;
	assert_int_equal(network_watch_new(&filter, &watch), ERR_OK);
	return watch;
}

static void test_quiet(void **state) {
	struct network_watch *watch = watch_new();
	assert_true(network_watch_descriptor(watch) >= 0);
	assert_int_equal(network_watch_deadline(watch), CLOCK_NEVER);
	assert_false(network_watch_take(watch, START));
	network_watch_free(watch);
	network_watch_free(NULL);
}

/* A burst is one change, told 20 ms after its last message. */
static void test_burst(void **state) {
	struct network_watch *watch = watch_new();
	for (uint64_t i = 0; i < 5; i++)
		network_watch_note(watch, START + i * 10 * CLOCK_MILLISECOND);
	uint64_t due = START + 60 * CLOCK_MILLISECOND;
	assert_int_equal(network_watch_deadline(watch), due);
	assert_false(network_watch_take(watch, due - 1));
	assert_true(network_watch_take(watch, due));
	assert_false(network_watch_take(watch, due + CLOCK_SECOND));
	assert_int_equal(network_watch_deadline(watch), CLOCK_NEVER);
	network_watch_free(watch);
}

/* What does not end is told of after 100 ms, and from then on five times a second. */
static void test_storm(void **state) {
	struct network_watch *watch = watch_new();
	unsigned told = 0;
	uint64_t first = 0;
	for (uint64_t now = START; now < START + 2 * CLOCK_SECOND; now += CLOCK_MILLISECOND) {
		network_watch_note(watch, now);
		if (!network_watch_take(watch, now))
			continue;
		told++;
		first = first ? first : now;
	}
	assert_int_equal(first, START + NETWORK_WATCH_LATE);
	assert_int_equal(told, 1 + (2000 - 101) / 200);
	network_watch_free(watch);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_storm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
