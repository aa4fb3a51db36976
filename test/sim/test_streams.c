#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/clock.h"
#include "sim/streams.h"
#include "stream/cipher.h"
#include "wire/stream_settings.h"

/* Streams over a carrier with a rate, a delay and losses; every byte is compared. */

#define MBIT UINT64_C(125000) /* bytes a second */

static struct streams *streams_over(uint64_t rate, uint64_t delay, unsigned loss_permille,
									unsigned shaping) {
	const struct streams_setup setup = {
		.carrier = {.rate = rate, .delay = delay, .loss_permille = loss_permille, .unsent = 65536},
		.shaping = (uint8_t)shaping,
		.seed = 4,
	};
	return streams_new(&setup);
}

static void start(struct streams *streams, size_t first, size_t last) {
	for (size_t i = first; i <= last; i++)
		assert_int_equal(streams_start(streams, i), ERR_OK);
}

static void expect_done(const struct streams *streams, size_t first, size_t last) {
	for (size_t i = first; i <= last; i++)
		if (!streams_is_done(streams, i))
			fail_msg("flow %zu: up %zu, down %zu of %zu, errors %u and %u", i,
					 (size_t)streams->flows[i].received[1], (size_t)streams->flows[i].received[0],
					 (size_t)streams->flows[i].down, streams->flows[i].error[0],
					 streams->flows[i].error[1]);
}

static void a_thousand_streams_at_once(void **state) {
	struct streams *streams = streams_over(100 * MBIT, 20 * CLOCK_MILLISECOND, 10, 0);
	for (size_t i = 0; i < MUX_STREAMS_MAX; i++) {
		streams->flows[i].up = i % 7 * 3000;
		streams->flows[i].down = i % 11 * 7000;
		streams->flows[i].is_duplex = i % 3 == 0;
	}
	start(streams, 0, MUX_STREAMS_MAX - 1);
	streams->flows[MUX_STREAMS_MAX].down = 1;
	assert_int_equal(streams_start(streams, MUX_STREAMS_MAX), ERR_LIMIT);
	uint64_t until = streams->now + 60 * CLOCK_SECOND;
	assert_true(streams_run(streams, 0, MUX_STREAMS_MAX - 1, until));
	expect_done(streams, 0, MUX_STREAMS_MAX - 1);
	assert_int_equal(mux_stream_count(streams->ends[0]), 0);
	assert_int_equal(mux_stream_count(streams->ends[1]), 0);
	assert_int_equal(streams_start(streams, MUX_STREAMS_MAX), ERR_OK);
	streams_free(streams);
}

/* TCP holds back what came before its turn: bytes come in bursts, and late. */
static void segments_overtake_each_other(void **state) {
	const struct streams_setup setup = {
		.carrier = {.rate = 100 * MBIT,
					.delay = 40 * CLOCK_MILLISECOND,
					.loss_permille = 10,
					.late_permille = 300,
					.unsent = 65536},
		.seed = 6,
	};
	struct streams *streams = streams_new(&setup);
	for (size_t i = 0; i < 100; i++) {
		streams->flows[i].up = i * 2000;
		streams->flows[i].down = 200000 - i * 2000;
		streams->flows[i].is_duplex = i % 2 == 0;
	}
	start(streams, 0, 99);
	/* 20 MB, nearly half of them each way, are 0.9 s of the line. */
	assert_true(streams_run(streams, 0, 99, streams->now + 5 * CLOCK_SECOND));
	expect_done(streams, 0, 99);
	streams_free(streams);
}

/* How long a download of so many bytes takes, besides streams whose reader stands still. */
static uint64_t download_besides(size_t stalled, uint64_t size) {
	struct streams *streams = streams_over(100 * MBIT, 20 * CLOCK_MILLISECOND, 0, 0);
	for (size_t i = 0; i < stalled; i++) {
		streams->flows[i].down = 1000000;
		streams->flows[i].is_stalled = true;
	}
	start(streams, 0, stalled - 1);
	(void)streams_run(streams, 0, stalled, streams->now + 5 * CLOCK_SECOND);
	streams->flows[stalled].down = size;
	start(streams, stalled, stalled);
	assert_true(streams_run(streams, stalled, stalled, streams->now + 60 * CLOCK_SECOND));
	expect_done(streams, stalled, stalled);
	uint64_t took = streams->flows[stalled].ended - streams->flows[stalled].started;
	for (size_t i = 0; i < stalled; i++) {
		assert_false(streams->flows[i].is_closed[0]);
		streams->flows[i].is_stalled = false;
	}
	/* They go on where they stood. */
	assert_true(streams_run(streams, 0, stalled, streams->now + 60 * CLOCK_SECOND));
	expect_done(streams, 0, stalled);
	streams_free(streams);
	return took;
}

static void readers_that_stand_still_stop_nobody(void **state) {
	uint64_t alone = download_besides(1, 10000000), beside = download_besides(64, 10000000);
	assert_true(alone < 1200 * CLOCK_MILLISECOND); /* 800 ms at the line's rate */
	assert_true(beside < alone + alone / 10);
}

static void slow_readers_get_their_rate(void **state) {
	struct streams *streams = streams_over(100 * MBIT, 20 * CLOCK_MILLISECOND, 0, 0);
	for (size_t i = 0; i < 20; i++) {
		streams->flows[i].down = 500000;
		streams->flows[i].read_rate = 100000; /* so 5 s */
	}
	start(streams, 0, 19);
	assert_true(streams_run(streams, 0, 19, streams->now + 20 * CLOCK_SECOND));
	expect_done(streams, 0, 19);
	for (size_t i = 0; i < 20; i++)
		assert_in_range(streams->flows[i].ended - streams->flows[i].started, 5 * CLOCK_SECOND,
						6 * CLOCK_SECOND);
	streams_free(streams);
}

/* Bytes a second of one long download. */
static double speed_of(uint64_t rate, uint64_t delay, uint64_t size) {
	struct streams *streams = streams_over(rate, delay, 0, 0);
	streams->flows[0].down = size;
	start(streams, 0, 0);
	assert_true(streams_run(streams, 0, 0, streams->now + 600 * CLOCK_SECOND));
	expect_done(streams, 0, 0);
	double took = (double)(streams->flows[0].ended - streams->flows[0].started) / CLOCK_SECOND;
	streams_free(streams);
	return (double)size / took;
}

static void windows_grow_with_the_path(void **state) {
	/*
	 * 5 MB are under way, twenty times the first window, which would give 21 Mbit/s; of the 2.6 s
	 * that it takes, the first 0.6 s go by in growing.
	 */
	double fast = speed_of(400 * MBIT, 50 * CLOCK_MILLISECOND, 100000000);
	assert_true(fast > 0.7 * 400 * MBIT);
	/* The largest window is the limit, 16 MiB a round trip of 400 ms; growing to it takes 3 s of 9.
	 */
	double far = speed_of(1000 * MBIT, 200 * CLOCK_MILLISECOND, 200000000);
	assert_true(far > 0.5 * 16777215 / 0.4);
	assert_true(far < 16777215 / 0.4);
	double slow = speed_of(10 * MBIT, 20 * CLOCK_MILLISECOND, 3000000);
	assert_true(slow > 0.9 * 10 * MBIT);
}

/* A request on another stream is not queued behind bulk, but for what the carrier holds. */
static void requests_overtake_bulk(void **state) {
	struct streams *streams = streams_over(100 * MBIT, 5 * CLOCK_MILLISECOND, 0, 0);
	for (size_t i = 0; i < 4; i++)
		streams->flows[i].down = streams->flows[i].up = 20000000;
	for (size_t i = 0; i < 4; i++)
		streams->flows[i].is_duplex = true;
	start(streams, 0, 3);
	(void)streams_run(streams, 0, 3, streams->now + CLOCK_SECOND);
	for (size_t i = 4; i < 24; i++) {
		streams->flows[i].up = 100;
		streams->flows[i].down = 1000;
		start(streams, i, i);
		assert_true(streams_run(streams, i, i, streams->now + CLOCK_SECOND));
		expect_done(streams, i, i);
		uint64_t took = streams->flows[i].ended - streams->flows[i].started;
		/* A round trip of 10 ms, 64 KiB of the carrier's and a turn of each stream both ways. */
		assert_in_range(took, 10 * CLOCK_MILLISECOND, 10 * CLOCK_MILLISECOND + 2 * 11000000);
	}
	/* What the PING measured of the path, queues included. */
	assert_in_range(mux_round_trip(streams->ends[0]), 10 * CLOCK_MILLISECOND,
					25 * CLOCK_MILLISECOND);
	assert_true(streams_run(streams, 0, 3, streams->now + 60 * CLOCK_SECOND));
	expect_done(streams, 0, 3);
	streams_free(streams);
}

static void keys_change_under_load(void **state) {
	static const struct cipher_rules rules = {
		.rekey_frames = 100, .rekey_age = CLOCK_SECOND, .frames_max = 3000};
	const struct streams_setup setup = {
		.carrier = {.rate = 100 * MBIT,
					.delay = 20 * CLOCK_MILLISECOND,
					.loss_permille = 20,
					.unsent = 65536},
		.cipher = &rules,
		.seed = 5,
	};
	struct streams *streams = streams_new(&setup);
	for (size_t i = 0; i < 30; i++) {
		streams->flows[i].up = streams->flows[i].down = 1000000;
		streams->flows[i].is_duplex = true;
	}
	start(streams, 0, 29);
	/* No key seals more than 3,000 frames, and it takes more either way. */
	assert_true(streams_run(streams, 0, 29, streams->now + 60 * CLOCK_SECOND));
	expect_done(streams, 0, 29);
	streams_free(streams);
}

static void draining_loses_nothing(void **state) {
	struct streams *streams = streams_over(100 * MBIT, 20 * CLOCK_MILLISECOND, 10, 0);
	for (size_t i = 0; i < 200; i++)
		streams->flows[i].up = streams->flows[i].down = 50000;
	start(streams, 0, 199);
	(void)streams_run(streams, 0, 199, streams->now + 50 * CLOCK_MILLISECOND);
	mux_drain(streams->ends[1]);
	assert_true(streams_run(streams, 0, 199, streams->now + 60 * CLOCK_SECOND));
	expect_done(streams, 0, 199);
	assert_int_equal(streams_start(streams, 200), ERR_CLOSED);
	streams->flows[200].is_closed[0] = false;
	(void)streams_run(streams, 200, 200, streams->now + CLOCK_SECOND);
	assert_int_equal(mux_state(streams->ends[0]), MUX_CLOSED);
	assert_int_equal(mux_state(streams->ends[1]), MUX_CLOSED);
	assert_int_equal(mux_error(streams->ends[0]), STREAM_ERROR_NONE);
	streams_free(streams);
}

static void a_broken_carrier_ends_all(void **state) {
	struct streams *streams = streams_over(100 * MBIT, 20 * CLOCK_MILLISECOND, 10, 0);
	for (size_t i = 0; i < 100; i++)
		streams->flows[i].up = streams->flows[i].down = 1000000;
	start(streams, 0, 99);
	(void)streams_run(streams, 0, 99, streams->now + 300 * CLOCK_MILLISECOND);
	for (size_t end = 0; end < 2; end++)
		mux_abort(streams->ends[end], STREAM_ERROR_INTERNAL);
	for (size_t i = 0; i < 100; i++) {
		assert_true(streams->flows[i].is_closed[0] && streams->flows[i].is_closed[1]);
		assert_int_equal(streams->flows[i].error[0], STREAM_ERROR_INTERNAL);
		assert_false(streams->flows[i].is_wrong);
	}
	streams_free(streams);
}

/* What a profile costs: bytes on the carrier for a byte of the streams, and the requests' time. */
struct cost {
	double bulk, requests, milliseconds;
};

static struct cost cost_of(unsigned shaping) {
	struct streams *streams = streams_over(100 * MBIT, 20 * CLOCK_MILLISECOND, 0, shaping);
	struct cost cost = {0};
	streams->flows[0].down = 20000000;
	start(streams, 0, 0);
	assert_true(streams_run(streams, 0, 0, streams->now + 60 * CLOCK_SECOND));
	expect_done(streams, 0, 0);
	cost.bulk = (double)carrier_total(streams->carriers[1]) / 20000000;
	uint64_t before = carrier_total(streams->carriers[0]) + carrier_total(streams->carriers[1]);
	uint64_t took = 0;
	for (size_t i = 1; i <= 200; i++) { /* one a second: a page now and then */
		streams->flows[i].up = 600;
		streams->flows[i].down = 200 + i * 150;
		start(streams, i, i);
		assert_true(streams_run(streams, i, i, streams->now + CLOCK_SECOND));
		expect_done(streams, i, i);
		took += streams->flows[i].ended - streams->flows[i].started;
		(void)streams_run(streams, 201, 201, streams->now + CLOCK_SECOND);
	}
	uint64_t total = carrier_total(streams->carriers[0]) + carrier_total(streams->carriers[1]);
	cost.requests = (double)(total - before) / (200 * 600 + 200 * 200 + 150 * 201 * 100);
	cost.milliseconds = (double)took / 200 / CLOCK_MILLISECOND;
	streams_free(streams);
	return cost;
}

static bool near(double measured, double said, double room) {
	return measured > said - room && measured < said + room;
}

static void profiles_cost_what_the_documentation_says(void **state) {
	struct cost costs[4];
	for (unsigned shaping = 0; shaping < 4; shaping++) {
		costs[shaping] = cost_of(shaping);
		print_message("profile %u: bulk %.4f, requests %.3f, %.1f ms\n", shaping,
					  costs[shaping].bulk, costs[shaping].requests, costs[shaping].milliseconds);
	}
	/* doc/protocol/phantom.md, with room for another draw. */
	static const struct cost said[] = {
		{1.0015, 1.01, 41.3}, {1.0015, 1.03, 41.3}, {1.0016, 1.29, 41.4}, {1.0016, 1.34, 67.9}};
	for (unsigned shaping = 0; shaping < 4; shaping++) {
		assert_true(near(costs[shaping].bulk, said[shaping].bulk, 0.001));
		assert_true(near(costs[shaping].requests, said[shaping].requests, 0.04));
		assert_true(near(costs[shaping].milliseconds, said[shaping].milliseconds, 3));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_streams_at_once),
		cmocka_unit_test(segments_overtake_each_other),
		cmocka_unit_test(readers_that_stand_still_stop_nobody),
		cmocka_unit_test(slow_readers_get_their_rate),
		cmocka_unit_test(windows_grow_with_the_path),
		cmocka_unit_test(requests_overtake_bulk),
		cmocka_unit_test(keys_change_under_load),
		cmocka_unit_test(draining_loses_nothing),
		cmocka_unit_test(a_broken_carrier_ends_all),
		cmocka_unit_test(profiles_cost_what_the_documentation_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
