#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "session/time_order.h"

#define NOW UINT64_C(1700000000000)
#define WINDOW TIME_ORDER_WINDOW

static void zero_fill(void *context, void *out_data, size_t size) {
	memset(out_data, 0, size);
}

static const struct random_source zeros = {zero_fill, NULL};

static struct time_order *order;

static int setup(void **state) {
	return time_order_new(&zeros, &order) == ERR_OK ? 0 : -1;
}

static int teardown(void **state) {
	time_order_free(order);
	time_order_free(NULL);
	return 0;
}

static struct time_order_entry entry_of(uint32_t group, uint32_t sender, uint64_t time) {
	struct time_order_entry entry = {.time = time};
	memcpy(entry.group, &group, sizeof group);
	memcpy(entry.sender, &sender, sizeof sender);
	return entry;
}

static enum err take(uint32_t group, uint32_t sender, uint64_t time, uint64_t now) {
	const struct time_order_entry entry = entry_of(group, sender, time);
	return time_order_take(order, &entry, now);
}

static void times_increase(void **state) {
	assert_int_equal(take(1, 1, NOW, NOW), ERR_OK);
	assert_int_equal(take(1, 1, NOW, NOW), ERR_REPLAY);
	assert_int_equal(take(1, 1, NOW - 1, NOW), ERR_REPLAY);
	assert_int_equal(take(1, 1, NOW + 1, NOW), ERR_OK);
	assert_int_equal(take(1, 1, NOW, NOW), ERR_REPLAY);
	/* Each sender by itself. */
	assert_int_equal(take(1, 2, NOW, NOW), ERR_OK);
	assert_int_equal(take(2, 1, NOW, NOW), ERR_OK);
	assert_int_equal(take(2, 1, NOW, NOW), ERR_REPLAY);
	assert_int_equal(time_order_count(order), 3);
}

static void the_window_is_two_minutes_either_way(void **state) {
	assert_int_equal(take(1, 1, NOW - WINDOW - 1, NOW), ERR_EXPIRED);
	assert_int_equal(take(1, 2, NOW + WINDOW + 1, NOW), ERR_EXPIRED);
	assert_int_equal(time_order_count(order), 0); /* refused, and nothing kept */
	assert_int_equal(take(1, 1, NOW - WINDOW, NOW), ERR_OK);
	assert_int_equal(take(1, 2, NOW + WINDOW, NOW), ERR_OK);
	assert_int_equal(take(1, 3, 0, NOW), ERR_EXPIRED);
	assert_int_equal(take(1, 3, UINT64_MAX, NOW), ERR_EXPIRED);
	assert_int_equal(take(1, 3, 0, 5), ERR_OK);
	assert_int_equal(take(1, 4, UINT64_MAX, UINT64_MAX), ERR_OK);
	/* A refused one moves nothing. */
	assert_int_equal(take(1, 1, NOW + WINDOW + 1, NOW), ERR_EXPIRED);
	assert_int_equal(take(1, 1, NOW, NOW), ERR_OK);
}

/* A clock that is put back lets nothing in that was taken. */
static void a_clock_put_back_changes_nothing(void **state) {
	assert_int_equal(take(1, 1, NOW, NOW), ERR_OK);
	for (uint64_t later = WINDOW; later < 100 * WINDOW; later += WINDOW)
		assert_int_equal(take(1, 2, NOW + later, NOW + later), ERR_OK);
	assert_int_equal(take(1, 1, NOW, NOW), ERR_REPLAY);
}

static void a_group_has_its_share(void **state) {
	for (uint32_t i = 0; i < TIME_ORDER_GROUP_MAX; i++)
		assert_int_equal(take(1, i, NOW + i, NOW), ERR_OK);
	assert_int_equal(take(1, 100, NOW, NOW), ERR_LIMIT);
	assert_int_equal(take(2, 100, NOW, NOW), ERR_OK);     /* another is not held up */
	assert_int_equal(take(1, 3, NOW + 100, NOW), ERR_OK); /* nor who has a place */
	assert_int_equal(take(1, 100, NOW + WINDOW, NOW + WINDOW), ERR_LIMIT);
	/* The first is over: its place is taken, that of no other. */
	assert_int_equal(take(1, 100, NOW + WINDOW, NOW + WINDOW + 1), ERR_OK);
	assert_int_equal(take(1, 101, NOW + WINDOW, NOW + WINDOW + 1), ERR_LIMIT);
	assert_int_equal(time_order_count(order), TIME_ORDER_GROUP_MAX + 1);
	assert_int_equal(take(1, 1, NOW + 1, NOW + WINDOW + 1), ERR_REPLAY);
}

static void all_have_a_limit(void **state) {
	const uint32_t groups = TIME_ORDER_SENDERS_MAX / TIME_ORDER_GROUP_MAX;
	for (uint32_t group = 0; group < groups; group++) {
		for (uint32_t i = 0; i < TIME_ORDER_GROUP_MAX; i++)
			assert_int_equal(take(group, i, NOW + group, NOW), ERR_OK);
	}
	assert_int_equal(time_order_count(order), TIME_ORDER_SENDERS_MAX);
	assert_int_equal(take(groups, 0, NOW, NOW), ERR_LIMIT);
	assert_int_equal(take(groups, 0, NOW + WINDOW, NOW + WINDOW), ERR_LIMIT);
	assert_int_equal(time_order_count(order), TIME_ORDER_SENDERS_MAX);
	/* Those of the first group are over, and only those. */
	assert_int_equal(take(groups, 0, NOW + WINDOW, NOW + WINDOW + 1), ERR_OK);
	assert_int_equal(time_order_count(order), TIME_ORDER_SENDERS_MAX - TIME_ORDER_GROUP_MAX + 1);
	assert_int_equal(take(1, 0, NOW + 1, NOW + WINDOW + 1), ERR_REPLAY);
}

struct restart {
	struct time_order *into;
	uint64_t now;
	size_t count;
};

static void import(void *context, const struct time_order_entry *entry) {
	struct restart *restart = context;
	restart->count++;
	assert_int_equal(time_order_import(restart->into, entry, restart->now), ERR_OK);
}

static void survives_a_restart(void **state) {
	struct restart restart = {.now = NOW + WINDOW + 1};
	const struct time_order_reader reader = {import, &restart};
	assert_int_equal(take(1, 1, NOW, NOW), ERR_OK); /* over by then */
	assert_int_equal(take(1, 2, NOW + 1, NOW), ERR_OK);
	assert_int_equal(take(1, 3, NOW + WINDOW, NOW), ERR_OK);
	assert_int_equal(time_order_new(&zeros, &restart.into), ERR_OK);
	time_order_export(order, restart.now, &reader);
	assert_int_equal(restart.count, 2);
	time_order_export(order, restart.now, &reader); /* a second time does no harm */
	time_order_free(order);
	order = restart.into;
	assert_int_equal(time_order_count(order), 2);
	assert_int_equal(take(1, 1, NOW, restart.now), ERR_EXPIRED);
	assert_int_equal(take(1, 2, NOW + 1, restart.now), ERR_REPLAY);
	assert_int_equal(take(1, 3, NOW + WINDOW, restart.now), ERR_REPLAY);
	/* An older time does not replace a newer one, a newer one does; what is over is skipped. */
	struct time_order_entry entry = entry_of(1, 3, NOW + 5);
	assert_int_equal(time_order_import(order, &entry, restart.now), ERR_OK);
	assert_int_equal(take(1, 3, NOW + WINDOW, restart.now), ERR_REPLAY);
	entry = entry_of(1, 3, NOW + WINDOW + 9);
	assert_int_equal(time_order_import(order, &entry, restart.now), ERR_OK);
	assert_int_equal(take(1, 3, NOW + WINDOW + 9, restart.now), ERR_REPLAY);
	entry = entry_of(7, 7, NOW);
	assert_int_equal(time_order_import(order, &entry, restart.now), ERR_OK);
	assert_int_equal(time_order_count(order), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(times_increase),
		TEST(the_window_is_two_minutes_either_way),
		TEST(a_clock_put_back_changes_nothing),
		TEST(a_group_has_its_share),
		TEST(all_have_a_limit),
		TEST(survives_a_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
