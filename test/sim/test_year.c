#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "engine/index_table.h"
#include "engine/shard.h"
#include "proto/wireguard_limits.h"
#include "sim/pair.h"
#include "wire/wireguard.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED
enum { DAYS = 30 };
#else
enum { DAYS = 365 };
#endif

enum { DAY_SECONDS = 24 * 60 * 60, BUSY_EACH = 7 };

/* No session of either end is used when it is too old, and none is forgotten. */
static void assert_ages(const struct pair *pair) {
	const struct wireguard_peer *peers[] = {pair->left_peer, pair->right_peer};
	for (size_t i = 0; i < 2; i++) {
		uint64_t age = world_now(pair->world) - peers[i]->current->session.born;
		assert_true(age <= WIREGUARD_REJECT_AFTER_TIME);
		size_t indices = index_table_count(engine_shard(pair->world->nodes[i]->engine, 0)->indices);
		assert_in_range(indices, 1, 3);
	}
}

/* An exchange; both packets arrive within the time that a handshake takes. */
static void exchange(const struct pair *pair, uint32_t number) {
	assert_true(world_packet_arrives(pair->left, pair->right, number, 3 * PAIR_DELAY));
	assert_ages(pair);
	assert_true(world_packet_arrives(pair->right, pair->left, number, PAIR_DELAY));
	assert_ages(pair);
	node_forget_arrivals(pair->left);
	node_forget_arrivals(pair->right);
}

static void pass_day(const struct pair *pair, uint64_t interval) {
	uint64_t start = world_now(pair->world);
	uint64_t before = pair->world->tap.sent[WIREGUARD_INITIATION];
	uint32_t exchanges = (uint32_t)(DAY_SECONDS * CLOCK_SECOND / interval);
	for (uint32_t i = 0; i < exchanges; i++) {
		world_run_until(pair->world, start + i * interval);
		exchange(pair, i);
	}
	world_run_until(pair->world, start + exchanges * interval);
	uint64_t handshakes = pair->world->tap.sent[WIREGUARD_INITIATION] - before;
	assert_int_equal(pair->world->tap.sent[WIREGUARD_INITIATION],
					 pair->world->tap.sent[WIREGUARD_RESPONSE]);
	if (interval > WIREGUARD_REJECT_AFTER_TIME)
		assert_in_range(handshakes, exchanges, exchanges + 1);
	else
		assert_in_range(handshakes, DAY_SECONDS / 181, DAY_SECONDS / 120 + 1);
}

/*
 * A year of one exchange each half hour, each of which takes a handshake of its own; every seventh
 * day it is one a minute, and sessions are renewed while they are in use.
 */
static void test_year(void **state) {
	struct pair pair = pair_new(1, NULL);
	struct timespec begin, end;
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	for (uint64_t day = 0; day < DAYS; day++)
		pass_day(&pair, (day % BUSY_EACH == 0 ? 60 : 1800) * CLOCK_SECOND);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%d days in %.1f s: %llu handshakes, %llu data messages\n", DAYS,
		   (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9,
		   (unsigned long long)pair.world->tap.sent[WIREGUARD_RESPONSE],
		   (unsigned long long)pair.world->tap.sent[WIREGUARD_DATA]);
	assert_true(world_now(pair.world) - WORLD_START >= DAYS * UINT64_C(86400) * CLOCK_SECOND);
	pair_free(&pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_year),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
