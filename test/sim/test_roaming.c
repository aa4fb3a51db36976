#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "session/cookie.h"
#include "sim/pair.h"
#include "sim/state.h"
#include "wire/wireguard.h"

static struct address address_of(const char *text) {
	struct address address;
	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

static struct pair pair_with_session(uint64_t seed) {
	struct pair pair = pair_new(seed, NULL);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	assert_true(world_packet_arrives(pair.right, pair.left, 1, CLOCK_SECOND));
	world_run(pair.world, 40 * CLOCK_SECOND);
	pair.world->tap.recording = true;
	return pair;
}

static const struct endpoint *where(const struct wireguard_peer *peer) {
	return &peer->peer.paths[0].to;
}

/* A packet from the new place is enough, and no handshake is needed. */
static void test_move(void **state) {
	for (int who = 0; who < 2; who++) {
		struct pair pair = pair_with_session(1);
		struct node *mover = who ? pair.right : pair.left, *other = who ? pair.left : pair.right;
		const struct wireguard_peer *peer = who ? pair.left_peer : pair.right_peer;
		mover->v4 = address_of("198.51.100.7");
		assert_true(world_packet_arrives(mover, other, 2, PAIR_DELAY));
		assert_true(address_equal(&where(peer)->address, &mover->v4));
		assert_true(world_packet_arrives(other, mover, 3, PAIR_DELAY));
		assert_int_equal(tap_count(&pair.world->tap, NULL, WIREGUARD_INITIATION), 0);
		/* `wg show` tells it. */
		char value[ENDPOINT_TEXT_SIZE];
		node_get_value(other, mover, "endpoint", value, sizeof value);
		assert_string_equal(value, "198.51.100.7:51820");
		pair_free(&pair);
	}
}

/* A passive keepalive does as well as data. */
static void test_move_by_keepalive(void **state) {
	struct pair pair = pair_with_session(2);
	world_packet(pair.right, pair.left, 2);
	world_run(pair.world, 5 * CLOCK_SECOND);
	pair.left->v4 = address_of("198.51.100.7");
	world_run(pair.world, 6 * CLOCK_SECOND);
	assert_true(address_equal(&where(pair.right_peer)->address, &pair.left->v4));
	pair_free(&pair);
}

static void test_move_between_families(void **state) {
	struct pair pair = pair_with_session(3);
	struct address v4 = pair.left->v4;
	/* The peer's v6 address is known from before, or by whoever tells it. */
	struct endpoint right = {.address = pair.right->v6, .port = NODE_PORT};
	char text[ENDPOINT_TEXT_SIZE];
	endpoint_format(&right, text);
	pair.left->v4 = (struct address){.family = ADDRESS_NONE};
	assert_int_equal(
		node_set(pair.left, "public_key=%s\nendpoint=%s\n", node_hex(pair.right->public_key), text),
		0);
	assert_true(world_packet_arrives(pair.left, pair.right, 2, PAIR_DELAY));
	assert_true(address_equal(&where(pair.right_peer)->address, &pair.left->v6));
	assert_true(world_packet_arrives(pair.right, pair.left, 3, PAIR_DELAY));

	pair.left->v4 = v4;
	right.address = pair.right->v4;
	endpoint_format(&right, text);
	assert_int_equal(
		node_set(pair.left, "public_key=%s\nendpoint=%s\n", node_hex(pair.right->public_key), text),
		0);
	assert_true(world_packet_arrives(pair.left, pair.right, 4, PAIR_DELAY));
	assert_true(world_packet_arrives(pair.right, pair.left, 5, PAIR_DELAY));
	assert_true(address_equal(&where(pair.right_peer)->address, &v4));
	assert_int_equal(tap_count(&pair.world->tap, NULL, WIREGUARD_INITIATION), 0);
	pair_free(&pair);
}

/* `wg set … listen-port` while traffic flows. */
static void test_port_changes(void **state) {
	struct pair pair = pair_with_session(4);
	for (uint16_t port = 2000; port < 2010; port++) {
		assert_int_equal(node_set(pair.left, "listen_port=%u\n", port), 0);
		assert_true(world_packet_arrives(pair.left, pair.right, port, PAIR_DELAY));
		assert_int_equal(where(pair.right_peer)->port, port);
		assert_true(world_packet_arrives(pair.right, pair.left, port, PAIR_DELAY));
	}
	/* A refused one leaves all as it was. */
	pair.left->listen_error = 98;
	assert_int_equal(node_set(pair.left, "listen_port=3000\n"), 98);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, PAIR_DELAY));
	assert_true(world_packet_arrives(pair.right, pair.left, 1, PAIR_DELAY));
	char value[16];
	node_get_value(pair.left, NULL, "listen_port", value, sizeof value);
	assert_string_equal(value, "2009");
	assert_int_equal(tap_count(&pair.world->tap, NULL, WIREGUARD_INITIATION), 0);
	pair_free(&pair);
}

/* Answers leave from the address that the peer spoke to, and follow when that one is gone. */
static void test_source_follows(void **state) {
	struct pair pair = pair_with_session(5);
	const struct udp_source *source = &pair.right_peer->peer.paths[0].from;
	assert_true(address_equal(&source->address, &pair.right->v4));
	pair.right->v4 = address_of("198.51.100.9");
	assert_true(world_packet_arrives(pair.right, pair.left, 2, PAIR_DELAY));
	/* The stale one was noticed on the way. */
	assert_int_equal(source->address.family, ADDRESS_NONE);
	assert_true(world_packet_arrives(pair.left, pair.right, 3, PAIR_DELAY));
	assert_true(address_equal(&source->address, &pair.right->v4));
	pair_free(&pair);
}

/* Both move at once: nobody can reach anybody, until one of them has an endpoint told. */
static void test_both_move(void **state) {
	struct pair pair = pair_with_session(6);
	pair.left->v4 = address_of("198.51.100.1");
	pair.right->v4 = address_of("198.51.100.2");
	assert_false(world_packet_arrives(pair.left, pair.right, 2, CLOCK_SECOND));
	assert_int_equal(node_set(pair.left, "public_key=%s\nendpoint=198.51.100.2:51820\n",
							  node_hex(pair.right->public_key)),
					 0);
	assert_true(world_packet_arrives(pair.left, pair.right, 3, PAIR_DELAY));
	assert_true(world_packet_arrives(pair.right, pair.left, 4, PAIR_DELAY));
	pair_free(&pair);
}

/* A valid initiation and a valid response move the endpoint too, wherever they come from. */
static void test_handshake_moves(void **state) {
	struct pair pair = pair_new(7, NULL);
	struct address before = pair.left->v4;
	pair.left->v4 = address_of("198.51.100.7");
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	assert_true(address_equal(&where(pair.right_peer)->address, &pair.left->v4));
	assert_false(address_equal(&before, &pair.left->v4));
	pair_free(&pair);
}

/* Peers without endpoint: the other one calls, and then both can speak. */
static void test_unknown_endpoint(void **state) {
	struct pair pair = pair_new(8, NULL);
	const char *key = node_hex(pair.left->public_key);
	assert_int_equal(node_set(pair.right, "public_key=%s\nremove=true\n", key), 0);
	assert_int_equal(node_set(pair.right, "public_key=%s\nallowed_ip=10.0.0.1/32\n", key), 0);
	pair_refresh(&pair);
	world_packet(pair.right, pair.left, 1);
	world_run(pair.world, 20 * CLOCK_SECOND);
	assert_int_equal(pair.world->tap.sent[WIREGUARD_INITIATION], 0);
	assert_true(world_packet_arrives(pair.left, pair.right, 2, CLOCK_SECOND));
	assert_true(world_packet_arrives(pair.right, pair.left, 3, CLOCK_SECOND));
	/* What had waited was sent as well. */
	assert_int_equal(node_arrived(pair.left, pair.right, 1), 1);
	pair_free(&pair);
}

/* A cookie reply is sealed under what everybody knows: it may come from anywhere. */
static void test_cookie_reply_does_not_move(void **state) {
	struct pair pair = pair_with_session(9);
	world_run(pair.world, 200 * CLOCK_SECOND);
	const struct sim_link broken = {.loss_percent = 100};
	world_set_link(pair.world, &broken);
	world_packet(pair.left, pair.right, 2);
	world_run(pair.world, 0);
	const struct tap_record *initiation =
		tap_last(&pair.world->tap, &pair.left->v4, WIREGUARD_INITIATION);
	/* Made as right would make it, with nothing but its public key. */
	struct cookie_keys keys;
	struct cookie_checker checker;
	struct endpoint claimed = node_endpoint(pair.left);
	struct wireguard_initiation decoded;
	assert_int_equal(wireguard_decode_initiation(initiation->data, initiation->size, &decoded),
					 ERR_OK);
	assert_int_equal(cookie_keys_init(&keys, "mac1----", "cookie--", pair.right->public_key),
					 ERR_OK);
	assert_int_equal(cookie_checker_init(&checker, &keys), ERR_OK);
	struct wireguard_cookie_reply reply = {.receiver = decoded.sender};
	assert_int_equal(cookie_make(&checker, slice_of(initiation->data, initiation->size), &claimed,
								 sim_random(pair.world->network), world_now(pair.world),
								 reply.nonce, reply.sealed_cookie),
					 ERR_OK);
	cookie_checker_done(&checker);
	uint8_t bytes[WIREGUARD_COOKIE_REPLY_SIZE];
	wireguard_encode_cookie_reply(&reply, bytes);

	struct endpoint before = *where(pair.left_peer);
	struct endpoint sender = {.address = address_of("203.0.113.66"), .port = 666};
	uint64_t received = atomic_load(&pair.left_peer->peer.published.received_bytes);
	state_offer(pair.left, &sender, bytes, sizeof bytes);
	/* It was taken: the next initiation will carry it. But nobody moved, nothing was counted. */
	assert_true(pair.left_peer->cookies.cookie_born > 0);
	assert_true(endpoint_equal(&before, where(pair.left_peer)));
	assert_int_equal(atomic_load(&pair.left_peer->peer.published.received_bytes), received);
	/* A second one for the same message is not. */
	struct state once, twice;
	state_take(pair.left, pair.left_peer, &once);
	state_offer(pair.left, &sender, bytes, sizeof bytes);
	state_take(pair.left, pair.left_peer, &twice);
	assert_true(state_equal(&once, &twice));
	pair_free(&pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_move_by_keepalive),
		cmocka_unit_test(test_move_between_families),
		cmocka_unit_test(test_port_changes),
		cmocka_unit_test(test_source_follows),
		cmocka_unit_test(test_both_move),
		cmocka_unit_test(test_handshake_moves),
		cmocka_unit_test(test_unknown_endpoint),
		cmocka_unit_test(test_cookie_reply_does_not_move),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
