#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "stream/window.h"

#define BORN (1000 * CLOCK_SECOND)

static void outgoing_grants(void **state) {
	struct window_out window = {.left = WINDOW_INITIAL};
	assert_int_equal(window_out_grant(&window, WINDOW_MAX - WINDOW_INITIAL + 1), ERR_LIMIT);
	assert_int_equal(window_out_grant(&window, UINT32_MAX), ERR_LIMIT);
	assert_int_equal(window.left, WINDOW_INITIAL);
	assert_int_equal(window_out_grant(&window, WINDOW_MAX - WINDOW_INITIAL), ERR_OK);
	assert_int_equal(window.left, 16777215);
	assert_int_equal(window_out_grant(&window, 1), ERR_LIMIT);
}

static void incoming_is_bounded(void **state) {
	struct window_in window;
	window_in_init(&window, 1000, BORN);
	assert_int_equal(window_in_take(&window, 1001), ERR_LIMIT);
	assert_int_equal(window_in_take(&window, 600), ERR_OK);
	assert_int_equal(window_in_take(&window, 401), ERR_LIMIT);
	assert_int_equal(window_in_take(&window, 400), ERR_OK);
	assert_int_equal(window_in_take(&window, 1), ERR_LIMIT);
	assert_int_equal(window_in_take(&window, 0), ERR_OK);
	/* Unread bytes are not granted anew. */
	assert_false(window_in_is_due(&window));
	window_in_release(&window, 249);
	assert_false(window_in_is_due(&window));
	window_in_release(&window, 1);
	assert_true(window_in_is_due(&window));
	assert_int_equal(window_in_grant(&window, BORN + CLOCK_SECOND, 0), 250);
	assert_false(window_in_is_due(&window));
	assert_int_equal(window_in_take(&window, 251), ERR_LIMIT);
	assert_int_equal(window_in_take(&window, 250), ERR_OK);
}

static void an_update_waits_for_a_quarter(void **state) {
	struct window_in window;
	window_in_init(&window, 1000, BORN);
	assert_int_equal(window_in_take(&window, 249), ERR_OK);
	window_in_release(&window, 249);
	assert_false(window_in_is_due(&window));
	assert_int_equal(window_in_take(&window, 1), ERR_OK);
	window_in_release(&window, 1);
	assert_true(window_in_is_due(&window));
	assert_int_equal(window_in_grant(&window, BORN, 0), 250);
	assert_int_equal(window.left, 1000);
	assert_int_equal(window.size, 1000); /* the round trip is unknown */
}

/* A sender with this rate (bytes a second) who never sends more than is granted. */
static uint32_t size_for(double rate, uint64_t round_trip, bool is_read) {
	struct window_in window;
	window_in_init(&window, WINDOW_INITIAL, BORN);
	uint64_t now = BORN, step = round_trip / 64;
	uint32_t in_flight[64] = {0}; /* credit on its way to the sender, and his data back */
	uint32_t credit = WINDOW_INITIAL;
	for (size_t i = 0; i < 64 * 200; i++, now += step) {
		size_t slot = i % 64;
		uint32_t arrived = in_flight[slot];
		credit += arrived;
		in_flight[slot] = 0;
		double share = rate * (double)step / 1e9;
		uint32_t sent = share < credit ? (uint32_t)share : credit;
		credit -= sent;
		assert_int_equal(window_in_take(&window, sent), ERR_OK);
		if (is_read)
			window_in_release(&window, sent);
		if (window_in_is_due(&window))
			in_flight[slot] = window_in_grant(&window, now, round_trip);
	}
	return window.size;
}

static void size_follows_bandwidth_and_delay(void **state) {
	/* 1 Gbit/s and 50 ms: 6.25 MB are under way. */
	uint32_t size = size_for(125e6, 50 * CLOCK_MILLISECOND, true);
	assert_in_range(size, 12500000 / 2, WINDOW_MAX);
	/* 100 Mbit/s and 40 ms: 500 KB, so 1 to 2 MB are enough. */
	size = size_for(12.5e6, 40 * CLOCK_MILLISECOND, true);
	assert_in_range(size, 1 << 19, 1 << 21);
	/* 10 Mbit/s and 40 ms: 50 KB, less than what it began with. */
	assert_int_equal(size_for(1.25e6, 40 * CLOCK_MILLISECOND, true), WINDOW_INITIAL);
	/* Faster than all: never beyond the maximum. */
	assert_int_equal(size_for(10e9, 200 * CLOCK_MILLISECOND, true), WINDOW_MAX);
	/* Nobody reads: nothing grows. */
	assert_int_equal(size_for(125e6, 50 * CLOCK_MILLISECOND, false), WINDOW_INITIAL);
}

static void the_clock_may_stand_still(void **state) {
	struct window_in window;
	window_in_init(&window, WINDOW_MAX - 1, BORN);
	assert_int_equal(window_in_take(&window, WINDOW_MAX - 1), ERR_OK);
	window_in_release(&window, WINDOW_MAX - 1);
	assert_int_equal(window_in_grant(&window, BORN - 1, UINT64_MAX), WINDOW_MAX);
	assert_int_equal(window.size, WINDOW_MAX);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outgoing_grants),
		cmocka_unit_test(incoming_is_bounded),
		cmocka_unit_test(an_update_waits_for_a_quarter),
		cmocka_unit_test(size_follows_bandwidth_and_delay),
		cmocka_unit_test(the_clock_may_stand_still),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
