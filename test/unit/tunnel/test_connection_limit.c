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
	for (unsigned i = 0; i < tries; i++)
		count += connection_limit_enter(limit, &from, now);
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
	assert_int_equal(count, CONNECTION_LIMIT_TOTAL);
	assert_int_equal(connection_limit_count(limit), CONNECTION_LIMIT_TOTAL);
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
		TEST(counts_networks_of_v6),
		TEST(forgets_who_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
