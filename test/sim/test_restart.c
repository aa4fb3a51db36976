#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "proto/wireguard_limits.h"
#include "sim/pair.h"
#include "wire/wireguard.h"

/* What outlives the process beside the configuration: what either end's initiations claimed. */

#define DAY (86400 * CLOCK_SECOND)

static struct pair pair_with_session(uint64_t seed) {
	struct pair pair = pair_new(seed, NULL);
	pair.world->tap.recording = true;
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	world_run(pair.world, CLOCK_SECOND);
	return pair;
}

/* A recorded initiation, sent from elsewhere, neither gets an answer nor moves the peer. */
static void test_replayed_initiation(void **state) {
	for (int compacted = 0; compacted < 2; compacted++) {
		struct pair pair = pair_with_session(1);
		const struct tap_record *first =
			tap_find(&pair.world->tap, &pair.left->v4, WIREGUARD_INITIATION, 0);
		uint8_t *copy = malloc(first->size);
		assert_non_null(copy);
		size_t size = first->size;
		memcpy(copy, first->data, size);
		if (compacted) {
			for (size_t i = 0; i < pair.right->record_count; i++)
				free(pair.right->records[i].data);
			pair.right->record_count = 0;
			pair.right->ops->save_all(pair.right->device);
		}
		node_restart(pair.right);
		pair_refresh(&pair);
		world_run(pair.world, CLOCK_SECOND);
		size_t answers = tap_count(&pair.world->tap, &pair.right->v4, WIREGUARD_RESPONSE);
		struct endpoint from, to = node_endpoint(pair.right);
		assert_int_equal(endpoint_parse("203.0.113.9:7", &from), ERR_OK);
		world_send(pair.world, &from, &to, slice_of(copy, size));
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(tap_count(&pair.world->tap, &pair.right->v4, WIREGUARD_RESPONSE), answers);
		assert_true(address_equal(&pair.right_peer->peer.paths[0].to.address, &pair.left->v4));
		/* The peer itself is answered as ever. */
		world_run(pair.world, 200 * CLOCK_SECOND);
		assert_true(world_packet_arrives(pair.left, pair.right, 2, CLOCK_SECOND));
		free(copy);
		pair_free(&pair);
	}
}

static bool pass_no_response(void *context, const struct endpoint *from, const struct endpoint *to,
							 struct slice datagram) {
	return datagram.data[0] != WIREGUARD_RESPONSE;
}

/* The same of one whose answer was lost, so that no handshake came of it. */
static void test_replay_of_half_a_handshake(void **state) {
	struct pair pair = pair_with_session(4);
	world_run(pair.world, 200 * CLOCK_SECOND);
	pair.world->tap.pass = pass_no_response;
	world_packet(pair.left, pair.right, 2);
	world_run(pair.world, CLOCK_SECOND);
	size_t answers = tap_count(&pair.world->tap, &pair.right->v4, WIREGUARD_RESPONSE);
	const struct tap_record *last =
		tap_last(&pair.world->tap, &pair.left->v4, WIREGUARD_INITIATION);
	uint8_t *copy = malloc(last->size);
	assert_non_null(copy);
	size_t size = last->size;
	memcpy(copy, last->data, size);
	node_restart(pair.right);
	struct endpoint from, to = node_endpoint(pair.right);
	assert_int_equal(endpoint_parse("203.0.113.9:7", &from), ERR_OK);
	world_send(pair.world, &from, &to, slice_of(copy, size));
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(tap_count(&pair.world->tap, &pair.right->v4, WIREGUARD_RESPONSE), answers);
	free(copy);
	pair_free(&pair);
}

/* The clock was set back while the process was restarted: the other end still takes what it says.
 */
static void test_clock_set_back(void **state) {
	struct pair pair = pair_with_session(2);
	pair.left->wall_offset = -(400 * DAY);
	node_restart(pair.left);
	pair_refresh(&pair);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(tap_count(&pair.world->tap, &pair.right->v4, WIREGUARD_RESPONSE), 2);
	assert_true(world_packet_arrives(pair.left, pair.right, 2, PAIR_DELAY));
	world_run(pair.world, 300 * CLOCK_SECOND);
	assert_true(world_packet_arrives(pair.left, pair.right, 3, CLOCK_SECOND));
	pair_free(&pair);
}

enum { STRANGERS = 40 };

/* With many peers each has its turn, in about as long as that many take. */
static void test_in_turn(void **state) {
	uint64_t latest = 0;
	for (uint64_t seed = 10; seed < 20; seed++) {
		struct pair pair = pair_with_session(seed);
		for (unsigned i = 0; i < STRANGERS; i++) {
			uint8_t key[X25519_KEY_SIZE] = {(uint8_t)i, 1, 2, 3};
			assert_int_equal(node_set(pair.right, "public_key=%s\n", node_hex(key)), 0);
		}
		world_run(pair.world, CLOCK_SECOND);
		tap_clear(&pair.world->tap);
		uint64_t start = world_now(pair.world);
		node_restart(pair.right);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(tap_count(&pair.world->tap, &pair.right->v4, WIREGUARD_INITIATION), 1);
		uint64_t after =
			tap_find(&pair.world->tap, &pair.right->v4, WIREGUARD_INITIATION, 0)->time - start;
		assert_in_range(after, 0, (STRANGERS + 1) * WIREGUARD_RESUMED_EVERY);
		latest = after > latest ? after : latest;
		pair_free(&pair);
	}
	assert_true(latest > STRANGERS / 2 * WIREGUARD_RESUMED_EVERY);
}

/* Who comes by itself meanwhile is not asked to come again. */
static void test_turn_taken_away(void **state) {
	struct pair pair = pair_with_session(3);
	for (unsigned i = 0; i < STRANGERS; i++) {
		uint8_t key[X25519_KEY_SIZE] = {(uint8_t)i, 1, 2, 3};
		assert_int_equal(node_set(pair.right, "public_key=%s\n", node_hex(key)), 0);
	}
	world_run(pair.world, 6 * CLOCK_SECOND);
	node_restart(pair.right);
	pair_refresh(&pair);
	world_run(pair.world, 0);
	assert_true(pair.right_peer->resuming);
	node_restart(pair.left);
	tap_clear(&pair.world->tap);
	pair.left->dirty = true;
	const struct sim_link link = {.delay = CLOCK_MICROSECOND};
	world_set_link(pair.world, &link);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(tap_count(&pair.world->tap, &pair.left->v4, WIREGUARD_INITIATION), 1);
	assert_int_equal(tap_count(&pair.world->tap, &pair.right->v4, WIREGUARD_INITIATION), 0);
	pair_free(&pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replayed_initiation),
		cmocka_unit_test(test_replay_of_half_a_handshake),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_in_turn),
		cmocka_unit_test(test_turn_taken_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
