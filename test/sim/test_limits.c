#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "crypto/aead.h"
#include "engine/staging.h"
#include "proto/wireguard_limits.h"
#include "sim/pair.h"
#include "sim/state.h"
#include "wire/wireguard.h"

static struct pair pair_with_session(uint64_t seed) {
	struct pair pair = pair_new(seed, NULL);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	assert_true(world_packet_arrives(pair.right, pair.left, 1, CLOCK_SECOND));
	/* A handshake may follow the last one after five seconds. */
	world_run(pair.world, 30 * CLOCK_SECOND);
	pair.world->tap.recording = true;
	return pair;
}

/* Either end asks for a new session after 2^60 messages, and the old one serves until then. */
static void test_rekey_after_messages(void **state) {
	for (int who = 0; who < 2; who++) {
		struct pair pair = pair_with_session(1);
		struct node *from = who ? pair.right : pair.left, *to = who ? pair.left : pair.right;
		struct wireguard_peer *peer = who ? pair.right_peer : pair.left_peer;
		const struct tap *tap = &pair.world->tap;
		peer->current->session.send_counter = WIREGUARD_REKEY_AFTER_MESSAGES - 1;
		world_packet(from, to, 2);
		world_run(pair.world, 0);
		assert_int_equal(tap_count(tap, NULL, WIREGUARD_INITIATION), 0);
		world_packet(from, to, 3);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(tap_count(tap, &from->v4, WIREGUARD_INITIATION), 1);
		assert_int_equal(node_arrived(to, from, 2), 1);
		assert_int_equal(node_arrived(to, from, 3), 1);
		/* The new one has begun to count, with the packet that confirmed it. */
		assert_int_equal(peer->current->session.send_counter, 1);
		assert_true(world_packet_arrives(from, to, 4, PAIR_DELAY));
		assert_true(world_packet_arrives(to, from, 5, PAIR_DELAY));
		pair_free(&pair);
	}
}

static void test_reject_after_messages(void **state) {
	for (int who = 0; who < 2; who++) {
		struct pair pair = pair_with_session(2);
		struct node *from = who ? pair.right : pair.left, *to = who ? pair.left : pair.right;
		struct wireguard_peer *peer = who ? pair.right_peer : pair.left_peer;
		const struct tap *tap = &pair.world->tap;
		peer->current->session.send_counter = WIREGUARD_REJECT_AFTER_MESSAGES - 1;
		/* The last counter that may be used, and the first that may not. */
		world_packet(from, to, 2);
		world_packet(from, to, 3);
		world_run(pair.world, 0);
		const struct tap_record *last = tap_find(tap, &from->v4, WIREGUARD_DATA, 0);
		struct wireguard_data header;
		assert_int_equal(wireguard_decode_data(last->data, last->size, &header), ERR_OK);
		assert_int_equal(header.counter, WIREGUARD_REJECT_AFTER_MESSAGES - 1);
		assert_int_equal(tap_count(tap, &from->v4, WIREGUARD_DATA), 1);
		assert_int_equal(tap_count(tap, &from->v4, WIREGUARD_INITIATION), 1);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(node_arrived(to, from, 2), 1);
		assert_int_equal(node_arrived(to, from, 3), 1);
		pair_free(&pair);
	}
}

/* A super-packet that needs more counters than there are waits as a whole, and keeps its order. */
static void test_super_packet_at_limit(void **state) {
	enum { SEGMENTS = 40, SEGMENT = NODE_MTU - INNER_STREAM_HEADERS };
	struct pair pair = pair_with_session(3);
	pair.left_peer->current->session.send_counter = WIREGUARD_REJECT_AFTER_MESSAGES - SEGMENTS / 2;
	static uint8_t packet[INNER_SIZE_MAX + VIRTIO_HEADER_SIZE];
	size_t size = inner_build_stream(1, 2, 0, SEGMENTS * SEGMENT, SEGMENT, packet);
	node_forget_arrivals(pair.right);
	node_inject_raw(pair.left, 0, packet, size);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(pair.right->arrival_count, SEGMENTS);
	uint32_t at = 0;
	for (size_t i = 0; i < SEGMENTS; i++) {
		const struct arrival *arrival = &pair.right->arrivals[i];
		assert_int_equal(arrival->size, NODE_MTU);
		for (size_t j = INNER_STREAM_HEADERS; j < arrival->size; j++)
			assert_int_equal(arrival->data[j], inner_stream_byte(at++));
	}
	assert_int_equal(tap_count(&pair.world->tap, &pair.left->v4, WIREGUARD_INITIATION), 1);
	pair_free(&pair);
}

/* A packet under the counter of our choice, sealed with left's own keys. */
static size_t forge(const struct pair *pair, uint64_t counter, uint32_t number, uint8_t *out_data) {
	const struct session *session = &pair->left_peer->current->session;
	uint8_t plain[112] = {0};
	const struct inner inner = {.from = 1, .to = 2, .number = number, .size = INNER_SIZE};
	inner_build(&inner, plain);
	const struct wireguard_data header = {.receiver = session->remote_index, .counter = counter};
	wireguard_encode_data(&header, out_data);
	assert_int_equal(aead_seal(session->send.bytes, counter, NULL, 0, plain, sizeof plain,
							   out_data + WIREGUARD_DATA_HEADER_SIZE),
					 ERR_OK);
	return sizeof plain + WIREGUARD_DATA_OVERHEAD;
}

static void test_receiver_refuses_counters(void **state) {
	static const uint64_t refused[] = {
		WIREGUARD_REJECT_AFTER_MESSAGES,
		WIREGUARD_REJECT_AFTER_MESSAGES + 1,
		UINT64_MAX - 1,
		UINT64_MAX,
	};
	struct pair pair = pair_with_session(4);
	uint8_t data[256];
	struct endpoint from = {.address = pair.left->v4, .port = 99};
	struct state before, after;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		size_t size = forge(&pair, refused[i], 50, data);
		state_take(pair.right, pair.right_peer, &before);
		state_offer(pair.right, &from, data, size);
		state_take(pair.right, pair.right_peer, &after);
		assert_true(state_equal(&before, &after));
	}
	/* The same keys are fine below. */
	size_t size = forge(&pair, WIREGUARD_REJECT_AFTER_MESSAGES - 1, 51, data);
	state_offer(pair.right, &from, data, size);
	assert_int_equal(node_arrived(pair.right, pair.left, 51), 1);
	pair_free(&pair);
}

/* What waits for a session: the newest 128 packets, in order. */
static void test_staged_packets(void **state) {
	enum { PACKETS = 300 };
	const struct node_options variants[] = {{.shards = 1}, {.shards = 2}};
	for (size_t variant = 0; variant < 2; variant++) {
		struct pair pair = pair_new_with(5 + variant, NULL, &variants[variant]);
		pair.world->tap.recording = true;
		/* Of several queues only one keeps the order of a flow. */
		for (uint32_t number = 0; number < PACKETS; number++) {
			pair.left->next_tun = 0;
			world_packet(pair.left, pair.right, number);
		}
		world_run(pair.world, 0);
		assert_int_equal(pair.left_peer->peer.staged_count, STAGING_PACKETS_MAX);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(tap_count(&pair.world->tap, NULL, WIREGUARD_INITIATION), 1);
		assert_int_equal(node_arrived_from(pair.right, pair.left), STAGING_PACKETS_MAX);
		for (uint32_t i = 0; i < STAGING_PACKETS_MAX; i++)
			assert_int_equal(pair.right->arrivals[i].inner.number,
							 PACKETS - STAGING_PACKETS_MAX + i);
		assert_int_equal(pair.left_peer->peer.staged_count, 0);
		pair_free(&pair);
	}
}

/* The responder's too, while it waits for the first packet of the initiator. */
static void test_staged_at_responder(void **state) {
	struct pair pair = pair_new(7, NULL);
	world_packet(pair.left, pair.right, 1);
	world_run(pair.world, PAIR_DELAY);
	assert_non_null(pair.right_peer->next);
	for (uint32_t number = 10; number < 20; number++)
		world_packet(pair.right, pair.left, number);
	world_run(pair.world, 0);
	assert_int_equal(pair.right_peer->peer.staged_count, 10);
	world_run(pair.world, 3 * PAIR_DELAY);
	assert_int_equal(node_arrived_from(pair.left, pair.right), 10);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(pair.left->arrivals[i].inner.number, 10 + i);
	/* The one handshake did for both. */
	assert_int_equal(pair.world->tap.sent[WIREGUARD_INITIATION], 1);
	pair_free(&pair);
}

/* More than one initiation of a peer within 20 ms is not answered. */
static void test_initiations_of_one_peer(void **state) {
	const uint64_t gaps[] = {0, CLOCK_MILLISECOND, WIREGUARD_INITIATION_INTERVAL - 1,
							 WIREGUARD_INITIATION_INTERVAL, 2 * WIREGUARD_INITIATION_INTERVAL};
	for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++) {
		struct pair pair = pair_new(8 + i, NULL);
		const struct sim_link link = {.delay = 100 * CLOCK_MILLISECOND};
		world_set_link(pair.world, &link);
		world_packet(pair.left, pair.right, 1);
		world_run(pair.world, gaps[i]);
		pair.left_peer->last_sent = 0; /* an initiator that does not wait */
		world_packet(pair.left, pair.right, 2);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(pair.world->tap.sent[WIREGUARD_INITIATION], 2);
		assert_int_equal(pair.world->tap.sent[WIREGUARD_RESPONSE],
						 gaps[i] >= WIREGUARD_INITIATION_INTERVAL ? 2 : 1);
		pair_free(&pair);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rekey_after_messages),
		cmocka_unit_test(test_reject_after_messages),
		cmocka_unit_test(test_super_packet_at_limit),
		cmocka_unit_test(test_receiver_refuses_counters),
		cmocka_unit_test(test_staged_packets),
		cmocka_unit_test(test_staged_at_responder),
		cmocka_unit_test(test_initiations_of_one_peer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
