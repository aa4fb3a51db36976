#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/x25519.h"
#include "engine/index_table.h"
#include "engine/shard.h"
#include "proto/wireguard_limits.h"
#include "sim/pair.h"
#include "wire/wireguard.h"

static const struct node_options options_of[] = {{.shards = 1}, {.shards = 3, .missteer = true}};

#define OPTIONS (sizeof options_of / sizeof options_of[0])

static struct pair pair_with_session(uint64_t seed) {
	struct pair pair = pair_new_with(seed, NULL, &options_of[seed % OPTIONS]);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	assert_true(world_packet_arrives(pair.right, pair.left, 1, CLOCK_SECOND));
	pair.world->tap.recording = true;
	return pair;
}

static void set_preshared_key(struct node *node, const struct node *other, uint8_t byte) {
	uint8_t key[X25519_KEY_SIZE] = {byte};
	assert_int_equal(node_set(node, "public_key=%s\npreshared_key=%s\n",
							  node_hex(other->public_key), node_hex(key)),
					 0);
}

/* One packet each way a second, none of which may be lost. */
static void assert_flows(const struct pair *pair, uint32_t first, uint32_t seconds) {
	for (uint32_t number = first; number < first + seconds; number++) {
		world_packet(pair->left, pair->right, number);
		world_packet(pair->right, pair->left, number);
		world_run(pair->world, CLOCK_SECOND);
		assert_int_equal(node_arrived(pair->right, pair->left, number), 1);
		assert_int_equal(node_arrived(pair->left, pair->right, number), 1);
	}
}

static void test_preshared_key_changes(void **state) {
	for (uint64_t seed = 0; seed < OPTIONS; seed++) {
		struct pair pair = pair_with_session(seed);
		const struct wireguard_session *before = pair.left_peer->current;
		set_preshared_key(pair.left, pair.right, 7);
		set_preshared_key(pair.right, pair.left, 7);
		assert_flows(&pair, 100, 60);
		assert_ptr_equal(pair.left_peer->current, before);
		assert_int_equal(tap_count(&pair.world->tap, NULL, WIREGUARD_INITIATION), 0);
		/* The next ones are made with it. */
		assert_flows(&pair, 1000, 300);
		assert_ptr_not_equal(pair.left_peer->current, before);
		/* Another one at one end only: the session lives on, but cannot be renewed. */
		uint64_t born = pair.left_peer->current->session.born;
		set_preshared_key(pair.right, pair.left, 8);
		assert_true(world_packet_arrives(pair.left, pair.right, 5000, PAIR_DELAY));
		world_run_until(pair.world, born + WIREGUARD_REKEY_AFTER_TIME + CLOCK_SECOND);
		assert_true(world_packet_arrives(pair.left, pair.right, 5001, PAIR_DELAY));
		world_run_until(pair.world, born + WIREGUARD_REJECT_AFTER_TIME);
		assert_false(world_packet_arrives(pair.left, pair.right, 5002, 20 * CLOCK_SECOND));
		/* Right again: what waits is sent with the next try. */
		set_preshared_key(pair.left, pair.right, 8);
		world_run(pair.world, 6 * CLOCK_SECOND);
		assert_int_equal(node_arrived(pair.right, pair.left, 5002), 1);
		pair_free(&pair);
	}
}

/* A preshared key that changes while a handshake is under way spoils that one only. */
static void test_preshared_key_changes_in_handshake(void **state) {
	struct pair pair = pair_new(3, NULL);
	world_packet(pair.left, pair.right, 1);
	world_run(pair.world, PAIR_DELAY / 2);
	set_preshared_key(pair.left, pair.right, 7);
	world_run(pair.world, PAIR_DELAY);
	set_preshared_key(pair.right, pair.left, 7);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(node_arrived(pair.right, pair.left, 1), 0);
	world_run(pair.world, 5 * CLOCK_SECOND);
	assert_int_equal(node_arrived(pair.right, pair.left, 1), 1);
	pair_free(&pair);
}

static void test_private_key_changes(void **state) {
	for (uint64_t seed = 4; seed < 4 + OPTIONS; seed++) {
		struct pair pair = pair_with_session(seed);
		struct node *left = pair.left, *right = pair.right;
		uint8_t old[X25519_KEY_SIZE];
		memcpy(old, left->public_key, sizeof old);
		x25519_generate(sim_random(pair.world->network), left->private_key);
		assert_int_equal(x25519_public(left->private_key, left->public_key), ERR_OK);
		assert_int_equal(node_set(left, "private_key=%s\n", node_hex(left->private_key)), 0);
		/* What was on its way from the other end is still read, but nothing is sent any more. */
		assert_true(world_packet_arrives(right, left, 2, PAIR_DELAY));
		tap_clear(&pair.world->tap);
		assert_false(world_packet_arrives(left, right, 3, 3 * CLOCK_SECOND));
		assert_int_equal(tap_count(&pair.world->tap, &left->v4, WIREGUARD_DATA), 0);
		assert_int_equal(tap_count(&pair.world->tap, &left->v4, WIREGUARD_INITIATION), 1);
		/* Right does not know the new key; then it does. */
		assert_int_equal(tap_count(&pair.world->tap, &right->v4, WIREGUARD_RESPONSE), 0);
		assert_int_equal(node_set(right, "public_key=%s\nremove=true\n", node_hex(old)), 0);
		node_add_peer(right, left, NULL);
		pair_refresh(&pair);
		world_run(pair.world, 6 * CLOCK_SECOND);
		assert_int_equal(node_arrived(right, left, 3), 1);
		assert_true(world_packet_arrives(right, left, 4, PAIR_DELAY));
		pair_free(&pair);
	}
}

/* Without a private key nothing is begun and nothing answered. */
static void test_no_private_key(void **state) {
	struct pair pair = pair_new(6, NULL);
	pair.world->tap.recording = true;
	const uint8_t none[X25519_KEY_SIZE] = {0};
	assert_int_equal(node_set(pair.left, "private_key=%s\n", node_hex(none)), 0);
	assert_false(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	assert_false(world_packet_arrives(pair.right, pair.left, 1, CLOCK_SECOND));
	assert_int_equal(tap_count(&pair.world->tap, &pair.left->v4, 0), 0);
	assert_int_equal(node_set(pair.left, "private_key=%s\n", node_hex(pair.left->private_key)), 0);
	world_run(pair.world, 10 * CLOCK_SECOND);
	assert_true(world_packet_arrives(pair.left, pair.right, 2, CLOCK_SECOND));
	assert_int_equal(node_arrived(pair.left, pair.right, 1), 1);
	pair_free(&pair);
}

/* A peer with our own key is ignored, and goes when the key becomes ours. */
static void test_own_key_as_peer(void **state) {
	struct pair pair = pair_new(7, NULL);
	assert_int_equal(node_set(pair.left, "public_key=%s\nallowed_ip=10.0.0.9/32\n",
							  node_hex(pair.left->public_key)),
					 0);
	assert_null(node_peer(pair.left, pair.left));
	assert_non_null(node_peer(pair.left, pair.right));
	assert_int_equal(node_set(pair.left, "private_key=%s\n", node_hex(pair.right->private_key)), 0);
	assert_null(node_peer(pair.left, pair.right));
	world_run(pair.world, CLOCK_SECOND);
	pair_free(&pair);
}

/* A peer goes in every state that a handshake or a session can be in. */
static void test_removal(void **state) {
	static const uint64_t moments[] = {0, 5, 10, 15, 20, 25, 30, 35, 1000, 200000, 600000};
	for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
		for (int who = 0; who < 2; who++) {
			struct pair pair = pair_new_with(10 + i, NULL, &options_of[i % OPTIONS]);
			struct node *node = who ? pair.right : pair.left;
			struct node *other = who ? pair.left : pair.right;
			world_packet(pair.left, pair.right, 1);
			world_run(pair.world, moments[i] * CLOCK_MILLISECOND);
			world_packet(pair.left, pair.right, 2);
			assert_int_equal(
				node_set(node, "public_key=%s\nremove=true\n", node_hex(other->public_key)), 0);
			assert_null(node_peer(node, other));
			world_run(pair.world, CLOCK_SECOND);
			node_forget_arrivals(pair.left);
			node_forget_arrivals(pair.right);
			assert_false(world_packet_arrives(pair.left, pair.right, 3, 20 * CLOCK_SECOND));
			assert_false(world_packet_arrives(pair.right, pair.left, 4, 20 * CLOCK_SECOND));
			for (uint16_t shard = 0; shard < engine_shards(node->engine); shard++)
				assert_int_equal(index_table_count(engine_shard(node->engine, shard)->indices), 0);
			/* It comes back: a peer like any other. */
			node_add_peer(node, other, NULL);
			assert_true(world_packet_arrives(node, other, 5, CLOCK_SECOND));
			pair_free(&pair);
		}
	}
}

/* A third node that has the prefix of the second from now on. */
static void test_allowed_ips_move(void **state) {
	for (uint64_t seed = 30; seed < 30 + OPTIONS; seed++) {
		struct pair pair = pair_with_session(seed);
		struct node *third = world_add_node(pair.world, &options_of[seed % OPTIONS]);
		world_connect(pair.left, third, NULL);
		node_link(third, true);
		assert_true(world_packet_arrives(pair.left, third, 1, CLOCK_SECOND));
		assert_int_equal(node_set(pair.left, "public_key=%s\nallowed_ip=10.0.0.2/32\n",
								  node_hex(third->public_key)),
						 0);
		/* Right's address goes to third, and right may not send from it any more. */
		const struct inner inner = {.from = 1, .to = 2, .number = 50, .size = INNER_SIZE};
		node_inject(pair.left, &inner);
		assert_false(world_packet_arrives(pair.right, pair.left, 51, CLOCK_SECOND));
		assert_int_equal(node_arrived(third, pair.left, 50), 1);
		assert_int_equal(node_arrived(pair.right, pair.left, 50), 0);
		/* `get` says so, and back it goes. */
		char *text = node_get(pair.left);
		assert_non_null(strstr(text, "allowed_ip=10.0.0.2/32"));
		assert_null(strstr(strstr(text, "allowed_ip=10.0.0.2/32") + 1, "allowed_ip=10.0.0.2/32"));
		free(text);
		node_add_peer(pair.left, pair.right, NULL);
		assert_true(world_packet_arrives(pair.left, pair.right, 52, CLOCK_SECOND));
		assert_true(world_packet_arrives(pair.right, pair.left, 53, CLOCK_SECOND));
		assert_int_equal(node_set(pair.left, "public_key=%s\nallowed_ip=-10.0.0.2/32\n",
								  node_hex(pair.right->public_key)),
						 0);
		assert_false(world_packet_arrives(pair.left, pair.right, 54, CLOCK_SECOND));
		pair_free(&pair);
	}
}

static void test_down_and_up(void **state) {
	for (uint64_t seed = 40; seed < 40 + OPTIONS; seed++) {
		struct pair pair = pair_with_session(seed);
		node_link(pair.left, false);
		world_run(pair.world, CLOCK_SECOND);
		tap_clear(&pair.world->tap);
		assert_false(world_packet_arrives(pair.left, pair.right, 2, CLOCK_SECOND));
		assert_false(world_packet_arrives(pair.right, pair.left, 3, CLOCK_SECOND));
		assert_int_equal(tap_count(&pair.world->tap, &pair.left->v4, 0), 0);
		assert_null(pair.left_peer->current);
		assert_int_equal(pair.left->port, 0);
		/* Changes while it is down count afterwards. */
		assert_int_equal(node_set(pair.left, "listen_port=777\n"), 0);
		node_link(pair.left, true);
		assert_true(world_packet_arrives(pair.left, pair.right, 4, CLOCK_SECOND));
		assert_true(world_packet_arrives(pair.right, pair.left, 5, CLOCK_SECOND));
		assert_int_equal(pair.right_peer->peer.paths[0].to.port, 777);
		/* What was sent into the closed interface is forgotten. */
		assert_int_equal(node_arrived(pair.right, pair.left, 2), 0);
		pair_free(&pair);
	}
}

/* The port is taken: the link is up without sockets until another port is set. */
static void test_port_in_use(void **state) {
	struct pair pair = pair_with_session(50);
	node_link(pair.left, false);
	pair.left->listen_error = 98;
	node_link(pair.left, true);
	assert_int_equal(pair.left->warnings, 1);
	assert_false(world_packet_arrives(pair.left, pair.right, 2, CLOCK_SECOND));
	pair.left->listen_error = 0;
	assert_int_equal(node_set(pair.left, "listen_port=778\n"), 0);
	assert_true(world_packet_arrives(pair.left, pair.right, 3, CLOCK_SECOND));
	assert_true(world_packet_arrives(pair.right, pair.left, 4, CLOCK_SECOND));
	pair_free(&pair);
}

/* Who sets a port learns whether it is in use, whether the link is up or not; a restart does not
 * ask. */
static void test_port_in_use_while_down(void **state) {
	const struct node_options options = {.listen_at_once = true};
	struct pair pair = pair_new_with(52, NULL, &options);
	node_link(pair.left, false);
	assert_int_equal(pair.left->port, 51820); /* it stays ours */
	pair.left->listen_error = 98;
	assert_int_equal(node_set(pair.left, "listen_port=777\n"), 98);
	char value[64];
	node_get_value(pair.left, NULL, "listen_port", value, sizeof value);
	assert_string_equal(value, "51820");
	pair.left->listen_error = 0;
	assert_int_equal(node_set(pair.left, "listen_port=778\n"), 0);
	assert_int_equal(pair.left->port, 778);
	assert_false(world_packet_arrives(pair.right, pair.left, 2, CLOCK_SECOND));
	pair.left->listen_error = 98;
	node_restart(pair.left);
	pair.left->listen_error = 0;
	node_link(pair.left, true);
	assert_int_equal(pair.left->port, 778);
	assert_true(world_packet_arrives(pair.left, pair.right, 3, 10 * CLOCK_SECOND));
	assert_true(world_packet_arrives(pair.right, pair.left, 4, CLOCK_SECOND));
	pair_free(&pair);
	/* What is tried again anyway need not be refused. */
	pair = pair_new(53, NULL);
	node_link(pair.left, false);
	pair.left->listen_error = 98;
	assert_int_equal(node_set(pair.left, "listen_port=777\n"), 0);
	pair_free(&pair);
}

/* A smaller MTU means less padding; it counts at once. */
static void test_mtu(void **state) {
	struct pair pair = pair_with_session(51);
	const struct inner inner = {.from = 1, .to = 2, .number = 9, .size = 1001};
	pair.left->ops->link(pair.left->device, 1003, true);
	tap_clear(&pair.world->tap);
	node_inject(pair.left, &inner);
	world_run(pair.world, PAIR_DELAY);
	assert_int_equal(node_arrived(pair.right, pair.left, 9), 1);
	assert_int_equal(tap_find(&pair.world->tap, NULL, WIREGUARD_DATA, 0)->size,
					 1003 + WIREGUARD_DATA_OVERHEAD);
	pair_free(&pair);
}

/* The process dies: its successor has the sessions up again by itself. */
static void test_restart(void **state) {
	for (int who = 0; who < 2; who++) {
		for (uint64_t seed = 60; seed < 60 + OPTIONS; seed++) {
			struct pair pair = pair_with_session(seed);
			struct node *node = who ? pair.right : pair.left;
			struct node *other = who ? pair.left : pair.right;
			assert_flows(&pair, 100, 10);
			char before[256], after[256];
			node_get_value(node, other, "last_handshake_time_sec", before, sizeof before);
			char *text = node_get(node);
			tap_clear(&pair.world->tap);
			node_restart(node);
			pair_refresh(&pair);
			node_get_value(node, other, "last_handshake_time_sec", after, sizeof after);
			assert_string_equal(before, after);
			/* Nobody sends anything: the handshake comes at once, without a packet to send. */
			world_run(pair.world, CLOCK_SECOND);
			assert_int_equal(tap_count(&pair.world->tap, &node->v4, WIREGUARD_INITIATION), 1);
			assert_non_null(node_peer(node, other)->current);
			assert_true(world_packet_arrives(other, node, 2, PAIR_DELAY));
			assert_true(world_packet_arrives(node, other, 3, PAIR_DELAY));
			assert_flows(&pair, 500, 200);
			free(text);
			pair_free(&pair);
		}
	}
}

/* All of the configuration survives, through any number of restarts and changes. */
static void test_restart_keeps_configuration(void **state) {
	struct pair pair = pair_new(70, NULL);
	set_preshared_key(pair.left, pair.right, 9);
	set_preshared_key(pair.right, pair.left, 9);
	for (unsigned round = 0; round < 5; round++) {
		assert_int_equal(node_set(pair.left,
								  "fwmark=%u\npublic_key=%s\npersistent_keepalive_interval=%u\n"
								  "replace_allowed_ips=true\nallowed_ip=10.0.0.2/32\n"
								  "allowed_ip=10.%u.0.0/16\n",
								  round, node_hex(pair.right->public_key), 20 + round, round),
						 0);
		world_run(pair.world, 30 * CLOCK_SECOND);
		char *before = node_get(pair.left);
		node_restart(pair.left);
		world_run(pair.world, 0);
		char *after = node_get(pair.left);
		/* All lines but the counters, which begin anew. */
		char *rest_before = NULL, *rest_after = NULL;
		char *line = strtok_r(before, "\n", &rest_before);
		char *other = strtok_r(after, "\n", &rest_after);
		for (; line && other;
			 line = strtok_r(NULL, "\n", &rest_before), other = strtok_r(NULL, "\n", &rest_after))
			if (strncmp(line, "tx_bytes", 8) != 0 && strncmp(line, "rx_bytes", 8) != 0)
				assert_string_equal(line, other);
		assert_true(!line && !other);
		free(before);
		free(after);
		world_run(pair.world, CLOCK_SECOND);
		assert_true(world_packet_arrives(pair.right, pair.left, 100 + round, PAIR_DELAY));
	}
	pair_free(&pair);
}

/* An old session is not worth a handshake that nobody asked for. */
static void test_restart_after_silence(void **state) {
	struct pair pair = pair_with_session(71);
	world_run(pair.world, 200 * CLOCK_SECOND);
	tap_clear(&pair.world->tap);
	node_restart(pair.left);
	world_run(pair.world, 10 * CLOCK_SECOND);
	assert_int_equal(tap_count(&pair.world->tap, NULL, 0), 0);
	assert_true(world_packet_arrives(pair.left, pair.right, 2, CLOCK_SECOND));
	pair_free(&pair);
}

/* What save_all() says is enough in place of all that was saved before. */
static void test_restart_from_full_state(void **state) {
	struct pair pair = pair_with_session(72);
	world_run(pair.world, CLOCK_SECOND);
	for (size_t i = 0; i < pair.left->record_count; i++)
		free(pair.left->records[i].data);
	pair.left->record_count = 0;
	pair.left->ops->save_all(pair.left->device);
	assert_int_equal(pair.left->record_count, 2);
	node_restart(pair.left);
	world_run(pair.world, CLOCK_SECOND);
	assert_true(world_packet_arrives(pair.right, pair.left, 2, PAIR_DELAY));
	assert_true(world_packet_arrives(pair.left, pair.right, 3, PAIR_DELAY));
	pair_free(&pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_preshared_key_changes),
		cmocka_unit_test(test_preshared_key_changes_in_handshake),
		cmocka_unit_test(test_private_key_changes),
		cmocka_unit_test(test_no_private_key),
		cmocka_unit_test(test_own_key_as_peer),
		cmocka_unit_test(test_removal),
		cmocka_unit_test(test_allowed_ips_move),
		cmocka_unit_test(test_down_and_up),
		cmocka_unit_test(test_port_in_use),
		cmocka_unit_test(test_port_in_use_while_down),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_restart_keeps_configuration),
		cmocka_unit_test(test_restart_after_silence),
		cmocka_unit_test(test_restart_from_full_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
