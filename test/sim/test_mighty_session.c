#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/mighty_limits.h"
#include "proto/mighty_peer.h"
#include "sim/mighty.h"
#include "wire/mighty.h"

/* How long Mighty's sessions last: renewals, keepalives, farewells, restarts, replays. */

#define FIRST(type) (MIGHTY_VERSION << 4 | (type))
#define DELAY MIGHTY_PAIR_DELAY

static size_t sent(const struct mighty_pair *pair, const struct node *from, enum mighty_type type) {
	return tap_count(&pair->world->tap, &from->v4, (uint8_t)FIRST(type));
}

static bool pass_nothing(void *context, const struct endpoint *from, const struct endpoint *to,
						 struct slice datagram) {
	return false;
}

/* Packets always on their way, both ways; each arrives once. */
static void run_traffic(const struct mighty_pair *pair, uint32_t packets, uint64_t interval) {
	node_forget_arrivals(pair->client);
	node_forget_arrivals(pair->server);
	for (uint32_t number = 0; number < packets; number++) {
		world_packet(pair->client, pair->server, number);
		world_packet(pair->server, pair->client, number);
		world_run(pair->world, interval);
	}
	world_run(pair->world, CLOCK_SECOND);
	assert_int_equal(node_arrived_from(pair->server, pair->client), packets);
	assert_int_equal(node_arrived_from(pair->client, pair->server), packets);
}

static void set_rekey(struct node *node, uint32_t seconds, uint32_t packets) {
	mighty_sim_config(node)->rekey_seconds = seconds;
	mighty_sim_config(node)->rekey_packets = packets;
	mighty_sim_commit(node);
}

static void test_renewed_by_time(void **state) {
	static const struct node_options options[] = {{.shards = 1}, {.shards = 4, .missteer = true}};
	for (size_t i = 0; i < 2; i++) {
		struct mighty_pair pair = mighty_pair_up(1 + i, &options[i]);
		const struct sim_link link = {.delay = DELAY, .jitter = DELAY, .reorder_percent = 20};
		world_set_link(pair.world, &link);
		pair.world->tap.recording = true;
		/* Six hundred seconds each. */
		run_traffic(&pair, 50000, 25 * CLOCK_MILLISECOND);
		assert_int_equal(sent(&pair, pair.client, MIGHTY_REQUEST), 2);
		assert_int_equal(sent(&pair, pair.server, MIGHTY_RESPONSE), 2);
		assert_true(session_age(&pair.client_peer->current->session, world_now(pair.world)) <
					100 * CLOCK_SECOND);
		/* The one before is gone, 10 s after the first packet. */
		assert_null(pair.client_peer->previous);
		assert_null(pair.server_peer->previous);
		mighty_pair_free(&pair);
	}
}

/* What was on its way for long is read under the key of before, if not for too long. */
static void test_late_packets(void **state) {
	for (uint32_t i = 0; i < 4; i++) {
		struct mighty_pair pair = mighty_pair_up(5 + i, NULL);
		struct node *from = i % 2 ? pair.client : pair.server;
		struct node *to = i % 2 ? pair.server : pair.client;
		const bool too_long = i / 2;
		const struct endpoint ends[] = {node_endpoint(from), node_endpoint(to)};
		const struct sim_link slow = {.delay = (too_long ? 13 : 10) * CLOCK_SECOND};
		const struct sim_link fast = {.delay = DELAY};
		world_run_until(pair.world, pair.client_peer->current->session.born + 599 * CLOCK_SECOND);
		assert_int_equal(sim_set_link(pair.world->network, &ends[0], &ends[1], &slow), ERR_OK);
		world_packet(from, to, 1);
		world_run(pair.world, CLOCK_MILLISECOND);
		assert_int_equal(sim_set_link(pair.world->network, &ends[0], &ends[1], &fast), ERR_OK);
		world_run(pair.world, 14 * CLOCK_SECOND);
		assert_true(session_age(&pair.client_peer->current->session, world_now(pair.world)) <
					14 * CLOCK_SECOND);
		assert_int_equal(node_arrived(to, from, 1), too_long ? 0 : 1);
		mighty_pair_free(&pair);
	}
}

/* Of either direction, and where either end says so. */
static void test_renewed_by_packets(void **state) {
	for (uint32_t i = 0; i < 4; i++) {
		struct mighty_pair pair = mighty_pair_new(10 + i, NULL);
		set_rekey(i % 2 ? pair.client : pair.server, 600, 100);
		node_link(pair.server, true);
		node_link(pair.client, true);
		world_run(pair.world, CLOCK_SECOND);
		pair.world->tap.recording = true;
		struct node *from = i / 2 ? pair.client : pair.server;
		struct node *to = i / 2 ? pair.server : pair.client;
		for (uint32_t number = 0; number < 1000; number++) {
			world_packet(from, to, number);
			world_run(pair.world, 5 * CLOCK_MILLISECOND);
		}
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(node_arrived_from(to, from), 1000);
		/* Packets under the old key while the handshake is under way count, too. */
		assert_in_range(sent(&pair, pair.client, MIGHTY_REQUEST), 8, 10);
		mighty_pair_free(&pair);
	}
}

static bool lose_handshakes(void *context, const struct endpoint *from, const struct endpoint *to,
							struct slice datagram) {
	return mighty_classify(datagram.data, datagram.size) >= MIGHTY_DATA;
}

/* Without a renewal both ends stop, at T + 60 s and at 2 N packets, to send and to take. */
static void test_hard_stop_by_time(void **state) {
	struct mighty_pair pair = mighty_pair_up(20, NULL);
	const uint64_t born = pair.client_peer->current->session.born;
	pair.world->tap.pass = lose_handshakes;
	world_run_until(pair.world, born + 659 * CLOCK_SECOND);
	assert_true(world_packet_arrives(pair.client, pair.server, 1, DELAY));
	assert_true(world_packet_arrives(pair.server, pair.client, 1, DELAY));
	world_run_until(pair.world, born + 661 * CLOCK_SECOND);
	assert_null(pair.client_peer->current);
	assert_null(pair.server_peer->current);
	assert_false(mighty_sim_is_connected(pair.server_peer));
	assert_false(world_packet_arrives(pair.client, pair.server, 2, CLOCK_SECOND));
	pair.world->tap.pass = NULL;
	world_run(pair.world, 61 * CLOCK_SECOND);
	assert_true(world_packet_arrives(pair.client, pair.server, 3, DELAY));
	mighty_pair_free(&pair);
}

static void test_hard_stop_by_packets(void **state) {
	struct mighty_pair pair = mighty_pair_new(21, NULL);
	set_rekey(pair.server, 600, 100);
	node_link(pair.server, true);
	node_link(pair.client, true);
	world_run(pair.world, CLOCK_SECOND);
	pair.world->tap.pass = lose_handshakes;
	node_forget_arrivals(pair.server);
	for (uint32_t number = 0; number < 300; number++) {
		world_packet(pair.server, pair.client, number);
		world_run(pair.world, CLOCK_MILLISECOND);
	}
	/* Sequences 1 to 200; the first ones were keepalives. */
	assert_int_equal(pair.server_peer->current->session.send_counter, 201);
	assert_in_range(node_arrived_from(pair.client, pair.server), 190, 200);
	/* What did not fit waits for the next key. */
	pair.world->tap.pass = NULL;
	world_run(pair.world, 10 * CLOCK_SECOND);
	assert_int_equal(node_arrived(pair.client, pair.server, 299), 1);
	mighty_pair_free(&pair);
}

/* The other end does not look at what is sent after its hard stop either. */
static void test_receiver_stops_too(void **state) {
	struct mighty_pair pair = mighty_pair_up(22, NULL);
	pair.world->tap.recording = true;
	assert_true(world_packet_arrives(pair.client, pair.server, 1, DELAY));
	/* The server alone thinks that N is 3: two keepalives and this one were three. */
	pair.server_peer->current->rekey_packets = 2;
	const uint64_t next = pair.server_peer->current->session.replay.next;
	assert_in_range(next, 3, 5);
	for (uint32_t number = 2; number < 8; number++)
		world_packet(pair.client, pair.server, number);
	world_run(pair.world, DELAY);
	assert_int_equal(pair.server_peer->current->session.replay.next, 5);
	mighty_pair_free(&pair);
}

/* Each end says something at least every 10 s. */
static void test_keepalives(void **state) {
	struct mighty_pair pair = mighty_pair_up(30, NULL);
	pair.world->tap.recording = true;
	world_run(pair.world, 100 * CLOCK_SECOND);
	assert_in_range(sent(&pair, pair.client, MIGHTY_KEEPALIVE), 9, 10);
	assert_in_range(sent(&pair, pair.server, MIGHTY_KEEPALIVE), 9, 10);
	/* Who sends packets does not need to. */
	tap_clear(&pair.world->tap);
	for (uint32_t number = 0; number < 100; number++) {
		world_packet(pair.client, pair.server, number);
		world_packet(pair.server, pair.client, number);
		world_run(pair.world, CLOCK_SECOND);
	}
	assert_int_equal(sent(&pair, pair.client, MIGHTY_KEEPALIVE), 0);
	assert_int_equal(sent(&pair, pair.server, MIGHTY_KEEPALIVE), 0);
	mighty_pair_free(&pair);
}

/* Three missed: the server forgets its client, the client begins again, and gets back. */
static void test_dead_peer(void **state) {
	struct mighty_pair pair = mighty_pair_up(40, NULL);
	pair.world->tap.recording = true;
	pair.world->tap.pass = pass_nothing;
	world_run(pair.world, 29 * CLOCK_SECOND);
	assert_non_null(pair.client_peer->current);
	assert_non_null(pair.server_peer->current);
	world_run(pair.world, 11 * CLOCK_SECOND);
	assert_null(pair.client_peer->current);
	assert_null(pair.server_peer->current);
	assert_int_equal(pair.server_peer->half_open_count, 0);
	assert_true(sent(&pair, pair.client, MIGHTY_REQUEST) >= 1);
	world_run(pair.world, 300 * CLOCK_SECOND);
	assert_in_range(sent(&pair, pair.client, MIGHTY_REQUEST), 8, 14);
	pair.world->tap.pass = NULL;
	world_run(pair.world, 61 * CLOCK_SECOND);
	assert_true(world_packet_arrives(pair.client, pair.server, 1, DELAY));
	assert_true(world_packet_arrives(pair.server, pair.client, 1, DELAY));
	mighty_pair_free(&pair);
}

/* A farewell ends the session at the other end at once. */
static void test_disconnect(void **state) {
	struct mighty_pair pair = mighty_pair_up(50, NULL);
	pair.world->tap.recording = true;
	/* The interface goes down, or the peer alone. */
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			node_link(pair.client, false);
		else
			mighty_sim_remove(pair.client, pair.client_peer);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(sent(&pair, pair.client, MIGHTY_DISCONNECT), i + 1);
		assert_null(pair.server_peer->current);
		assert_false(mighty_sim_is_connected(pair.server_peer));
		node_link(pair.client, true);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(mighty_sim_is_connected(pair.server_peer), i == 0);
	}
	mighty_pair_free(&pair);

	/* The server's own: the client is back after a second or a little more, not at once. */
	pair = mighty_pair_up(51, NULL);
	pair.world->tap.recording = true;
	mighty_sim_remove(pair.server, pair.server_peer);
	world_run(pair.world, CLOCK_SECOND / 2);
	assert_null(pair.client_peer->current);
	assert_int_equal(sent(&pair, pair.client, MIGHTY_REQUEST), 0);
	pair.server_peer = mighty_sim_add_client(pair.server, MIGHTY_PAIR_PSK, 2);
	world_run(pair.world, 2 * CLOCK_SECOND);
	assert_int_equal(sent(&pair, pair.client, MIGHTY_REQUEST), 1);
	assert_true(mighty_sim_is_connected(pair.server_peer));
	mighty_pair_free(&pair);
}

/* Under a key of before it is late: the session goes on. */
static void test_late_disconnect(void **state) {
	struct mighty_pair pair = mighty_pair_up(52, NULL);
	struct tap *tap = &pair.world->tap;
	tap->recording = true;
	/* The client leaves; its farewell is held up, and it is back meanwhile. */
	tap->pass = pass_nothing;
	node_link(pair.client, false);
	world_run(pair.world, 0);
	assert_null(pair.client_peer->current);
	tap->pass = NULL;
	node_link(pair.client, true);
	world_run(pair.world, CLOCK_SECOND);
	const struct mighty_session *current = pair.server_peer->current;
	const struct tap_record *farewell =
		tap_find(tap, &pair.client->v4, FIRST(MIGHTY_DISCONNECT), 0);
	assert_non_null(farewell);
	world_send(pair.world, &farewell->from, &farewell->to,
			   slice_of(farewell->data, farewell->size));
	world_run(pair.world, CLOCK_SECOND);
	assert_ptr_equal(pair.server_peer->current, current);
	assert_true(world_packet_arrives(pair.server, pair.client, 1, DELAY));
	mighty_pair_free(&pair);
}

/* The server's process dies: the client finds out by its silence. */
static void test_server_restart(void **state) {
	struct mighty_pair pair = mighty_pair_up(60, NULL);
	world_run(pair.world, CLOCK_SECOND);
	node_restart(pair.server);
	mighty_pair_refresh(&pair);
	world_run(pair.world, 45 * CLOCK_SECOND);
	assert_true(mighty_sim_is_connected(pair.server_peer));
	assert_true(world_packet_arrives(pair.client, pair.server, 1, DELAY));
	assert_true(world_packet_arrives(pair.server, pair.client, 1, DELAY));
	mighty_pair_free(&pair);
}

/* A hello that was accepted before a restart is not accepted again. */
static void test_replay_after_restart(void **state) {
	struct mighty_pair pair = mighty_pair_new(61, NULL);
	struct tap *tap = &pair.world->tap;
	tap->recording = true;
	node_link(pair.server, true);
	node_link(pair.client, true);
	world_run(pair.world, CLOCK_SECOND);
	const struct tap_record *hello = tap_find(tap, &pair.client->v4, FIRST(MIGHTY_REQUEST), 0);
	tap->recording = false;
	const size_t answered = tap->sent[FIRST(MIGHTY_RESPONSE)];
	for (int i = 0; i < 2; i++) {
		world_send(pair.world, &hello->from, &hello->to, slice_of(hello->data, hello->size));
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(tap->sent[FIRST(MIGHTY_RESPONSE)], answered);
		node_restart(pair.server);
		mighty_pair_refresh(&pair);
	}
	/* With nothing remembered it would be: this is what the records are for. */
	mighty_sim_forget_times(pair.server);
	node_restart(pair.server);
	world_send(pair.world, &hello->from, &hello->to, slice_of(hello->data, hello->size));
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(tap->sent[FIRST(MIGHTY_RESPONSE)], answered + 1);
	mighty_pair_free(&pair);
}

/* So is the client: its times go on where they were, also when its clock does not. */
static void test_client_restart(void **state) {
	struct mighty_pair pair = mighty_pair_up(62, NULL);
	world_run(pair.world, CLOCK_SECOND);
	pair.client->wall_offset = (uint64_t)-60 * CLOCK_SECOND;
	node_restart(pair.client);
	mighty_pair_refresh(&pair);
	world_run(pair.world, CLOCK_SECOND);
	assert_true(mighty_sim_is_connected(pair.client_peer));
	assert_true(world_packet_arrives(pair.client, pair.server, 1, DELAY));
	assert_true(world_packet_arrives(pair.server, pair.client, 1, DELAY));
	mighty_pair_free(&pair);
}

/* Another machine with the same PSK takes the session; the one before is not heard any more. */
static void test_take_over(void **state) {
	struct mighty_pair pair = mighty_pair_up(70, NULL);
	struct node *other = mighty_sim_add(pair.world, MIGHTY_CLIENT, NULL);
	const struct endpoint endpoint = node_endpoint(pair.server);
	(void)mighty_sim_add_server(other, MIGHTY_PAIR_PSK, &endpoint, 1);
	node_link(other, true);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(pair.server_peer->news.take_overs, 1);
	assert_true(endpoint_equal(&pair.server_peer->peer.paths[0].to,
							   &(struct endpoint){.address = other->v4, .port = NODE_PORT}));
	assert_null(pair.server_peer->previous);
	assert_false(world_packet_arrives(pair.client, pair.server, 1, CLOCK_SECOND));
	mighty_pair_free(&pair);
}

/* All that was on the wire, once more, from where it came and from elsewhere: silence. */
static void test_replays(void **state) {
	struct mighty_pair pair = mighty_pair_new(80, NULL);
	struct tap *tap = &pair.world->tap;
	tap->recording = true;
	node_link(pair.server, true);
	node_link(pair.client, true);
	world_run(pair.world, CLOCK_SECOND);
	for (uint32_t number = 0; number < 50; number++) {
		assert_true(world_packet_arrives(pair.client, pair.server, number, DELAY));
		assert_true(world_packet_arrives(pair.server, pair.client, number, DELAY));
	}
	world_run(pair.world, 11 * CLOCK_SECOND);
	tap->recording = false;
	const uint64_t counter[] = {pair.server_peer->current->session.send_counter,
								pair.client_peer->current->session.send_counter};
	uint64_t before = 0, after = 0;
	for (int i = 0; i < TAP_TYPES; i++)
		before += tap->sent[i];
	struct endpoint elsewhere;
	assert_int_equal(endpoint_parse("203.0.113.66:666", &elsewhere), ERR_OK);
	const size_t count = tap->count;
	for (size_t i = 0; i < 2 * count; i++) {
		const struct tap_record *record = tap->records[i / 2];
		world_send(pair.world, i % 2 ? &elsewhere : &record->from, &record->to,
				   slice_of(record->data, record->size));
		world_run(pair.world, CLOCK_MILLISECOND);
	}
	for (int i = 0; i < TAP_TYPES; i++)
		after += tap->sent[i];
	/* But for keepalives that were due meanwhile. */
	assert_int_equal(after - before - 2 * count,
					 pair.server_peer->current->session.send_counter - counter[0] +
						 pair.client_peer->current->session.send_counter - counter[1]);
	assert_true(after - before - 2 * count <= 2);
	assert_int_equal(node_arrived_from(pair.server, pair.client), 50);
	assert_int_equal(node_arrived_from(pair.client, pair.server), 50);
	assert_true(world_packet_arrives(pair.server, pair.client, 100, DELAY));
	mighty_pair_free(&pair);
}

/* Any bit of any message flipped: silence, and the true one is welcome behind it. */
static void test_flips(void **state) {
	struct mighty_pair pair = mighty_pair_up(90, NULL);
	struct tap *tap = &pair.world->tap;
	tap->recording = true;
	world_packet(pair.client, pair.server, 1);
	world_run(pair.world, 0);
	const struct tap_record *record = tap_last(tap, &pair.client->v4, FIRST(MIGHTY_DATA));
	assert_non_null(record);
	const uint64_t next = pair.server_peer->current->session.replay.next;
	struct endpoint elsewhere;
	assert_int_equal(endpoint_parse("203.0.113.66:666", &elsewhere), ERR_OK);
	tap->recording = false;
	tap->pass = NULL;
	uint8_t forged[256];
	assert_true(record->size <= sizeof forged);
	for (size_t bit = 0; bit < 8 * record->size; bit++) {
		memcpy(forged, record->data, record->size);
		forged[bit / 8] ^= (uint8_t)(1 << bit % 8);
		world_send(pair.world, &elsewhere, &record->to, slice_of(forged, record->size));
	}
	world_run(pair.world, 2);
	assert_int_equal(pair.server_peer->current->session.replay.next, next);
	world_run(pair.world, DELAY);
	assert_int_equal(node_arrived(pair.server, pair.client, 1), 1);
	assert_int_equal(node_arrived_from(pair.server, pair.client), 1);
	mighty_pair_free(&pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_renewed_by_time),
		cmocka_unit_test(test_late_packets),
		cmocka_unit_test(test_renewed_by_packets),
		cmocka_unit_test(test_hard_stop_by_time),
		cmocka_unit_test(test_hard_stop_by_packets),
		cmocka_unit_test(test_receiver_stops_too),
		cmocka_unit_test(test_keepalives),
		cmocka_unit_test(test_dead_peer),
		cmocka_unit_test(test_disconnect),
		cmocka_unit_test(test_late_disconnect),
		cmocka_unit_test(test_server_restart),
		cmocka_unit_test(test_replay_after_restart),
		cmocka_unit_test(test_client_restart),
		cmocka_unit_test(test_take_over),
		cmocka_unit_test(test_replays),
		cmocka_unit_test(test_flips),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
