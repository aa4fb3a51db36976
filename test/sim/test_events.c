/* What the host hears of peers, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/wireguard_limits.h"
#include "sim/pair.h"
#include "wire/wireguard.h"

/* An event is told at most so late. */
#define EVENT_DELAY (300 * CLOCK_MILLISECOND)

static struct address address_of(const char *text) {
	struct address address;
	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

static void set_broken(const struct pair *pair, bool broken) {
	const struct sim_link link = {.delay = PAIR_DELAY, .loss_percent = broken ? 100 : 0};
	world_set_link(pair->world, &link);
}

static void forget(const struct pair *pair) {
	pair->left->event_count = pair->right->event_count = 0;
	tap_clear(&pair->world->tap);
}

/* One side has heard of these kinds in this order, and of nothing else. */
static void assert_events(const struct node *node, const struct node *peer, size_t count,
						  const enum device_event_kind *kinds) {
	assert_int_equal(node->event_count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(node->events[i].event.kind, kinds[i]);
		assert_memory_equal(node->events[i].event.public_key, peer->public_key, X25519_KEY_SIZE);
	}
}

static void assert_one(const struct node *node, const struct node *peer,
					   enum device_event_kind kind) {
	assert_events(node, peer, 1, &kind);
}

static struct pair connected_pair(uint64_t seed) {
	struct pair pair = pair_new(seed, NULL);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	world_run(pair.world, 40 * CLOCK_SECOND);
	pair.world->tap.recording = true;
	forget(&pair);
	return pair;
}

static int set_endpoint(const struct node *node, const struct node *peer, const char *endpoint) {
	return node_set((struct node *)(uintptr_t)node, "public_key=%s\nendpoint=%s\n",
					node_hex(peer->public_key), endpoint);
}

static void test_connected(void **state) {
	struct pair pair = pair_new(1, NULL);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(pair.left->event_count + pair.right->event_count, 0);
	uint64_t start = world_now(pair.world);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	world_run(pair.world, CLOCK_SECOND);
	/* Both ends, once. */
	const struct node *ends[] = {pair.left, pair.right};
	for (size_t i = 0; i < 2; i++) {
		assert_one(ends[i], ends[1 - i], DEVICE_EVENT_CONNECTED);
		struct endpoint endpoint = node_endpoint(ends[1 - i]);
		assert_true(endpoint_equal(&ends[i]->events[0].event.endpoint, &endpoint));
		assert_in_range(ends[i]->events[0].time - start, 0, 3 * PAIR_DELAY + EVENT_DELAY);
	}
	/* Keys that are renewed under traffic are no news. */
	for (uint32_t second = 0; second < 600; second++) {
		world_packet(pair.left, pair.right, second + 2);
		world_run(pair.world, CLOCK_SECOND);
	}
	assert_true(pair.world->tap.sent[WIREGUARD_INITIATION] > 4);
	assert_int_equal(pair.left->event_count, 1);
	assert_int_equal(pair.right->event_count, 1);
	/* After a pause they are. */
	world_run(pair.world, WIREGUARD_REJECT_AFTER_TIME + 60 * CLOCK_SECOND);
	forget(&pair);
	assert_true(world_packet_arrives(pair.right, pair.left, 1, CLOCK_SECOND));
	world_run(pair.world, CLOCK_SECOND);
	assert_one(pair.left, pair.right, DEVICE_EVENT_CONNECTED);
	assert_one(pair.right, pair.left, DEVICE_EVENT_CONNECTED);
	pair_free(&pair);
}

/* The first endpoint of a peer that calls is no move. */
static void test_first_endpoint(void **state) {
	struct pair pair = pair_new(2, NULL);
	const char *key = node_hex(pair.left->public_key);
	assert_int_equal(node_set(pair.right, "public_key=%s\nremove=true\n", key), 0);
	assert_int_equal(node_set(pair.right, "public_key=%s\nallowed_ip=10.0.0.1/32\n", key), 0);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	world_run(pair.world, CLOCK_SECOND);
	assert_one(pair.right, pair.left, DEVICE_EVENT_CONNECTED);
	struct endpoint left = node_endpoint(pair.left);
	assert_true(endpoint_equal(&pair.right->events[0].event.endpoint, &left));
	pair_free(&pair);
}

static void test_moved(void **state) {
	struct pair pair = connected_pair(3);
	pair.left->v4 = address_of("198.51.100.7");
	uint64_t start = world_now(pair.world);
	assert_true(world_packet_arrives(pair.left, pair.right, 2, PAIR_DELAY));
	world_run(pair.world, CLOCK_SECOND);
	assert_one(pair.right, pair.left, DEVICE_EVENT_MOVED);
	assert_true(address_equal(&pair.right->events[0].event.endpoint.address, &pair.left->v4));
	assert_in_range(pair.right->events[0].time - start, PAIR_DELAY, PAIR_DELAY + EVENT_DELAY);
	assert_int_equal(pair.left->event_count, 0);
	/* Where the configuration sends it is no move. */
	forget(&pair);
	assert_int_equal(set_endpoint(pair.right, pair.left, "198.51.100.7:9"), 0);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(pair.right->event_count, 0);
	/* And back is one again. */
	assert_true(world_packet_arrives(pair.left, pair.right, 3, PAIR_DELAY));
	world_run(pair.world, CLOCK_SECOND);
	assert_one(pair.right, pair.left, DEVICE_EVENT_MOVED);
	pair_free(&pair);
}

static void test_unanswered(void **state) {
	struct pair pair = pair_new(4, NULL);
	pair.world->tap.recording = true;
	const struct tap *tap = &pair.world->tap;
	set_broken(&pair, true);
	world_packet(pair.left, pair.right, 1);
	world_run(pair.world, 200 * CLOCK_SECOND);
	/* One for each that was repeated, and one for the last. */
	size_t tries = 1 + WIREGUARD_ATTEMPTS_MAX;
	assert_int_equal(tap_count(tap, &pair.left->v4, WIREGUARD_INITIATION), tries);
	assert_int_equal(pair.left->event_count, tries);
	for (size_t i = 0; i < tries; i++) {
		const struct node_event *event = &pair.left->events[i];
		assert_int_equal(event->event.kind, DEVICE_EVENT_UNANSWERED);
		assert_int_equal(event->event.count, i + 1);
		const struct tap_record *sent = tap_find(tap, NULL, WIREGUARD_INITIATION, i);
		assert_in_range(event->time - sent->time, WIREGUARD_REKEY_TIMEOUT,
						WIREGUARD_REKEY_TIMEOUT + WIREGUARD_REKEY_JITTER + EVENT_DELAY);
	}
	assert_int_equal(pair.right->event_count, 0);
	/* Answered, the count begins again. */
	forget(&pair);
	set_broken(&pair, false);
	assert_true(world_packet_arrives(pair.left, pair.right, 2, CLOCK_SECOND));
	world_run(pair.world, WIREGUARD_REJECT_AFTER_TIME + CLOCK_SECOND);
	assert_one(pair.left, pair.right, DEVICE_EVENT_CONNECTED);
	forget(&pair);
	set_broken(&pair, true);
	world_packet(pair.left, pair.right, 3);
	world_run(pair.world, 6 * CLOCK_SECOND);
	assert_one(pair.left, pair.right, DEVICE_EVENT_UNANSWERED);
	assert_int_equal(pair.left->events[0].event.count, 1);
	pair_free(&pair);
}

/* Packets that keep coming start initiations before their timer does: no attempt is lost count of.
 */
static void test_unanswered_under_traffic(void **state) {
	struct pair pair = pair_new(5, NULL);
	set_broken(&pair, true);
	for (uint32_t number = 0; number < 300; number++) {
		world_packet(pair.left, pair.right, number);
		world_run(pair.world, 100 * CLOCK_MILLISECOND);
	}
	assert_int_equal(pair.world->tap.sent[WIREGUARD_INITIATION], 6);
	assert_int_equal(pair.left->event_count, 5);
	assert_int_equal(pair.left->events[4].event.count, 5);
	pair_free(&pair);
}

static size_t initiations(const struct pair *pair) {
	return tap_count(&pair->world->tap, &pair->left->v4, WIREGUARD_INITIATION);
}

/* Lost initiations of a session that lives on: who was told of them hears of the end as well. */
static void test_connected_after_unanswered(void **state) {
	for (uint32_t lost = 1; lost <= 2; lost++) {
		struct pair pair = connected_pair(6);
		world_run(pair.world, WIREGUARD_REKEY_AFTER_TIME - 39 * CLOCK_SECOND);
		set_broken(&pair, true);
		world_packet(pair.left, pair.right, 2);
		world_run(pair.world, lost * WIREGUARD_REKEY_TIMEOUT - CLOCK_SECOND);
		set_broken(&pair, false);
		world_run(pair.world, 10 * CLOCK_SECOND);
		assert_int_equal(initiations(&pair), lost + 1);
		/* An answer on the heels of the repetition leaves nothing to tell. */
		const enum device_event_kind kinds[] = {DEVICE_EVENT_UNANSWERED, DEVICE_EVENT_CONNECTED};
		assert_events(pair.left, pair.right, lost == 1 ? 0 : 2, kinds);
		assert_int_equal(pair.right->event_count, 0);
		pair_free(&pair);
	}
}

static void test_nothing_unanswered_without_endpoint(void **state) {
	struct pair pair = pair_new(7, NULL);
	const char *key = node_hex(pair.left->public_key);
	assert_int_equal(node_set(pair.right, "public_key=%s\nremove=true\n", key), 0);
	assert_int_equal(node_set(pair.right, "public_key=%s\nallowed_ip=10.0.0.1/32\n", key), 0);
	world_packet(pair.right, pair.left, 1);
	world_run(pair.world, 200 * CLOCK_SECOND);
	assert_int_equal(pair.right->event_count, 0);
	/* Given one, what waits goes there at once. */
	world_packet(pair.right, pair.left, 2);
	world_run(pair.world, 2 * CLOCK_SECOND);
	assert_int_equal(set_endpoint(pair.right, pair.left, "192.0.2.1:51820"), 0);
	world_run(pair.world, 10 * PAIR_DELAY);
	assert_int_equal(node_arrived(pair.left, pair.right, 2), 1);
	world_run(pair.world, CLOCK_SECOND);
	assert_one(pair.right, pair.left, DEVICE_EVENT_CONNECTED);
	pair_free(&pair);
}

/* Another endpoint while a handshake waits: it goes there at once, once a second at most. */
static void test_redirect(void **state) {
	struct pair pair = pair_new(8, NULL);
	pair.world->tap.recording = true;
	set_broken(&pair, true);
	world_packet(pair.left, pair.right, 1);
	world_run(pair.world, 1500 * CLOCK_MILLISECOND);
	assert_int_equal(initiations(&pair), 1);
	assert_int_equal(set_endpoint(pair.left, pair.right, "203.0.113.1:1"), 0);
	world_run(pair.world, 0);
	assert_int_equal(initiations(&pair), 2);
	assert_int_equal(tap_last(&pair.world->tap, NULL, WIREGUARD_INITIATION)->to.port, 1);
	/* The same again is no change; others wait for their second, and only the last one counts. */
	uint64_t sent = world_now(pair.world);
	assert_int_equal(set_endpoint(pair.left, pair.right, "203.0.113.1:1"), 0);
	world_run(pair.world, 500 * CLOCK_MILLISECOND);
	for (unsigned port = 2; port < 10; port++) {
		assert_int_equal(node_set(pair.left, "public_key=%s\nendpoint=203.0.113.1:%u\n",
								  node_hex(pair.right->public_key), port),
						 0);
		world_run(pair.world, 10 * CLOCK_MILLISECOND);
	}
	world_run(pair.world, 2 * CLOCK_SECOND);
	assert_int_equal(initiations(&pair), 3);
	const struct tap_record *last = tap_last(&pair.world->tap, NULL, WIREGUARD_INITIATION);
	assert_int_equal(last->time - sent, WIREGUARD_REDIRECT_INTERVAL);
	assert_int_equal(last->to.port, 9);
	/* Nothing of that went unanswered, and none of it was an attempt; then the usual pace again. */
	assert_int_equal(pair.left->event_count, 0);
	assert_int_equal(pair.left_peer->attempts, 0);
	world_run_until(pair.world, last->time + WIREGUARD_REKEY_TIMEOUT - 1);
	assert_int_equal(initiations(&pair), 3);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(initiations(&pair), 4);
	assert_one(pair.left, pair.right, DEVICE_EVENT_UNANSWERED);
	assert_int_equal(pair.left->events[0].event.count, 1);
	/* The right one, and the first packet arrives after all. */
	set_broken(&pair, false);
	assert_int_equal(set_endpoint(pair.left, pair.right, "192.0.2.2:51820"), 0);
	world_run(pair.world, CLOCK_SECOND + 5 * PAIR_DELAY);
	assert_int_equal(node_arrived(pair.right, pair.left, 1), 1);
	pair_free(&pair);
}

/* What had no endpoint to go to was sent to nobody: the first one need not wait for its second. */
static void test_redirect_from_nowhere(void **state) {
	struct pair pair = pair_new(13, NULL);
	const char *key = node_hex(pair.left->public_key);
	assert_int_equal(node_set(pair.right, "public_key=%s\nremove=true\n", key), 0);
	assert_int_equal(node_set(pair.right, "public_key=%s\nallowed_ip=10.0.0.1/32\n", key), 0);
	world_packet(pair.right, pair.left, 1);
	world_run(pair.world, 20 * CLOCK_MILLISECOND);
	assert_int_equal(set_endpoint(pair.right, pair.left, "192.0.2.1:51820"), 0);
	world_run(pair.world, WIREGUARD_NETWORK_INTERVAL + 3 * PAIR_DELAY);
	assert_int_equal(node_arrived(pair.left, pair.right, 1), 1);
	pair_free(&pair);
}

/* Without a handshake that waits, another endpoint starts none. */
static void test_no_redirect(void **state) {
	struct pair pair = connected_pair(9);
	assert_int_equal(set_endpoint(pair.left, pair.right, "203.0.113.1:1"), 0);
	world_run(pair.world, 30 * CLOCK_SECOND);
	assert_int_equal(tap_count(&pair.world->tap, NULL, 0), 0);
	/* Nor one more when the interface comes up with it. */
	node_link(pair.left, false);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(node_set(pair.left,
							  "public_key=%s\nendpoint=192.0.2.2:51820\n"
							  "persistent_keepalive_interval=25\n",
							  node_hex(pair.right->public_key)),
					 0);
	node_link(pair.left, true);
	world_run(pair.world, 20 * CLOCK_SECOND);
	assert_int_equal(initiations(&pair), 1);
	pair_free(&pair);
}

/* Peers that go, and come back, with news under way. */
static void test_removal(void **state) {
	struct pair pair = connected_pair(10);
	for (uint32_t round = 0; round < 20; round++) {
		pair.left->v4 = address_of(round % 2 ? "198.51.100.7" : "198.51.100.8");
		world_packet(pair.left, pair.right, round + 2);
		world_run(pair.world, PAIR_DELAY + round * 10 * CLOCK_MILLISECOND);
		assert_int_equal(
			node_set(pair.right, "public_key=%s\nremove=true\n", node_hex(pair.left->public_key)),
			0);
		size_t before = pair.right->event_count;
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(pair.right->event_count, before);
		node_add_peer(pair.right, pair.left, NULL);
		world_run(pair.world, 20 * CLOCK_SECOND);
	}
	pair_free(&pair);
}

/* A restart in the middle of a session is no new connection. */
static void test_restart(void **state) {
	struct pair pair = connected_pair(11);
	node_restart(pair.left);
	pair_refresh(&pair);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(initiations(&pair), 1);
	assert_true(world_packet_arrives(pair.left, pair.right, 2, CLOCK_SECOND));
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(pair.left->event_count, 0);
	pair_free(&pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connected),
		cmocka_unit_test(test_first_endpoint),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_unanswered),
		cmocka_unit_test(test_unanswered_under_traffic),
		cmocka_unit_test(test_connected_after_unanswered),
		cmocka_unit_test(test_nothing_unanswered_without_endpoint),
		cmocka_unit_test(test_redirect),
		cmocka_unit_test(test_redirect_from_nowhere),
		cmocka_unit_test(test_no_redirect),
		cmocka_unit_test(test_removal),
		cmocka_unit_test(test_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
