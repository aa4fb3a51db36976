#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/wireguard_limits.h"
#include "sim/pair.h"
#include "wire/wireguard.h"

/* What a change of the host's network makes of sessions and handshakes: proto/wireguard_network.h
 */

#define QUIET (40 * CLOCK_SECOND)
#define KEEPALIVE_SIZE WIREGUARD_DATA_OVERHEAD
#define TELLINGS 3

static struct address address_of(const char *text) {
	struct address address;
	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

/* A session that left began, and nothing under way. */
static struct pair quiet_pair(uint64_t seed) {
	struct pair pair = pair_new(seed, NULL);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	world_run(pair.world, QUIET);
	pair.world->tap.recording = true;
	return pair;
}

static void set_broken(const struct pair *pair, bool broken) {
	const struct sim_link link = {.delay = PAIR_DELAY, .loss_percent = broken ? 100 : 0};
	world_set_link(pair->world, &link);
}

static size_t initiations(const struct pair *pair) {
	return tap_count(&pair->world->tap, NULL, WIREGUARD_INITIATION);
}

/* Only the other end sends: it goes on at the new address after half a round trip. */
static void test_live_session_is_told(void **state) {
	struct pair pair = quiet_pair(1);
	pair.left->v4 = address_of("198.51.100.7");
	node_network(pair.left);
	world_run(pair.world, PAIR_DELAY);
	assert_true(world_packet_arrives(pair.right, pair.left, 5, PAIR_DELAY));
	assert_int_equal(initiations(&pair), 0);
	/* Data came back: that was the only telling. */
	world_run(pair.world, 5 * CLOCK_SECOND);
	assert_int_equal(tap_count(&pair.world->tap, &pair.left->v4, WIREGUARD_DATA), 1);
	pair_free(&pair);
}

/* The first is lost, as the new way is not ready at once: it is told again, and then no more. */
static void test_told_again(void **state) {
	struct pair pair = quiet_pair(2);
	pair.left->v4 = address_of("198.51.100.7");
	set_broken(&pair, true);
	node_network(pair.left);
	world_run(pair.world, 100 * CLOCK_MILLISECOND);
	set_broken(&pair, false);
	world_run(pair.world, 300 * CLOCK_MILLISECOND);
	assert_true(address_equal(&pair.right_peer->peer.paths[0].to.address, &pair.left->v4));
	world_run(pair.world, 9 * CLOCK_SECOND);
	assert_int_equal(tap_count(&pair.world->tap, &pair.left->v4, WIREGUARD_DATA), TELLINGS);
	pair_free(&pair);
}

/* An initiation that was to be repeated seconds later is repeated at once, again and again. */
static void test_pending_handshake_begins_anew(void **state) {
	struct pair pair = pair_new(3, NULL);
	pair.world->tap.recording = true;
	set_broken(&pair, true);
	world_packet(pair.left, pair.right, 2);
	world_run(pair.world, 12 * CLOCK_SECOND);
	size_t before = initiations(&pair);
	assert_in_range(before, 2, 3);
	set_broken(&pair, false);
	uint64_t start = world_now(pair.world);
	node_network(pair.left);
	world_run(pair.world, 3 * PAIR_DELAY);
	assert_int_equal(node_arrived(pair.right, pair.left, 2), 1);
	assert_int_equal(world_now(pair.world) - start, 3 * PAIR_DELAY);
	assert_int_equal(initiations(&pair), before + 1);
	pair_free(&pair);
}

/* Given up after 90 s: a change of the network is worth another attempt, with all repetitions. */
static void test_given_up_handshake_begins_anew(void **state) {
	struct pair pair = pair_new(4, NULL);
	set_broken(&pair, true);
	world_packet(pair.left, pair.right, 2);
	world_run(pair.world, 200 * CLOCK_SECOND);
	pair.world->tap.recording = true;
	set_broken(&pair, false);
	node_network(pair.left);
	world_run(pair.world, 3 * PAIR_DELAY);
	assert_int_equal(initiations(&pair), 1);
	assert_true(world_packet_arrives(pair.right, pair.left, 3, PAIR_DELAY));
	pair_free(&pair);
}

/* Changes without end do not make a flood: ten initiations and tellings a second at most. */
static void test_storm(void **state) {
	for (int pending = 0; pending < 2; pending++) {
		struct pair pair = quiet_pair(5);
		set_broken(&pair, pending);
		if (pending)
			world_run(pair.world, 200 * CLOCK_SECOND); /* the session is over */
		world_packet(pair.left, pair.right, 2);
		world_run(pair.world, CLOCK_SECOND);
		size_t before = tap_count(&pair.world->tap, &pair.left->v4, 0);
		for (unsigned i = 0; i < 1000; i++) {
			node_network(pair.left);
			world_run(pair.world, 10 * CLOCK_MILLISECOND);
		}
		size_t sent = tap_count(&pair.world->tap, &pair.left->v4, 0) - before;
		assert_in_range(sent, 10, 101);
		pair_free(&pair);
	}
}

/* Nobody is told who is not in use: no session and nothing to send. */
static void test_idle(void **state) {
	struct pair pair = pair_new(6, NULL);
	pair.world->tap.recording = true;
	node_network(pair.left);
	world_run(pair.world, 60 * CLOCK_SECOND);
	assert_int_equal(tap_count(&pair.world->tap, NULL, 0), 0);
	pair_free(&pair);
}

/* Who dialled us is answered from where it spoke to, and told only while it is in use. */
static void test_responder(void **state) {
	struct pair pair = pair_new(7, NULL);
	pair.world->tap.recording = true;
	pair.right_peer->dialled = false;
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	world_run(pair.world, QUIET);
	size_t before = tap_count(&pair.world->tap, &pair.right->v4, 0);
	assert_int_not_equal(pair.right_peer->peer.paths[0].from.interface, 0);
	node_network(pair.right);
	world_run(pair.world, 5 * CLOCK_SECOND);
	assert_int_equal(tap_count(&pair.world->tap, &pair.right->v4, 0), before);
	assert_true(world_packet_arrives(pair.right, pair.left, 2, PAIR_DELAY));
	node_network(pair.right);
	world_run(pair.world, 5 * CLOCK_SECOND);
	assert_int_equal(tap_count(&pair.world->tap, &pair.right->v4, 0), before + 1 + TELLINGS);
	/* And not again so soon. */
	assert_true(world_packet_arrives(pair.right, pair.left, 3, PAIR_DELAY));
	node_network(pair.right);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(tap_count(&pair.world->tap, &pair.right->v4, 0), before + 2 + TELLINGS);
	assert_int_not_equal(pair.right_peer->peer.paths[0].from.interface, 0);
	/* The other end chooses anew. */
	node_network(pair.left);
	world_run(pair.world, 0);
	assert_int_equal(pair.left_peer->peer.paths[0].from.interface, 0);
	pair_free(&pair);
}

/* What comes between the change and the telling does not bind it to the address of before. */
static void test_not_bound_again(void **state) {
	struct pair pair = quiet_pair(9);
	node_network(pair.left);
	world_run(pair.world, CLOCK_MILLISECOND);
	node_network(pair.left); /* told a while after the first */
	assert_true(world_packet_arrives(pair.right, pair.left, 2, PAIR_DELAY));
	assert_int_not_equal(pair.left_peer->peer.paths[0].from.interface, 0);
	world_run(pair.world, WIREGUARD_NETWORK_INTERVAL);
	assert_int_equal(pair.left_peer->peer.paths[0].from.interface, 0);
	pair_free(&pair);
}

/* The machine slept: keys of before are not used, and what is to be sent starts new ones at once.
 */
static void test_resume(void **state) {
	const uint64_t sleeps[] = {600 * CLOCK_SECOND, 36000 * CLOCK_SECOND, 2592000 * CLOCK_SECOND};
	for (size_t i = 0; i < sizeof sleeps / sizeof *sleeps; i++) {
		struct pair pair = pair_new(10 + i, "persistent_keepalive_interval=25\n");
		assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
		world_run(pair.world, QUIET);
		pair.world->tap.recording = true;
		pair.left->clock_offset += sleeps[i];
		/* Elsewhere, as laptops are. */
		pair.left->v4 = address_of("198.51.100.7");
		node_network(pair.left);
		world_run(pair.world, 3 * PAIR_DELAY);
		assert_int_equal(tap_count(&pair.world->tap, &pair.left->v4, WIREGUARD_INITIATION), 1);
		assert_true(world_packet_arrives(pair.right, pair.left, 2, PAIR_DELAY));
		/* One handshake, no storm, and the timers run as ever. */
		world_run(pair.world, 60 * CLOCK_SECOND);
		assert_int_equal(initiations(&pair), 1);
		assert_in_range(tap_count(&pair.world->tap, &pair.left->v4, WIREGUARD_DATA), 3, 8);
		pair_free(&pair);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live_session_is_told),
		cmocka_unit_test(test_told_again),
		cmocka_unit_test(test_pending_handshake_begins_anew),
		cmocka_unit_test(test_given_up_handshake_begins_anew),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_responder),
		cmocka_unit_test(test_not_bound_again),
		cmocka_unit_test(test_resume),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
