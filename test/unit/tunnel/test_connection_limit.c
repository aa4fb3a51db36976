#include "tunnel/connection_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

static const uint64_t start = 1000 * CLOCK_SECOND;

static int setup(void **state) {
	struct connection_limit *limit;
	assert_int_equal(connection_limit_new(&limit), ERR_OK);
	*state = limit;
	return 0;
}

static int teardown(void **state) {
	connection_limit_free(*state);
	return 0;
}

static struct address v4(uint32_t number) {
	const uint8_t bytes[] = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
	return address_from_bytes(ADDRESS_V4, bytes);
}

static unsigned enter(struct connection_limit *limit, struct address from, uint64_t now,
					  unsigned tries) {
	unsigned count = 0;
	struct address crowded;
	for (unsigned i = 0; i < tries; i++)
		count += connection_limit_enter(limit, &from, now, &crowded) == CONNECTION_LIMIT_ENTERED;
	return count;
}

static void bounds_the_rate_of_a_source(void **state) {
	struct connection_limit *limit = *state;
	const unsigned rate = CONNECTION_LIMIT_SOURCE_RATE;
	assert_int_equal(enter(limit, v4(1), start, rate + 10), rate);
	assert_int_equal(enter(limit, v4(2), start, 1), 1);
	assert_int_equal(enter(limit, v4(1), start + CLOCK_SECOND / 2, rate), rate / 2);
	/* A clock that is put back gives nothing, and takes nothing. */
	assert_int_equal(enter(limit, v4(1), start, 1), 0);
	assert_int_equal(enter(limit, v4(1), start + 60 * CLOCK_SECOND, rate + 10), rate);
}

static void bounds_the_connections_of_a_source(void **state) {
	struct connection_limit *limit = *state;
	const struct address from = v4(1);
	unsigned count = 0;
	for (unsigned i = 0; i < 20; i++)
		count += enter(limit, from, start + i * CLOCK_SECOND, CONNECTION_LIMIT_SOURCE_RATE);
	assert_int_equal(count, CONNECTION_LIMIT_SOURCE);
	assert_int_equal(connection_limit_count(limit), CONNECTION_LIMIT_SOURCE);
	connection_limit_leave(limit, &from);
	assert_int_equal(enter(limit, from, start + 30 * CLOCK_SECOND, 2), 1);
	/* Nobody leaves who has not entered. */
	const struct address other = v4(2);
	connection_limit_leave(limit, &other);
	assert_int_equal(connection_limit_count(limit), CONNECTION_LIMIT_SOURCE);
}

static void bounds_all(void **state) {
	struct connection_limit *limit = *state;
	unsigned count = 0;
	for (unsigned i = 0; i < 1000; i++)
		count += enter(limit, v4(i), start, 1);
	assert_int_equal(count, CONNECTION_LIMIT_TOTAL_RATE);
	for (unsigned i = 0; i < 10000; i++)
		count += enter(limit, v4(i), start + (i / 100 + 1) * CLOCK_SECOND, 1);
	/* Beyond, each is for another one that leaves. */
	assert_int_equal(count, CONNECTION_LIMIT_TOTAL);
	assert_int_equal(connection_limit_count(limit), 10000 + CONNECTION_LIMIT_TOTAL_RATE);
}

/* Few who have all places lose them one by one to those who come. */
static void takes_from_who_has_most(void **state) {
	struct connection_limit *limit = *state;
	uint64_t now = start;
	struct address crowded = {.family = ADDRESS_NONE};
	for (unsigned i = 0; i < CONNECTION_LIMIT_TOTAL; i++, now += CLOCK_SECOND / 100)
		assert_int_equal(enter(limit, v4(i % 9), now, 1), 1);
	for (unsigned i = 0; i < 2000; i++, now += CLOCK_SECOND / 100) {
		const struct address from = v4(100 + i);
		assert_int_equal(connection_limit_enter(limit, &from, now, &crowded),
						 CONNECTION_LIMIT_INSTEAD);
		assert_true(crowded.bytes[3] < 9);
		connection_limit_leave(limit, &crowded);
		assert_int_equal(connection_limit_count(limit), CONNECTION_LIMIT_TOTAL);
	}
	/* Where each has one, the one who has had it for longest makes place. */
	for (unsigned i = 2000; i < 10000; i++, now += CLOCK_SECOND / 100) {
		const struct address from = v4(100 + i);
		assert_int_equal(connection_limit_enter(limit, &from, now, &crowded),
						 CONNECTION_LIMIT_INSTEAD);
		connection_limit_leave(limit, &crowded);
	}
	const struct address oldest = v4(100 + 10000 - CONNECTION_LIMIT_TOTAL);
	const struct address from = v4(20000);
	assert_int_equal(connection_limit_enter(limit, &from, now, &crowded), CONNECTION_LIMIT_INSTEAD);
	assert_true(connection_limit_is_one(&crowded, &oldest));
}

/* Who comes as quickly as he may, with others, leaves something to who comes rarely. */
static void leaves_some_to_the_rare(void **state) {
	struct connection_limit *limit = *state;
	unsigned rare = 0, greedy = 0;
	for (unsigned i = 0; i < 10000; i++) {
		const uint64_t now = start + i * (CLOCK_SECOND / 1000);
		for (unsigned j = 0; j < 32; j++) {
			const struct address from = v4(j);
			const unsigned entered = enter(limit, from, now, 1);
			greedy += entered;
			if (entered)
				connection_limit_leave(limit, &from);
		}
		if (i >= 5000 && i % 10 == 0)
			rare += enter(limit, v4(1000 + i), now, 1);
	}
	assert_int_equal(rare, 500);
	assert_in_range(greedy, 4000, 10 * CONNECTION_LIMIT_TOTAL_RATE + CONNECTION_LIMIT_TOTAL_RATE);
}

static void counts_networks_of_v6(void **state) {
	struct connection_limit *limit = *state;
	unsigned count = 0;
	for (unsigned i = 0; i < 100; i++) {
		uint8_t bytes[16] = {0x20, 1, [15] = (uint8_t)i};
		count += enter(limit, address_from_bytes(ADDRESS_V6, bytes), start, 1);
	}
	assert_int_equal(count, CONNECTION_LIMIT_SOURCE_RATE);
	const uint8_t other[16] = {0x20, 1, [7] = 1};
	assert_int_equal(enter(limit, address_from_bytes(ADDRESS_V6, other), start, 1), 1);
	const uint8_t here[16] = {0x20, 1, [9] = 7}, same[16] = {0x20, 1, [15] = 1};
	const struct address left = address_from_bytes(ADDRESS_V6, here);
	const struct address right = address_from_bytes(ADDRESS_V6, same);
	const struct address far = address_from_bytes(ADDRESS_V6, other);
	assert_true(connection_limit_is_one(&left, &right));
	assert_false(connection_limit_is_one(&left, &far));
}

static void forgets_who_left(void **state) {
	struct connection_limit *limit = *state;
	for (unsigned i = 0; i < 3 * CONNECTION_LIMIT_SOURCES_MAX; i++) {
		const struct address from = v4(i);
		assert_int_equal(enter(limit, from, start + i * CLOCK_SECOND, 1), 1);
		connection_limit_leave(limit, &from);
	}
	assert_int_equal(connection_limit_count(limit), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(bounds_the_rate_of_a_source),
		TEST(bounds_the_connections_of_a_source),
		TEST(bounds_all),
		TEST(takes_from_who_has_most),
		TEST(leaves_some_to_the_rare),
		TEST(counts_networks_of_v6),
		TEST(forgets_who_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
