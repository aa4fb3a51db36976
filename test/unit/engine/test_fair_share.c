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
	uint64_t now;
	struct fair_share_traffic traffic;
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
	fair_share_turn(&scene->share, scene->now, &scene->traffic);
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
			if (work < 10 * DATAGRAM) {
				scene->traffic.dropped++;
				continue;
			}
			scene->traffic.datagrams++;
			scene->traffic.bytes += DATAGRAM;
			work -= DATAGRAM;
			if (!fair_share_is_limited(&scene->share))
				fair_share_count(&scene->share, &scene->uses[i], DATAGRAM);
			else if (!fair_share_take(&scene->share, &scene->uses[i], DATAGRAM))
				continue;
			scene->opened[i] += DATAGRAM;
			work -= 9 * DATAGRAM;
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
	struct scene scene = {.now = 0};
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
	struct scene scene = {.now = 0};
	fair_share_init(&scene.share);
	for (size_t i = 0; i < 50; i++)
		window(&scene, rates);
	assert_true(scene.traffic.dropped > 0);
	assert_false(fair_share_is_limited(&scene.share));
}

static void test_equals(void **state) {
	static const uint64_t rates[PEERS] = {CAPACITY, CAPACITY, CAPACITY, CAPACITY,
										  CAPACITY, CAPACITY, CAPACITY, CAPACITY};
	struct scene scene = {.now = 0};
	fair_share_init(&scene.share);
	for (size_t i = 0; i < 50; i++)
		window(&scene, rates);
	assert_true(scene.traffic.dropped > 0);
	assert_false(fair_share_is_limited(&scene.share));
}

/* One window with a heavy peer, a light one, and so much that nobody authenticated. */
struct load {
	struct fair_share share;
	struct fair_share_use heavy, light;
	struct fair_share_traffic traffic;
	uint64_t now;
};

static void step(struct load *load, uint64_t dropped, uint64_t strange, bool emptied) {
	load->now += FAIR_SHARE_WINDOW;
	fair_share_turn(&load->share, load->now, &load->traffic);
	fair_share_count(&load->share, &load->heavy, 1 << 20);
	fair_share_count(&load->share, &load->light, 1000);
	load->traffic.dropped += dropped;
	load->traffic.datagrams += 1000;
	load->traffic.bytes += (1 << 20) + 1000 + strange;
	if (emptied)
		fair_share_emptied(&load->share);
}

static void test_least(void **state) {
	struct load load = {.now = 0};
	fair_share_init(&load.share);
	for (size_t i = 0; i < 1000; i++)
		step(&load, 100, 0, false);
	assert_int_equal(load.share.limit, FAIR_SHARE_LEAST);
	for (size_t i = 0; i < 10; i++)
		step(&load, 0, 0, false);
	assert_int_equal(load.share.limit, FAIR_SHARE_LEAST);
	assert_true(fair_share_take(&load.share, &load.light, FAIR_SHARE_LEAST - 1000));
	assert_false(fair_share_take(&load.share, &load.light, 1));
	assert_false(fair_share_take(&load.share, &load.heavy, 1));
	/* What was forged is given back. */
	fair_share_give_back(&load.share, &load.light, 100);
	assert_true(fair_share_take(&load.share, &load.light, 100));
	assert_false(fair_share_take(&load.share, &load.light, 1));
	/* Counters do not wrap; a new window is a new start. */
	fair_share_count(&load.share, &load.heavy, UINT32_MAX - 1);
	fair_share_count(&load.share, &load.heavy, UINT32_MAX);
	assert_int_equal(load.heavy.bytes, UINT32_MAX);
	load.now += FAIR_SHARE_WINDOW;
	fair_share_turn(&load.share, load.now, &load.traffic);
	assert_true(fair_share_take(&load.share, &load.heavy, 1));
	/* Within a window nothing is judged. */
	uint64_t limit = load.share.limit;
	load.traffic.dropped += 1000;
	fair_share_turn(&load.share, load.now + 1, &load.traffic);
	assert_int_equal(load.share.limit, limit);
}

/* What is no reason to limit anybody. */
static void test_no_reason(void **state) {
	static const struct {
		uint64_t dropped, strange;
		bool emptied;
	} rows[] = {
		{15, 0, false},        /* hardly any, as damaged datagrams count, too */
		{900, 0, true},        /* a moment in which somebody else had the processor */
		{900, 3 << 20, false}, /* strangers fill the sockets */
		{900, 1 << 30, false},
	};
	for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
		struct load load = {.now = 0};
		fair_share_init(&load.share);
		for (size_t i = 0; i < 100; i++)
			step(&load, rows[row].dropped, rows[row].strange, rows[row].emptied);
		assert_false(fair_share_is_limited(&load.share));
	}
	/* Who is left alone is free at once. */
	struct load load = {.now = 0};
	fair_share_init(&load.share);
	for (size_t i = 0; i < 100; i++)
		step(&load, 900, 0, false);
	assert_true(fair_share_is_limited(&load.share));
	load.now += FAIR_SHARE_WINDOW;
	fair_share_turn(&load.share, load.now, &load.traffic);
	fair_share_count(&load.share, &load.heavy, 1 << 20);
	load.now += FAIR_SHARE_WINDOW;
	fair_share_turn(&load.share, load.now, &load.traffic);
	assert_false(fair_share_is_limited(&load.share));
}

static void test_window_number(void **state) {
	struct fair_share share;
	struct fair_share_use fresh = {.window = 0};
	fair_share_init(&share);
	share.window = UINT32_MAX;
	fair_share_turn(&share, FAIR_SHARE_WINDOW, &(struct fair_share_traffic){.dropped = 0});
	assert_int_not_equal(share.window, 0);
	fair_share_count(&share, &fresh, 10);
	assert_int_equal(share.peers, 1);
	assert_int_equal(fresh.bytes, 10);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flood),         cmocka_unit_test(test_alone),
		cmocka_unit_test(test_equals),        cmocka_unit_test(test_least),
		cmocka_unit_test(test_window_number), cmocka_unit_test(test_no_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
