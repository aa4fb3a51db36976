#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "session/rate_limiter.h"

#define START (1000 * CLOCK_SECOND)
#define PACKET (50 * CLOCK_MILLISECOND) /* 20 a second */

static void zero_fill(void *context, void *out_data, size_t size) {
	memset(out_data, 0, size);
}

static const struct random_source zeros = {zero_fill, NULL};

static int set_up(void **state) {
	struct rate_limiter *limiter = NULL;
	if (rate_limiter_new(&zeros, &limiter))
		return -1;
	*state = limiter;
	return 0;
}

static int tear_down(void **state) {
	rate_limiter_free(*state);
	return 0;
}

static struct address address(const char *text) {
	struct address address;
	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

/* The number'th address of a large IPv6 net, each in a /64 of its own. */
static struct address numbered(uint32_t number) {
	struct address source = {.bytes = {0x20, 0x01, 0x0d, 0xb8}, .family = ADDRESS_V6};
	for (int i = 0; i < 4; i++)
		source.bytes[4 + i] = (uint8_t)(number >> (8 * i));
	return source;
}

/* How many packets in a row pass at now, of at most 100. */
static int passing(struct rate_limiter *limiter, const char *text, uint64_t now) {
	struct address source = address(text);
	int count = 0;
	while (count < 100 && rate_limiter_allow(limiter, &source, now))
		count++;
	return count;
}

static void burst_then_rate(void **state) {
	struct rate_limiter *limiter = *state;
	assert_int_equal(passing(limiter, "192.0.2.1", START), 5);
	assert_int_equal(passing(limiter, "192.0.2.1", START + PACKET - 1), 0);
	assert_int_equal(passing(limiter, "192.0.2.1", START + PACKET), 1);
	assert_int_equal(passing(limiter, "192.0.2.1", START + 4 * PACKET), 3);
	assert_int_equal(passing(limiter, "192.0.2.1", START + 8 * PACKET + PACKET / 2), 4);
	/* the half token is kept, and a bucket holds no more than the burst */
	assert_int_equal(passing(limiter, "192.0.2.1", START + 9 * PACKET), 1);
	assert_int_equal(passing(limiter, "192.0.2.1", START + 14 * PACKET), 5);
	assert_int_equal(passing(limiter, "192.0.2.1", START + 9999 * PACKET), 5);
}

static void flood_gets_its_rate(void **state) {
	struct rate_limiter *limiter = *state;
	struct address source = address("192.0.2.1");
	int passed = 0;
	for (uint64_t at = 0; at < 10 * CLOCK_SECOND; at += 100 * CLOCK_MICROSECOND)
		passed += rate_limiter_allow(limiter, &source, START + at);
	assert_int_equal(passed, 5 + 10 * 20 - 1); /* the 200th comes with the end of the last second */
}

static void sources_are_independent(void **state) {
	struct rate_limiter *limiter = *state;
	assert_int_equal(passing(limiter, "192.0.2.1", START), 5);
	assert_int_equal(passing(limiter, "192.0.2.2", START), 5);
	assert_int_equal(passing(limiter, "193.0.2.1", START), 5);
	assert_int_equal(passing(limiter, "2001:db8::1", START), 5);
	assert_int_equal(passing(limiter, "192.0.2.1", START), 0);
	/* the first 8 bytes are the same as 192.0.2.1's */
	assert_int_equal(passing(limiter, "c000:201::", START), 5);
}

static void v6_counts_by_64_bits(void **state) {
	struct rate_limiter *limiter = *state;
	assert_int_equal(passing(limiter, "2001:db8:0:1::1", START), 5);
	assert_int_equal(passing(limiter, "2001:db8:0:1::2", START), 0);
	assert_int_equal(passing(limiter, "2001:db8:0:1:ffff:ffff:ffff:ffff", START), 0);
	assert_int_equal(passing(limiter, "2001:db8:0:2::1", START), 5);
	assert_int_equal(passing(limiter, "2001:db8:0:0:ffff:ffff:ffff:ffff", START), 5);
	assert_int_equal(passing(limiter, "2001:db8:0:1::3", START + PACKET), 1);
}

static void clock_backwards(void **state) {
	struct rate_limiter *limiter = *state;
	assert_int_equal(passing(limiter, "192.0.2.1", START), 5);
	/* a step back refills nothing, and time goes on from there */
	assert_int_equal(passing(limiter, "192.0.2.1", 10), 0);
	assert_int_equal(passing(limiter, "192.0.2.1", 10 + PACKET - 1), 0);
	assert_int_equal(passing(limiter, "192.0.2.1", 10 + PACKET), 1);
	assert_int_equal(passing(limiter, "192.0.2.2", 0), 5);
	/* jumping to and fro gains the forward part of each step, never more than the burst */
	assert_int_equal(passing(limiter, "192.0.2.2", UINT64_MAX), 5);
	assert_int_equal(passing(limiter, "192.0.2.2", 0), 0);
	assert_int_equal(passing(limiter, "192.0.2.2", UINT64_MAX), 5);
	assert_int_equal(passing(limiter, "192.0.2.2", UINT64_MAX), 0);
}

static void fill_table(struct rate_limiter *limiter, uint64_t now) {
	for (uint32_t i = 0; i < RATE_LIMITER_ENTRIES_MAX; i++) {
		struct address source = numbered(i);
		assert_true(rate_limiter_allow(limiter, &source, now));
	}
}

static void table_is_bounded(void **state) {
	struct rate_limiter *limiter = *state;
	fill_table(limiter, START);
	/* strangers are refused, sources in the table keep their buckets */
	assert_int_equal(passing(limiter, "192.0.2.1", START), 0);
	for (uint32_t i = 0; i < RATE_LIMITER_ENTRIES_MAX; i++) {
		struct address source = numbered(i);
		for (int packet = 1; packet < 5; packet++)
			assert_true(rate_limiter_allow(limiter, &source, START));
		assert_false(rate_limiter_allow(limiter, &source, START));
	}
	assert_int_equal(passing(limiter, "192.0.2.1", START + CLOCK_SECOND - 1), 0);
	/* a second later all are idle, and one after another is reused */
	assert_int_equal(passing(limiter, "192.0.2.1", START + CLOCK_SECOND), 5);
	for (uint32_t i = 0; i < RATE_LIMITER_ENTRIES_MAX - 1; i++) {
		struct address source = numbered(RATE_LIMITER_ENTRIES_MAX + i);
		assert_true(rate_limiter_allow(limiter, &source, START + CLOCK_SECOND));
	}
	assert_int_equal(passing(limiter, "192.0.2.2", START + CLOCK_SECOND), 0);
	assert_int_equal(passing(limiter, "192.0.2.1", START + CLOCK_SECOND), 0);
}

static void active_entries_stay(void **state) {
	struct rate_limiter *limiter = *state;
	fill_table(limiter, START);
	/* the oldest becomes the youngest; its next is what a stranger gets */
	struct address first = numbered(0), second = numbered(1);
	for (int packet = 1; packet < 5; packet++)
		assert_true(rate_limiter_allow(limiter, &first, START + 900 * CLOCK_MILLISECOND));
	assert_int_equal(passing(limiter, "192.0.2.1", START + CLOCK_SECOND), 5);
	for (int packet = 0; packet < 3; packet++) /* one was left, 100 ms are two */
		assert_true(rate_limiter_allow(limiter, &first, START + CLOCK_SECOND));
	assert_false(rate_limiter_allow(limiter, &first, START + CLOCK_SECOND));
	assert_true(rate_limiter_allow(limiter, &second, START + CLOCK_SECOND));
}

/* Reuse in another order than that of arrival takes entries out of the middle of hash chains. */
static void reuse_leaves_neighbours(void **state) {
	const uint32_t half = RATE_LIMITER_ENTRIES_MAX / 2;
	const uint64_t before = START + 999 * CLOCK_MILLISECOND, then = START + CLOCK_SECOND;
	struct rate_limiter *limiter = *state;
	fill_table(limiter, START);
	for (uint32_t i = 0; i < half; i++) { /* the older half stays active, and is drained */
		struct address source = numbered(i);
		for (int packet = 0; packet < 5; packet++)
			assert_true(rate_limiter_allow(limiter, &source, before));
	}
	for (uint32_t i = 0; i < half; i++) { /* strangers replace the younger half */
		struct address source = numbered(RATE_LIMITER_ENTRIES_MAX + i);
		assert_true(rate_limiter_allow(limiter, &source, then));
	}
	for (uint32_t i = 0; i < half; i++) {
		struct address source = numbered(i);
		assert_false(rate_limiter_allow(limiter, &source, then));
	}
	for (uint32_t i = 0; i < half; i++) {
		struct address source = numbered(i);
		assert_true(rate_limiter_allow(limiter, &source, then + PACKET));
	}
}

static void refused_sources_stay(void **state) {
	struct rate_limiter *limiter = *state;
	/* one that never stops must not be forgotten as idle, whoever else comes and goes */
	struct address flood = address("192.0.2.1");
	int passed = 0;
	for (uint32_t i = 0; i < 4000; i++) {
		uint64_t now = START + i * CLOCK_MILLISECOND;
		passed += rate_limiter_allow(limiter, &flood, now);
		struct address other = numbered(i);
		assert_true(rate_limiter_allow(limiter, &other, now));
	}
	assert_int_equal(passed, 5 + 4 * 20 - 1);
}

static void free_takes_null(void **state) {
	rate_limiter_free(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(burst_then_rate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(flood_gets_its_rate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sources_are_independent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(v6_counts_by_64_bits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(clock_backwards, set_up, tear_down),
		cmocka_unit_test_setup_teardown(table_is_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(active_entries_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reuse_leaves_neighbours, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused_sources_stay, set_up, tear_down),
		cmocka_unit_test(free_takes_null),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
