#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "proto/mighty_limits.h"
#include "proto/mighty_peer.h"
#include "sim/mighty.h"
#include "wire/mighty.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED
enum { DAYS = 3 };
#else
enum { DAYS = 30 };
#endif

enum { DAY_SECONDS = 24 * 60 * 60, EVERY = 200 };

/* A month of a session that is renewed all the time, with a packet each way now and then. */
static void test_month(void **state) {
	struct mighty_pair pair = mighty_pair_up(1, NULL);
	const uint64_t *sent = pair.world->tap.sent;
	struct timespec begin, end;
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	for (uint32_t day = 0; day < DAYS; day++) {
		const uint64_t start = world_now(pair.world);
		const uint64_t before = sent[MIGHTY_VERSION << 4 | MIGHTY_REQUEST];
		for (uint32_t i = 0; i < DAY_SECONDS / EVERY; i++) {
			world_run_until(pair.world, start + i * EVERY * CLOCK_SECOND);
			assert_true(world_packet_arrives(pair.client, pair.server, i, MIGHTY_PAIR_DELAY));
			assert_true(world_packet_arrives(pair.server, pair.client, i, MIGHTY_PAIR_DELAY));
			assert_true(session_age(&pair.client_peer->current->session, world_now(pair.world)) <=
						pair.client_peer->current->rekey_after + CLOCK_SECOND);
			node_forget_arrivals(pair.client);
			node_forget_arrivals(pair.server);
		}
		/* Each handshake is the first attempt, and one a T. */
		assert_in_range(sent[MIGHTY_VERSION << 4 | MIGHTY_REQUEST] - before, 142, 145);
	}
	assert_int_equal(sent[MIGHTY_VERSION << 4 | MIGHTY_REQUEST],
					 sent[MIGHTY_VERSION << 4 | MIGHTY_RESPONSE]);
	/* The device hears of the client once, not with each renewal. */
	assert_int_equal(pair.server->event_count, 1);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%d days in %.1f s: %llu handshakes\n", DAYS,
		   (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9,
		   (unsigned long long)sent[MIGHTY_VERSION << 4 | MIGHTY_RESPONSE]);
	mighty_pair_free(&pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_month),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
