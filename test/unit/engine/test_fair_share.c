#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/fair_share.h"

enum { PEERS = 8 };

/* Peers who send at rates of their own into a socket, and a shard that can open so much a window.
 */
struct scene {
	struct fair_share share;
	struct fair_share_use uses[PEERS];
	uint64_t now, overflow;
	uint64_t offered[PEERS], opened[PEERS]; /* bytes, since begin() */
};

enum { DATAGRAM = 1452, CAPACITY = 5 << 20 };

static void begin(struct scene *scene) {
	for (size_t i = 0; i < PEERS; i++)
		scene->offered[i] = scene->opened[i] = 0;
}

/*
 * One window: peers' datagrams come in turns, each as often as its rate says. What comes when the
 * window's work is done is the kernel's to drop. What is thrown away early costs a tenth of what
 * opening does.
 */
static void window(struct scene *scene, const uint64_t rates[PEERS]) {
	scene->now += FAIR_SHARE_WINDOW;
	fair_share_turn(&scene->share, scene->now, scene->overflow);
	uint64_t work = 10 * (uint64_t)CAPACITY, credit[PEERS] = {0};
	uint64_t highest = 1;
	for (size_t i = 0; i < PEERS; i++)
		highest = rates[i] > highest ? rates[i] : highest;
	for (uint64_t tick = 0; tick * DATAGRAM < highest; tick++) {
		for (size_t i = 0; i < PEERS; i++) {
			credit[i] += rates[i];
			if (credit[i] < highest)
				continue;
			credit[i] -= highest;
			scene->offered[i] += DATAGRAM;
			bool allowed = !fair_share_is_limited(&scene->share) ||
						   fair_share_allows(&scene->share, &scene->uses[i], DATAGRAM);
			uint64_t cost = allowed ? 10 * DATAGRAM : DATAGRAM;
			if (work < cost) {
				scene->overflow++;
				continue;
			}
			work -= cost;
			if (!allowed)
				continue;
			scene->opened[i] += DATAGRAM;
			fair_share_count(&scene->share, &scene->uses[i], DATAGRAM);
		}
	}
	if (work >= 10 * DATAGRAM)
		fair_share_emptied(&scene->share);
}

static unsigned percent(const struct scene *scene, size_t peer) {
	return (unsigned)(100 * scene->opened[peer] / scene->offered[peer]);
}

static void test_flood(void **state) {
	static const uint64_t rates[PEERS] = {4 * CAPACITY, 40000, 40000, 40000, 300000};
	struct scene scene = {.overflow = 0};
	fair_share_init(&scene.share);
	begin(&scene);
	window(&scene, rates);
	window(&scene, rates);
	unsigned before = percent(&scene, 1);
	assert_true(before < 60);
	for (size_t i = 0; i < 100; i++)
		window(&scene, rates);
	begin(&scene);
	for (size_t i = 0; i < 200; i++)
		window(&scene, rates);
	for (size_t i = 1; i <= 4; i++)
		assert_true(percent(&scene, i) >= 95);
	/* And who floods still gets most of what the others leave. */
	assert_true(scene.opened[0] > (uint64_t)200 * CAPACITY / 2);
	/* Soon after it ends, nothing is limited any more. */
	static const uint64_t calm[PEERS] = {40000, 40000, 40000, 40000, 300000};
	for (size_t i = 0; i < 200; i++)
		window(&scene, calm);
	assert_false(fair_share_is_limited(&scene.share));
}

static void test_alone(void **state) {
	static const uint64_t rates[PEERS] = {4 * CAPACITY};
	struct scene scene = {.overflow = 0};
	fair_share_init(&scene.share);
	for (size_t i = 0; i < 50; i++)
		window(&scene, rates);
	assert_true(scene.overflow > 0);
	assert_false(fair_share_is_limited(&scene.share));
}

static void test_equals(void **state) {
	static const uint64_t rates[PEERS] = {CAPACITY, CAPACITY, CAPACITY, CAPACITY,
										  CAPACITY, CAPACITY, CAPACITY, CAPACITY};
	struct scene scene = {.overflow = 0};
	fair_share_init(&scene.share);
	for (size_t i = 0; i < 50; i++)
		window(&scene, rates);
	assert_true(scene.overflow > 0);
	assert_false(fair_share_is_limited(&scene.share));
}

static void test_least(void **state) {
	struct fair_share share;
	struct fair_share_use heavy = {.window = 0}, light = {.window = 0};
	fair_share_init(&share);
	for (uint64_t i = 1; i < 1000; i++) {
		fair_share_turn(&share, i * FAIR_SHARE_WINDOW, i);
		fair_share_count(&share, &heavy, 1 << 20);
		fair_share_count(&share, &light, 1000);
	}
	assert_int_equal(share.limit, FAIR_SHARE_LEAST);
	fair_share_turn(&share, 1000 * FAIR_SHARE_WINDOW, 999);
	assert_int_equal(share.limit, FAIR_SHARE_LEAST);
	fair_share_count(&share, &heavy, 1 << 20);
	fair_share_count(&share, &light, 1000);
	assert_true(fair_share_allows(&share, &light, FAIR_SHARE_LEAST - 1000));
	assert_false(fair_share_allows(&share, &light, FAIR_SHARE_LEAST - 999));
	assert_false(fair_share_allows(&share, &heavy, 1));
	/* A new window is a new start, and counters do not wrap. */
	fair_share_turn(&share, 1001 * FAIR_SHARE_WINDOW, 1000);
	assert_true(fair_share_allows(&share, &heavy, 1));
	fair_share_count(&share, &heavy, UINT32_MAX - 1);
	fair_share_count(&share, &heavy, UINT32_MAX);
	assert_int_equal(heavy.bytes, UINT32_MAX);
	/* Within a window nothing is judged. */
	uint64_t limit = share.limit;
	fair_share_emptied(&share);
	fair_share_turn(&share, 1001 * FAIR_SHARE_WINDOW + 1, 5000);
	assert_int_equal(share.limit, limit);
}

static void test_window_number(void **state) {
	struct fair_share share;
	struct fair_share_use fresh = {.window = 0};
	fair_share_init(&share);
	share.window = UINT32_MAX;
	fair_share_turn(&share, FAIR_SHARE_WINDOW, 0);
	assert_int_not_equal(share.window, 0);
	fair_share_count(&share, &fresh, 10);
	assert_int_equal(share.peers, 1);
	assert_int_equal(fresh.bytes, 10);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flood),         cmocka_unit_test(test_alone),
		cmocka_unit_test(test_equals),        cmocka_unit_test(test_least),
		cmocka_unit_test(test_window_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
