#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "handshake/phaze_client.h"
#include "proto/phaze_connections.h"
#include "session/rate_limiter.h"
#include "sim/calls.h"
#include "sim/logins.h"
#include "wire/phaze_stream.h"

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

/* After its network changed the client finds out soon that its connection leads nowhere. */
static void test_moves(void **state) {
	for (size_t i = 0; i < 2; i++) {
		struct stage *stage = begin(334 + i, i % 2 ? &three_shards : &one_shard, "tcp", 400);
		run(stage, 12 * CLOCK_SECOND);
		assert_talking(stage, 1);
		calls_lose(&stage->calls);
		/* It is told more than once. */
		for (size_t k = 0; k < 20; k++) {
			node_network(stage->logins->client);
			run(stage, 100 * CLOCK_MILLISECOND);
		}
		assert_talking(stage, 3);
		assert_int_equal(stage->logins->judged, 1);
		assert_int_equal(stage->calls.count, 2);
		end(stage);
	}
}

/* Where it leads to the server as before nothing comes of that, however often it is told. */
static void test_stays(void **state) {
	struct stage *stage = begin(336, &one_shard, "tcp", 400);
	run(stage, 12 * CLOCK_SECOND);
	for (size_t i = 0; i < 20; i++) {
		node_network(stage->logins->client);
		run(stage, i % 4 * 400 * CLOCK_MILLISECOND);
	}
	run(stage, 40 * CLOCK_SECOND);
	assert_talking(stage, 1);
	assert_int_equal(stage->calls.count, 1);
	assert_int_equal(logins_last_event(&stage->logins->client_host, DEVICE_EVENT_ENDED), -1);
	end(stage);
}

/* With either allowed UDP is tried first where it is now, but not for long. */
static void test_moves_either(void **state) {
	const struct sim_link nothing = {.loss_percent = 100}, good = {.delay = LOGINS_DELAY};
	struct stage *stage = begin(337, &one_shard, "udp,tcp", 400);
	world_set_link(stage->logins->world, &nothing);
	run(stage, 30 * CLOCK_SECOND);
	assert_talking(stage, 1);
	for (uint32_t i = 0; i < 2; i++) {
		const size_t before = stage->calls.count;
		calls_lose(&stage->calls);
		world_set_link(stage->logins->world, i == 0 ? &nothing : &good);
		node_network(stage->logins->client);
		run(stage, i == 0 ? 6 * CLOCK_SECOND : 2 * CLOCK_SECOND);
		assert_talking(stage, 3 + 2 * i);
		assert_int_equal(stage->calls.count, before + (i == 0));
		run(stage, 12 * CLOCK_SECOND);
	}
	assert_int_equal(stage->logins->judged, 1);
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

/* A client is connected by UDP, and nobody else is at the gate. */
static struct stage *begin_alone(uint64_t seed) {
	struct stage *stage = begin(seed, &one_shard, "udp", SIZE_MAX);
	run(stage, 20 * CLOCK_SECOND);
	return stage;
}

static size_t handshakes(const struct stage *stage) {
	size_t half_open;
	return phaze_gate_count(stage->logins->server->device, &half_open);
}

static struct call *call_and_say(struct stage *stage, struct slice hello) {
	struct call *call = calls_begin(&stage->calls);
	calls_say(call, hello.data, hello.size);
	run(stage, 2 * STEP);
	return call;
}

/* Whoever greets, hangs up and comes again does so only so often, though nothing looks like load.
 */
static void test_greets_again(void **state) {
	struct stage *stage = begin_alone(390);
	const struct slice hello = logins_last_hello(stage->logins);
	for (size_t round = 0; round < 2; round++) {
		size_t answered = 0;
		for (size_t i = 0; i < RATE_LIMITER_BURST + 5; i++) {
			struct call *call = calls_begin(&stage->calls);
			calls_say(call, hello.data, hello.size);
			calls_deliver(&stage->calls);
			answered += call->ends[0].size > 0;
			assert_int_equal(calls_is_closed(call), call->ends[0].size == 0);
			call->ends[0].closed = true;
			calls_deliver(&stage->calls);
			assert_int_equal(handshakes(stage), 0);
		}
		assert_int_equal(answered, RATE_LIMITER_BURST);
		run(stage, CLOCK_SECOND);
	}
	free((void *)(uintptr_t)hello.data);
	end(stage);
}

/* A second hello ends the first one's handshake, whether it is the same or another. */
static void test_greets_twice(void **state) {
	struct stage *stage = begin_alone(391);
	const struct slice hello = logins_last_hello(stage->logins);
	uint8_t other[PHAZE_CLIENT_HELLO_SIZE];
	memcpy(other, hello.data, sizeof other);
	other[40] ^= 1; /* of its random bytes */
	const struct slice second[] = {hello, slice_of(other, sizeof other)};
	for (size_t i = 0; i < 2; i++) {
		struct call *call = call_and_say(stage, hello);
		assert_int_equal(handshakes(stage), 1);
		calls_say(call, second[i].data, second[i].size);
		run(stage, 2 * STEP);
		assert_true(calls_is_closed(call));
		assert_int_equal(handshakes(stage), 0);
	}
	free((void *)(uintptr_t)hello.data);
	end(stage);
}

/* A client that the test is, on a call of its own. */
static struct phaze_client *begin_client(const struct stage *stage) {
	static const uint8_t ciphers[] = {PHAZE_CHACHA20_POLY1305};
	const struct logins *logins = stage->logins;
	const struct phaze_client_options options = {
		.session_id = 77,
		.reliable = true,
		.ciphers = ciphers,
		.cipher_count = sizeof ciphers,
		.name = slice_of_text("alice"),
		.password = slice_of_text("wrong"),
		.identity = phaze_trust_identity(logins->client->device->trust),
		.random = engine_get_options(logins->client->engine)->random,
	};
	struct phaze_client *client;
	assert_int_equal(phaze_client_new(&options, world_now(logins->world), &client), ERR_OK);
	return client;
}

/* Takes what has come. */
static void client_takes(struct phaze_client *client, struct call *call) {
	struct call_end *end = &call->ends[0];
	size_t size, at = 0;
	while (at < end->size && phaze_stream_size(end->bytes + at, end->size - at, &size) == ERR_OK &&
		   size <= end->size - at) {
		(void)phaze_client_receive(client, 0, end->bytes + at, size);
		at += size;
	}
	assert_int_equal(at, end->size);
	end->size = 0;
}

/* Then says what it has to; the last packet of that stays in a place of its own. */
static void client_turn(struct stage *stage, struct phaze_client *client, struct call *call,
						struct slice *out_last) {
	static uint8_t last[PHAZE_CLIENT_HELLO_SIZE];
	struct slice packet;
	client_takes(client, call);
	while (phaze_client_send(client, &packet)) {
		calls_say(call, packet.data, packet.size);
		memcpy(last, packet.data, packet.size);
		*out_last = slice_of(last, packet.size);
	}
	run(stage, 2 * STEP);
}

/* What is nobody's, or not to be said now, closes the connection, whoever waits by it. */
static void test_nobodys(void **state) {
	static const uint8_t magic[] = {'P', 'H', 'A', 'S'};
	static const uint8_t length[PHAZE_HEADER_SIZE] = {'P', 'H', 'A', 'Z', 1, PHAZE_DATA, 0, 0,
													  0,   1,   1,   2,   3, 4,          0, 1};
	static const uint8_t data[PHAZE_OVERHEAD] = {
		'P', 'H', 'A', 'Z', 1, PHAZE_DATA, 0, 0, 0, 1, 1, 2, 3, 4, 0, PHAZE_OVERHEAD - 16};
	static const uint8_t sealed[PHAZE_OVERHEAD + 5] = {
		'P', 'H', 'A', 'Z', 1, PHAZE_HANDSHAKE, 0, 0, 0, 1, 1, 2, 3, 4, 0, PHAZE_OVERHEAD - 11};
	struct slice last = {magic, sizeof magic};
	const struct slice said[] = {{magic, sizeof magic},
								 {length, sizeof length},
								 {data, sizeof data},
								 {sealed, sizeof sealed}};
	enum { SAID = sizeof said / sizeof *said };
	struct stage *stage = begin_alone(392);
	stage->logins->silent = true;
	for (size_t i = 0; i < 3 * (SAID + 1); i++) {
		const size_t turns = i % 3; /* before anything, behind the hello, while it waits */
		struct call *call = calls_begin(&stage->calls);
		struct phaze_client *client = begin_client(stage);
		for (size_t turn = 0; turn < turns; turn++)
			client_turn(stage, client, call, &last);
		assert_int_equal(stage->logins->waiting_count, turns == 2);
		assert_int_equal(
			phaze_gate_waits(stage->logins->server->device, call->ends[1].caller.connection),
			turns == 2);
		assert_false(calls_is_closed(call));
		/* Or what it said before, once more. */
		const struct slice next = i / 3 < SAID ? said[i / 3] : last;
		calls_say(call, next.data, next.size);
		run(stage, 2 * STEP);
		assert_true(calls_is_closed(call));
		assert_int_equal(handshakes(stage), 0);
		assert_int_equal(stage->logins->waiting_count, 0);
		phaze_client_free(client);
		run(stage, CLOCK_SECOND);
	}
	end(stage);
}

/* In a session, too; its client comes back by a ticket. */
static void test_nobodys_in_session(void **state) {
	uint8_t data[PHAZE_OVERHEAD] = {'P', 'H', 'A', 'Z', 1, PHAZE_DATA, 0, 0,
									0,   1,   1,   2,   3, 4,          0, PHAZE_OVERHEAD - 16};
	for (uint8_t i = 0; i < 3; i++) {
		struct stage *stage = begin(394 + i, &one_shard, "tcp", SIZE_MAX);
		run(stage, 12 * CLOCK_SECOND);
		assert_talking(stage, 1);
		/* An id of this shard's, of another one's that there is not; and what is no packet. */
		data[13] = i == 1 ? 0x11 : 0x10;
		data[0] = i == 2 ? 'X' : 'P';
		calls_say(stage->calls.items[0], data, sizeof data);
		run(stage, 100 * CLOCK_MILLISECOND);
		assert_true(logins_last_event(&stage->logins->client_host, DEVICE_EVENT_ENDED) >= 0);
		assert_true(calls_is_closed(stage->calls.items[0]));
		run(stage, CLOCK_SECOND);
		assert_talking(stage, 3);
		assert_int_equal(stage->logins->judged, 1);
		end(stage);
	}
}

/* A byte a second: neither a hello nor what follows it lasts for ever. */
static void test_drips(void **state) {
	struct stage *stage = begin_alone(393);
	for (size_t i = 0; i < 2; i++) {
		struct call *call = calls_begin(&stage->calls);
		struct phaze_client *client = begin_client(stage);
		struct slice packet;
		size_t seconds = 0;
		if (i == 1)
			client_turn(stage, client, call, &packet);
		client_takes(client, call);
		assert_true(phaze_client_send(client, &packet));
		for (; !calls_is_closed(call) && seconds < 100; seconds++) {
			calls_say(call, packet.data + seconds, 1);
			run(stage, CLOCK_SECOND);
		}
		assert_in_range(seconds, 14, 16);
		assert_int_equal(handshakes(stage), 0);
		phaze_client_free(client);
	}
	end(stage);
}

/* Who logs in by another connection would be another device: the session ends for it, and is back.
 */
static void test_mistyped(void **state) {
	struct stage *stage = begin(360, &one_shard, "tcp", SIZE_MAX);
	struct logins *logins = stage->logins;
	run(stage, 2 * CLOCK_SECOND);
	assert_talking(stage, 1);
	const char *identity = node_hex(logins->server_identity);
	assert_int_equal(
		node_set(logins->client, "public_key=%s\nlogin=true\npassword=77726f6e67\n", identity), 0);
	run(stage, CLOCK_SECOND);
	assert_false(logins_is_connected(logins));
	assert_true(logins_last_event(&logins->server_host, DEVICE_EVENT_ENDED) >= 0);
	run(stage, 4 * CLOCK_SECOND);
	assert_true(logins_last_event(&logins->client_host, DEVICE_EVENT_REFUSED) >= 0);
	assert_talking(stage, 3);
	assert_int_equal(logins->judged, 2);
	end(stage);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_breaks),
		cmocka_unit_test(test_breaks_in_between),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_stays),
		cmocka_unit_test(test_moves_either),
		cmocka_unit_test(test_either),
		cmocka_unit_test(test_one_of_both),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_nothing_more),
		cmocka_unit_test(test_greets_again),
		cmocka_unit_test(test_greets_twice),
		cmocka_unit_test(test_nobodys),
		cmocka_unit_test(test_nobodys_in_session),
		cmocka_unit_test(test_drips),
		cmocka_unit_test(test_mistyped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
