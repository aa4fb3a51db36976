#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "proto/phaze_connections.h"
#include "sim/calls.h"
#include "sim/logins.h"

/* Clients that log in over connections, however their bytes are cut. */

#define STEP (5 * CLOCK_MILLISECOND)

static const struct node_options one_shard = {.shards = 1}, three_shards = {.shards = 3};

struct stage {
	struct logins *logins;
	struct calls calls;
};

static void run(struct stage *stage, uint64_t duration) {
	for (uint64_t gone = 0; gone < duration; gone += STEP) {
		logins_run(stage->logins, STEP);
		calls_deliver(&stage->calls);
	}
}

static struct stage *begin(uint64_t seed, const struct node_options *shards, const char *transport,
						   size_t cut) {
	const struct logins_options options = {
		.node = shards, .password = "secret", .server_lines = "transport=udp,tcp\n"};
	struct stage *stage = calloc(1, sizeof *stage);
	stage->logins = logins_new(seed, &options);
	calls_init(&stage->calls, stage->logins->client, stage->logins->server);
	stage->calls.cut = cut;
	assert_int_equal(node_set(stage->logins->client, "transport=%s\n", transport), 0);
	node_link(stage->logins->server, true);
	node_link(stage->logins->client, true);
	return stage;
}

static void end(struct stage *stage) {
	logins_free(stage->logins);
	assert_int_equal(calls_alive(&stage->calls), 0);
	calls_done(&stage->calls);
	free(stage);
}

/* A packet each way, of a number that none had. */
static void assert_talking(struct stage *stage, uint32_t number) {
	const struct logins *logins = stage->logins;
	const struct {
		struct node *from, *to;
	} ways[] = {{logins->client, logins->server}, {logins->server, logins->client}};
	assert_true(logins_is_connected(logins));
	for (size_t i = 0; i < 2; i++) {
		world_packet(ways[i].from, ways[i].to, number + (uint32_t)i);
		run(stage, CLOCK_SECOND);
		assert_int_equal(node_arrived(ways[i].to, ways[i].from, number + (uint32_t)i), 1);
	}
}

/* Both ways, keys are renewed in it, and not a datagram is sent. */
static void test_cuts(void **state) {
	static const size_t cuts[] = {SIZE_MAX, 1, 7, 61, 97, 200, 499, 1201, 4096};
	for (size_t i = 0; i < 2 * sizeof cuts / sizeof *cuts; i++) {
		struct stage *stage =
			begin(300 + i, i % 2 ? &three_shards : &one_shard, "tcp", cuts[i / 2]);
		struct logins *logins = stage->logins;
		/* A byte at a time takes a while: some 3 KiB each way. */
		run(stage, cuts[i / 2] < 61 ? 40 * CLOCK_SECOND : 2 * CLOCK_SECOND);
		stage->calls.cut = cuts[i / 2] < 61 ? 61 : cuts[i / 2];
		run(stage, CLOCK_SECOND);
		assert_talking(stage, 1);
		run(stage, 130 * CLOCK_SECOND);
		assert_talking(stage, 3);
		assert_int_equal(logins->judged, 1);
		assert_int_equal(logins->world->tap.count, 0);
		assert_int_equal(stage->calls.count, 1);
		assert_int_equal(calls_alive(&stage->calls), 1);
		assert_int_equal(logins_last_event(&logins->client_host, DEVICE_EVENT_ENDED), -1);
		assert_true(logins_sent(logins, logins->client, PHAZE_REKEY) == 0);
		end(stage);
	}
}

/* It breaks: the session ends, and a ticket brings the next one. */
static void test_breaks(void **state) {
	for (size_t i = 0; i < 2; i++) {
		struct stage *stage = begin(330 + i, i % 2 ? &three_shards : &one_shard, "tcp", 400);
		run(stage, CLOCK_SECOND);
		assert_talking(stage, 1);
		calls_break(&stage->calls);
		run(stage, 100 * CLOCK_MILLISECOND);
		assert_true(logins_last_event(&stage->logins->client_host, DEVICE_EVENT_ENDED) >= 0);
		assert_true(logins_last_event(&stage->logins->server_host, DEVICE_EVENT_ENDED) >= 0);
		assert_int_equal(calls_alive(&stage->calls), 0);
		run(stage, 20 * CLOCK_SECOND);
		assert_talking(stage, 3);
		assert_int_equal(stage->logins->judged, 1);
		assert_int_equal(calls_alive(&stage->calls), 1);
		end(stage);
	}
}

/* In the middle of a login: nobody is judged for who is not there any more. */
static void test_breaks_in_between(void **state) {
	struct stage *stage = begin(340, &one_shard, "tcp", 400);
	size_t half_open;
	stage->logins->silent = true;
	run(stage, CLOCK_SECOND);
	assert_int_equal(stage->logins->waiting_count, 1);
	calls_break(&stage->calls);
	run(stage, 2 * STEP);
	assert_int_equal(stage->logins->waiting_count, 0);
	assert_int_equal(phaze_gate_count(stage->logins->server->device, &half_open), 0);
	stage->logins->silent = false;
	run(stage, 20 * CLOCK_SECOND);
	assert_talking(stage, 1);
	end(stage);
}

/* UDP is asked first, and where nobody answers it is TCP; where nobody listens, UDP again. */
static void test_either(void **state) {
	const struct sim_link nothing = {.loss_percent = 100}, good = {.delay = LOGINS_DELAY};
	struct stage *stage = begin(350, &one_shard, "udp,tcp", 400);
	run(stage, CLOCK_SECOND);
	assert_talking(stage, 1);
	assert_int_equal(stage->calls.count, 0);
	end(stage);
	stage = begin(351, &one_shard, "udp,tcp", 400);
	world_set_link(stage->logins->world, &nothing);
	run(stage, 14 * CLOCK_SECOND);
	assert_int_equal(stage->calls.count, 0);
	run(stage, 3 * CLOCK_SECOND);
	assert_talking(stage, 1);
	end(stage);
	stage = begin(352, &one_shard, "udp,tcp", 400);
	world_set_link(stage->logins->world, &nothing);
	stage->calls.refuses = true;
	run(stage, 17 * CLOCK_SECOND);
	assert_int_equal(stage->calls.count, 1);
	world_set_link(stage->logins->world, &good);
	run(stage, 60 * CLOCK_SECOND);
	assert_talking(stage, 1);
	assert_int_equal(calls_alive(&stage->calls), 0);
	end(stage);
}

/* A server that does without one of both. */
static void test_one_of_both(void **state) {
	static const char *const ways[] = {"udp", "tcp"};
	for (size_t i = 0; i < 4; i++) {
		struct stage *stage = begin(360 + i, &one_shard, ways[i / 2], 400);
		assert_int_equal(node_set(stage->logins->server, "transport=%s\n", ways[i % 2]), 0);
		run(stage, 5 * CLOCK_SECOND);
		assert_int_equal(logins_is_connected(stage->logins), i / 2 == i % 2);
		node_link(stage->logins->client, false);
		run(stage, CLOCK_SECOND);
		end(stage);
	}
}

/* What is no handshake, or not soon one, is closed; the one beside it goes on. */
static void test_strangers(void **state) {
	static const uint8_t large[PHAZE_HEADER_SIZE] = {'P', 'H', 'A', 'Z', 1, PHAZE_DATA, 0, 0,
													 0,   1,   0,   0,   0, 7,          5, 0};
	static uint8_t nonsense[PHAZE_CLIENT_HELLO_SIZE] = {
		'P', 'H', 'A', 'Z', 1, PHAZE_HANDSHAKE, 0, 0, 0, 0, 0, 0, 0, 0, 0x04, 0xa0};
	struct stage *stage = begin(370, &one_shard, "tcp", 400);
	stage->logins->silent = true;
	run(stage, CLOCK_SECOND);
	assert_int_equal(stage->logins->waiting_count, 1);
	struct call *calls[4];
	for (size_t i = 0; i < 4; i++)
		calls[i] = calls_begin(&stage->calls);
	calls_say(calls[0], "GET / HTTP/1.1\r\n", 16);
	calls_say(calls[1], large, sizeof large);
	calls_say(calls[2], nonsense, sizeof nonsense);
	calls_say(calls[3], nonsense, 20);
	run(stage, 4 * STEP);
	for (size_t i = 0; i < 3; i++)
		assert_true(calls_is_closed(calls[i]));
	assert_false(calls_is_closed(calls[3]));
	run(stage, PHAZE_CONNECTION_TIME - CLOCK_SECOND);
	assert_false(calls_is_closed(calls[3]));
	stage->logins->silent = false;
	run(stage, 2 * CLOCK_SECOND);
	assert_true(calls_is_closed(calls[3]));
	run(stage, 20 * CLOCK_SECOND);
	assert_talking(stage, 1);
	end(stage);
}

/* A handshake that does not go on has its times, and its connection with it. */
static void test_nothing_more(void **state) {
	struct stage *stage = begin(380, &one_shard, "udp", 400);
	size_t half_open;
	run(stage, CLOCK_SECOND);
	const struct slice hello = logins_last_hello(stage->logins);
	struct call *call = calls_begin(&stage->calls);
	run(stage, 20 * CLOCK_SECOND);
	calls_say(call, hello.data, hello.size);
	run(stage, CLOCK_SECOND);
	assert_true(call->ends[0].size > PHAZE_SERVER_HELLO_SIZE);
	assert_int_equal(phaze_gate_count(stage->logins->server->device, &half_open), 1);
	assert_false(calls_is_closed(call));
	run(stage, 16 * CLOCK_SECOND);
	assert_int_equal(phaze_gate_count(stage->logins->server->device, &half_open), 0);
	assert_true(calls_is_closed(call));
	free((void *)(uintptr_t)hello.data);
	end(stage);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_breaks),
		cmocka_unit_test(test_breaks_in_between),
		cmocka_unit_test(test_either),
		cmocka_unit_test(test_one_of_both),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_nothing_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
