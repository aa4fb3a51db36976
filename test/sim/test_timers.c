#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/index_table.h"
#include "engine/shard.h"
#include "proto/wireguard_limits.h"
#include "sim/pair.h"
#include "wire/wireguard.h"

/* No passive keepalive or handshake is owed any more after so long. */
#define QUIET (40 * CLOCK_SECOND)
#define KEEPALIVE_SIZE WIREGUARD_DATA_OVERHEAD

/* A session that left began, and nothing under way. */
static struct pair quiet_pair(uint64_t seed) {
	struct pair pair = pair_new(seed, NULL);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	world_run(pair.world, QUIET);
	pair.world->tap.recording = true;
	return pair;
}

static uint64_t born(const struct wireguard_peer *peer) {
	return peer->current->session.born;
}

/* All that either end sends is lost, or arrives again. */
static void set_broken(const struct pair *pair, bool broken) {
	const struct sim_link link = {.delay = PAIR_DELAY, .loss_percent = broken ? 100 : 0};
	world_set_link(pair->world, &link);
}

static void test_passive_keepalive(void **state) {
	struct pair pair = quiet_pair(1);
	const struct tap *tap = &pair.world->tap;
	uint64_t start = world_now(pair.world);
	world_packet(pair.left, pair.right, 2);
	world_run(pair.world, 60 * CLOCK_SECOND);
	/* The data, one keepalive for it, and none for the keepalive. */
	assert_int_equal(tap_count(tap, NULL, 0), 2);
	const struct tap_record *keepalive = tap_find(tap, &pair.right->v4, WIREGUARD_DATA, 0);
	assert_int_equal(keepalive->size, KEEPALIVE_SIZE);
	assert_int_equal(keepalive->time - start, PAIR_DELAY + WIREGUARD_KEEPALIVE_TIMEOUT);
	/* An empty packet reaches nobody's TUN. */
	assert_int_equal(pair.left->arrival_count, 0);
	pair_free(&pair);
}

static void test_no_keepalive_after_answer(void **state) {
	struct pair pair = quiet_pair(2);
	const struct tap *tap = &pair.world->tap;
	world_packet(pair.left, pair.right, 2);
	world_run(pair.world, 9 * CLOCK_SECOND);
	uint64_t answered = world_now(pair.world);
	world_packet(pair.right, pair.left, 3);
	world_run(pair.world, 60 * CLOCK_SECOND);
	assert_int_equal(tap_count(tap, &pair.right->v4, 0), 1);
	/* The answer is data, so left owes a sign of life for it. */
	assert_int_equal(tap_count(tap, &pair.left->v4, 0), 2);
	const struct tap_record *keepalive = tap_find(tap, &pair.left->v4, WIREGUARD_DATA, 1);
	assert_int_equal(keepalive->size, KEEPALIVE_SIZE);
	assert_int_equal(keepalive->time - answered, PAIR_DELAY + WIREGUARD_KEEPALIVE_TIMEOUT);
	pair_free(&pair);
}

/* Data that goes on coming is answered each ten seconds. */
static void test_keepalive_during_stream(void **state) {
	struct pair pair = quiet_pair(3);
	const struct tap *tap = &pair.world->tap;
	uint64_t start = world_now(pair.world);
	for (uint32_t number = 10; number < 70; number++) {
		world_packet(pair.left, pair.right, number);
		world_run(pair.world, CLOCK_SECOND);
	}
	size_t count = tap_count(tap, &pair.right->v4, WIREGUARD_DATA);
	assert_int_equal(count, 5);
	for (size_t i = 0; i < count; i++) {
		const struct tap_record *record = tap_find(tap, &pair.right->v4, WIREGUARD_DATA, i);
		assert_int_equal(record->size, KEEPALIVE_SIZE);
		assert_int_equal(record->time - start, PAIR_DELAY + (i + 1) * WIREGUARD_KEEPALIVE_TIMEOUT);
	}
	assert_int_equal(tap_count(tap, NULL, WIREGUARD_INITIATION), 0);
	pair_free(&pair);
}

static void test_new_handshake(void **state) {
	uint64_t least = UINT64_MAX, most = 0;
	for (uint64_t seed = 10; seed < 40; seed++) {
		struct pair pair = quiet_pair(seed);
		set_broken(&pair, true);
		uint64_t start = world_now(pair.world);
		world_packet(pair.left, pair.right, 2);
		world_run(pair.world, CLOCK_SECOND);
		/* More data does not put it off. */
		world_packet(pair.left, pair.right, 3);
		world_run(pair.world, 16 * CLOCK_SECOND);
		const struct tap *tap = &pair.world->tap;
		assert_int_equal(tap_count(tap, NULL, WIREGUARD_INITIATION), 1);
		uint64_t after = tap_find(tap, &pair.left->v4, WIREGUARD_INITIATION, 0)->time - start;
		assert_in_range(after, WIREGUARD_NEW_HANDSHAKE_TIMEOUT,
						WIREGUARD_NEW_HANDSHAKE_TIMEOUT + WIREGUARD_REKEY_JITTER - 1);
		least = after < least ? after : least;
		most = after > most ? after : most;
		pair_free(&pair);
	}
	/* The jitter is real. */
	assert_true(most - least > WIREGUARD_REKEY_JITTER / 2);
}

/* Answered by whatever is authentic, a keepalive too: no new handshake. */
static void test_no_new_handshake_when_answered(void **state) {
	struct pair pair = quiet_pair(41);
	world_packet(pair.left, pair.right, 2);
	world_run(pair.world, 60 * CLOCK_SECOND);
	assert_int_equal(tap_count(&pair.world->tap, NULL, WIREGUARD_INITIATION), 0);
	pair_free(&pair);
}

static void assert_retransmissions(const struct tap *tap, const struct node *node, size_t count) {
	assert_int_equal(tap_count(tap, &node->v4, WIREGUARD_INITIATION), count);
	for (size_t i = 1; i < count; i++) {
		uint64_t gap = tap_find(tap, &node->v4, WIREGUARD_INITIATION, i)->time -
					   tap_find(tap, &node->v4, WIREGUARD_INITIATION, i - 1)->time;
		assert_in_range(gap, WIREGUARD_REKEY_TIMEOUT,
						WIREGUARD_REKEY_TIMEOUT + WIREGUARD_REKEY_JITTER - 1);
	}
}

static void test_retransmission(void **state) {
	struct pair pair = pair_new(50, NULL);
	pair.world->tap.recording = true;
	set_broken(&pair, true);
	uint64_t start = world_now(pair.world);
	world_packet(pair.left, pair.right, 1);
	world_packet(pair.left, pair.right, 2);
	const struct tap *tap = &pair.world->tap;
	world_run(pair.world, WIREGUARD_REKEY_ATTEMPT_TIME - CLOCK_SECOND);
	assert_int_equal(pair.left_peer->peer.staged_count, 2);
	world_run(pair.world, 13 * CLOCK_SECOND);
	assert_int_equal(pair.left_peer->peer.staged_count, 0);
	world_run(pair.world, 1000 * CLOCK_SECOND);
	/* The first one and one each 5 s of the attempt time; then it gives up. */
	size_t tries = 1 + WIREGUARD_REKEY_ATTEMPT_TIME / WIREGUARD_REKEY_TIMEOUT;
	assert_retransmissions(tap, pair.left, tries);
	assert_int_equal(tap_find(tap, NULL, 0, 0)->time, start);
	uint64_t last = tap_last(tap, NULL, 0)->time - start;
	assert_in_range(last, WIREGUARD_REKEY_ATTEMPT_TIME,
					WIREGUARD_REKEY_ATTEMPT_TIME + tries * WIREGUARD_REKEY_JITTER);
	assert_int_equal(tap_count(tap, NULL, 0), tries);
	assert_false(pair.left_peer->pending.present);
	assert_int_equal(index_table_count(engine_shard(pair.left->engine, 0)->indices), 0);
	/* What waited is gone; what comes then is sent. */
	set_broken(&pair, false);
	assert_true(world_packet_arrives(pair.left, pair.right, 3, CLOCK_SECOND));
	assert_int_equal(node_arrived_from(pair.right, pair.left), 1);
	pair_free(&pair);
}

/* New packets mean new hope: the tries are counted from the last one on. */
static void test_packets_prolong_tries(void **state) {
	struct pair pair = pair_new(51, NULL);
	set_broken(&pair, true);
	for (uint32_t number = 0; number < 60; number++) {
		world_packet(pair.left, pair.right, number);
		world_run(pair.world, 5 * CLOCK_SECOND);
	}
	assert_in_range(pair.world->tap.sent[WIREGUARD_INITIATION], 56, 60);
	/* Only just now it was hopeless: the packets are still there. */
	set_broken(&pair, false);
	world_run(pair.world, 6 * CLOCK_SECOND);
	assert_int_equal(node_arrived_from(pair.right, pair.left), 60);
	pair_free(&pair);
}

static void test_persistent_keepalive(void **state) {
	struct pair pair = pair_new(60, NULL);
	pair.world->tap.recording = true;
	const struct tap *tap = &pair.world->tap;
	assert_int_equal(node_set(pair.left, "public_key=%s\npersistent_keepalive_interval=25\n",
							  node_hex(pair.right->public_key)),
					 0);
	uint64_t start = world_now(pair.world);
	world_run(pair.world, 110 * CLOCK_SECOND);
	/* At once: the handshake, and the packet that confirms it. */
	assert_int_equal(tap_find(tap, &pair.left->v4, WIREGUARD_INITIATION, 0)->time, start);
	assert_int_equal(tap_count(tap, NULL, WIREGUARD_INITIATION), 1);
	assert_int_equal(tap_count(tap, &pair.left->v4, WIREGUARD_DATA), 5);
	for (size_t i = 0; i < 5; i++) {
		const struct tap_record *record = tap_find(tap, &pair.left->v4, WIREGUARD_DATA, i);
		assert_int_equal(record->size, KEEPALIVE_SIZE);
		assert_int_equal(record->time - start, 2 * PAIR_DELAY + i * 25 * CLOCK_SECOND);
	}
	/* Keepalives are not answered. */
	assert_int_equal(tap_count(tap, &pair.right->v4, WIREGUARD_DATA), 0);

	/* They keep the session fresh for ever, and never pause. */
	world_run(pair.world, 2000 * CLOCK_SECOND);
	size_t count = tap_count(tap, &pair.left->v4, 0);
	for (size_t i = 1; i < count; i++)
		assert_true(tap_find(tap, &pair.left->v4, 0, i)->time -
						tap_find(tap, &pair.left->v4, 0, i - 1)->time <=
					25 * CLOCK_SECOND);
	size_t handshakes = tap_count(tap, &pair.left->v4, WIREGUARD_INITIATION);
	assert_in_range(handshakes, 2110 / 150, 2110 / 120 + 1);

	assert_int_equal(node_set(pair.left, "public_key=%s\npersistent_keepalive_interval=0\n",
							  node_hex(pair.right->public_key)),
					 0);
	world_run(pair.world, CLOCK_SECOND);
	tap_clear(&pair.world->tap);
	world_run(pair.world, 1000 * CLOCK_SECOND);
	assert_int_equal(tap_count(tap, NULL, 0), 0);
	pair_free(&pair);
}

/* The other end's traffic counts too: the mapping of a NAT lives by either direction. */
static void test_persistent_keepalive_and_traffic(void **state) {
	struct pair pair = quiet_pair(61);
	const struct tap *tap = &pair.world->tap;
	assert_int_equal(node_set(pair.left, "public_key=%s\npersistent_keepalive_interval=9\n",
							  node_hex(pair.right->public_key)),
					 0);
	world_run(pair.world, CLOCK_SECOND);
	tap_clear(&pair.world->tap);
	for (uint32_t number = 10; number < 20; number++) {
		world_packet(pair.right, pair.left, number);
		world_run(pair.world, 4 * CLOCK_SECOND);
	}
	/* Passive keepalives only, ten seconds after data; no persistent one was due. */
	size_t sent = tap_count(tap, &pair.left->v4, WIREGUARD_DATA);
	assert_in_range(sent, 3, 4);
	tap_clear(&pair.world->tap);
	world_run(pair.world, 90 * CLOCK_SECOND);
	assert_in_range(tap_count(tap, &pair.left->v4, WIREGUARD_DATA), 8, 12);
	pair_free(&pair);
}

/* The initiator renews a session that it sends on once it is older than 120 s, not before. */
static void test_rekey_by_initiator(void **state) {
	struct pair pair = quiet_pair(70);
	const struct tap *tap = &pair.world->tap;
	world_run_until(pair.world, born(pair.left_peer) + WIREGUARD_REKEY_AFTER_TIME);
	world_packet(pair.left, pair.right, 2);
	world_run(pair.world, 0);
	assert_int_equal(tap_count(tap, NULL, WIREGUARD_INITIATION), 0);
	world_run(pair.world, 1);
	const struct wireguard_session *before = pair.left_peer->current;
	uint64_t start = world_now(pair.world);
	world_packet(pair.left, pair.right, 3);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(tap_count(tap, &pair.left->v4, WIREGUARD_INITIATION), 1);
	assert_int_equal(tap_find(tap, &pair.left->v4, WIREGUARD_INITIATION, 0)->time, start);
	/* Nothing waited for it. */
	assert_int_equal(node_arrived(pair.right, pair.left, 3), 1);
	assert_ptr_equal(pair.left_peer->previous, before);
	assert_int_equal(born(pair.left_peer), start + 2 * PAIR_DELAY);
	pair_free(&pair);
}

static void test_no_rekey_by_responder(void **state) {
	struct pair pair = quiet_pair(71);
	const struct tap *tap = &pair.world->tap;
	set_broken(&pair, true); /* the initiator hears nothing that would make it act */
	for (uint64_t age = 121; age < 180; age++) {
		world_run_until(pair.world, born(pair.right_peer) + age * CLOCK_SECOND);
		/* Only after 15 s without answer it asks for a session, as anybody would. */
		if (age < 135) {
			world_packet(pair.right, pair.left, (uint32_t)age);
			world_run(pair.world, 0);
			assert_int_equal(tap_count(tap, &pair.right->v4, WIREGUARD_INITIATION), 0);
		}
	}
	assert_int_equal(tap_count(tap, &pair.left->v4, WIREGUARD_INITIATION), 0);
	assert_true(tap_count(tap, &pair.right->v4, WIREGUARD_INITIATION) > 0);
	pair_free(&pair);
}

/* An initiator that only receives renews the session shortly before its end, once. */
static void test_last_minute_rekey(void **state) {
	struct pair pair = quiet_pair(72);
	const struct tap *tap = &pair.world->tap;
	world_run_until(pair.world, born(pair.left_peer) + WIREGUARD_LAST_MINUTE - CLOCK_SECOND);
	world_packet(pair.right, pair.left, 2);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(tap_count(tap, NULL, WIREGUARD_INITIATION), 0);
	/* The responses are lost: retries come by the timer, not by each packet. */
	uint64_t start = world_now(pair.world);
	const struct endpoint left = node_endpoint(pair.left), right = node_endpoint(pair.right);
	const struct sim_link lost = {.loss_percent = 100};
	assert_int_equal(sim_set_link(pair.world->network, &left, &right, &lost), ERR_OK);
	for (uint32_t number = 10; number < 14; number++) {
		world_packet(pair.right, pair.left, number);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(node_arrived(pair.left, pair.right, number), 1);
	}
	assert_int_equal(tap_count(tap, NULL, WIREGUARD_INITIATION), 1);
	assert_int_equal(tap_find(tap, &pair.left->v4, WIREGUARD_INITIATION, 0)->time,
					 start + PAIR_DELAY);
	pair_free(&pair);
}

static void test_no_sending_after_180_seconds(void **state) {
	for (int who = 0; who < 2; who++) {
		struct pair pair = quiet_pair(80);
		struct node *from = who ? pair.right : pair.left, *to = who ? pair.left : pair.right;
		struct wireguard_peer *peer = who ? pair.right_peer : pair.left_peer;
		const struct tap *tap = &pair.world->tap;
		set_broken(&pair, true);
		world_run_until(pair.world, born(peer) + WIREGUARD_REJECT_AFTER_TIME - 1);
		world_packet(from, to, 2);
		world_run(pair.world, 0);
		assert_int_equal(tap_count(tap, &from->v4, WIREGUARD_DATA), 1);
		world_run(pair.world, 1);
		world_packet(from, to, 3);
		world_run(pair.world, 4 * CLOCK_SECOND);
		assert_int_equal(tap_count(tap, &from->v4, WIREGUARD_DATA), 1);
		assert_int_equal(tap_count(tap, &from->v4, WIREGUARD_INITIATION), 1);
		assert_int_equal(peer->peer.staged_count, 1);
		pair_free(&pair);
	}
}

/* Catches one datagram of left's and gives it to right at the given age of right's session. */
static void run_late_datagram(uint64_t seed, uint64_t age, bool accepted) {
	struct pair pair = quiet_pair(seed);
	uint64_t birth = born(pair.right_peer);
	set_broken(&pair, true);
	world_packet(pair.left, pair.right, 2);
	world_run(pair.world, 0);
	const struct tap_record *late = tap_last(&pair.world->tap, &pair.left->v4, WIREGUARD_DATA);
	set_broken(&pair, false);
	world_run_until(pair.world, birth + age - PAIR_DELAY);
	struct endpoint before = pair.right_peer->peer.paths[0].to;
	const struct endpoint from = {.address = late->from.address, .port = 1};
	assert_int_equal(
		sim_send(pair.world->network, &from, &late->to, slice_of(late->data, late->size)), ERR_OK);
	node_forget_arrivals(pair.right);
	world_run(pair.world, PAIR_DELAY);
	assert_int_equal(node_arrived(pair.right, pair.left, 2), accepted);
	/* What is refused does not move the endpoint either. */
	assert_int_equal(endpoint_equal(&before, &pair.right_peer->peer.paths[0].to), !accepted);
	pair_free(&pair);
}

static void test_no_receiving_after_180_seconds(void **state) {
	run_late_datagram(81, WIREGUARD_REJECT_AFTER_TIME - 1, true);
	run_late_datagram(82, WIREGUARD_REJECT_AFTER_TIME, false);
	run_late_datagram(83, WIREGUARD_REJECT_AFTER_TIME + CLOCK_SECOND, false);
	run_late_datagram(84, WIREGUARD_WIPE_TIME + CLOCK_SECOND, false);
}

static void test_wipe(void **state) {
	struct pair pair = quiet_pair(90);
	uint64_t left_born = born(pair.left_peer), right_born = born(pair.right_peer);
	assert_int_equal(left_born - right_born, PAIR_DELAY);
	world_run_until(pair.world, right_born + WIREGUARD_WIPE_TIME - 1);
	assert_non_null(pair.right_peer->current);
	world_run(pair.world, 1);
	assert_null(pair.right_peer->current);
	assert_non_null(pair.left_peer->current);
	world_run_until(pair.world, left_born + WIREGUARD_WIPE_TIME);
	for (size_t i = 0; i < 2; i++) {
		const struct wireguard_peer *peer = i ? pair.right_peer : pair.left_peer;
		assert_null(peer->current);
		assert_null(peer->previous);
		assert_null(peer->next);
		assert_false(peer->pending.present);
		assert_int_equal(index_table_count(engine_shard(pair.world->nodes[i]->engine, 0)->indices),
						 0);
	}
	assert_int_equal(tap_count(&pair.world->tap, NULL, 0), 0);
	assert_true(world_packet_arrives(pair.right, pair.left, 9, CLOCK_SECOND));
	pair_free(&pair);
}

/* A handshake that nobody finishes leaves no keys behind either. */
static void test_wipe_after_giving_up(void **state) {
	struct pair pair = quiet_pair(91);
	set_broken(&pair, true);
	world_packet(pair.left, pair.right, 2);
	world_run(pair.world, 15 * CLOCK_SECOND + WIREGUARD_REKEY_ATTEMPT_TIME + 12 * CLOCK_SECOND);
	assert_false(pair.left_peer->pending.present);
	world_run(pair.world, WIREGUARD_WIPE_TIME);
	assert_null(pair.left_peer->current);
	assert_null(pair.left_peer->previous);
	assert_int_equal(index_table_count(engine_shard(pair.left->engine, 0)->indices), 0);
	pair_free(&pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passive_keepalive),
		cmocka_unit_test(test_no_keepalive_after_answer),
		cmocka_unit_test(test_keepalive_during_stream),
		cmocka_unit_test(test_new_handshake),
		cmocka_unit_test(test_no_new_handshake_when_answered),
		cmocka_unit_test(test_retransmission),
		cmocka_unit_test(test_packets_prolong_tries),
		cmocka_unit_test(test_persistent_keepalive),
		cmocka_unit_test(test_persistent_keepalive_and_traffic),
		cmocka_unit_test(test_rekey_by_initiator),
		cmocka_unit_test(test_no_rekey_by_responder),
		cmocka_unit_test(test_last_minute_rekey),
		cmocka_unit_test(test_no_sending_after_180_seconds),
		cmocka_unit_test(test_no_receiving_after_180_seconds),
		cmocka_unit_test(test_wipe),
		cmocka_unit_test(test_wipe_after_giving_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
