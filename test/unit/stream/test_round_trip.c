#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/round_trip.h"

static void shortest_of_two_spans(void **state) {
	struct round_trip trip = {0};
	uint64_t now = 5 * ROUND_TRIP_SPAN;
	assert_true(round_trip_shortest(&trip) == 0);
	round_trip_add(&trip, 900, now);
	assert_true(round_trip_shortest(&trip) == 900);
	round_trip_add(&trip, 300, now + 1);
	round_trip_add(&trip, 700, now + 2);
	assert_true(round_trip_shortest(&trip) == 300);
	assert_true(trip.latest == 700);
	/* The path is longer from here on; that is known after two spans at the latest. */
	round_trip_add(&trip, 1000, now + ROUND_TRIP_SPAN);
	assert_true(round_trip_shortest(&trip) == 300);
	round_trip_add(&trip, 1100, now + 2 * ROUND_TRIP_SPAN - 1);
	assert_true(round_trip_shortest(&trip) == 300);
	round_trip_add(&trip, 1200, now + 2 * ROUND_TRIP_SPAN);
	assert_true(round_trip_shortest(&trip) == 1000);
	/* Shorter is believed at once. */
	round_trip_add(&trip, 200, now + 2 * ROUND_TRIP_SPAN);
	assert_true(round_trip_shortest(&trip) == 200);
}

static void nothing_takes_no_time(void **state) {
	struct round_trip trip = {0};
	round_trip_add(&trip, 0, 17);
	assert_true(round_trip_shortest(&trip) == 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shortest_of_two_spans),
		cmocka_unit_test(nothing_takes_no_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
