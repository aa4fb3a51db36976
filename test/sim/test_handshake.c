#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/lane.h"
#include "engine/shard.h"
#include "proto/wireguard_limits.h"
#include "sim/pair.h"
#include "wire/wireguard.h"

/* A handshake over a lossy link is done by then: 18 tries each 5 s, and traffic starts new ones. */
#define UP_WITHIN (180 * CLOCK_SECOND)

static const struct node_options options_of[] = {
	{.shards = 1},
	{.shards = 3},
	{.shards = 4, .missteer = true},
	{.shards = 1, .join_datagrams = true, .coalesce = {.tcp = true, .udp = true}},
};

#define OPTIONS (sizeof options_of / sizeof options_of[0])

static void test_both_ways(void **state) {
	for (size_t i = 0; i < OPTIONS; i++) {
		struct pair pair = pair_new_with(1 + i, NULL, &options_of[i]);
		pair.world->tap.recording = true;
		uint64_t start = world_now(pair.world);
		assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
		/* Initiation, response, data: nothing else is waited for. */
		assert_int_equal(world_now(pair.world) - start, 3 * PAIR_DELAY);
		assert_true(world_packet_arrives(pair.right, pair.left, 2, CLOCK_SECOND));
		assert_int_equal(world_now(pair.world) - start, 4 * PAIR_DELAY);
		const struct tap *tap = &pair.world->tap;
		assert_int_equal(tap_count(tap, &pair.left->v4, WIREGUARD_INITIATION), 1);
		assert_int_equal(tap_count(tap, &pair.right->v4, WIREGUARD_INITIATION), 0);
		assert_int_equal(tap_count(tap, &pair.right->v4, WIREGUARD_RESPONSE), 1);
		assert_int_equal(tap_count(tap, NULL, 0), 4);
		assert_true(pair.left_peer->current->session.initiator);
		assert_false(pair.right_peer->current->session.initiator);
		assert_null(pair.right_peer->next);
		pair_free(&pair);
	}
}

static void test_v6_outside_and_inside(void **state) {
	struct pair pair = pair_new(10, NULL);
	/* Neither has a v4 address any more: hosts with one family only work. */
	node_link(pair.left, false);
	node_link(pair.right, false);
	pair.left->v4 = pair.right->v4 = (struct address){.family = ADDRESS_NONE};
	world_connect(pair.left, pair.right, NULL);
	node_link(pair.left, true);
	node_link(pair.right, true);
	const struct inner inner = {.v6 = true, .from = 1, .to = 2, .number = 5, .size = 1000};
	node_inject(pair.left, &inner);
	assert_true(world_packet_arrives(pair.left, pair.right, 6, CLOCK_SECOND));
	assert_int_equal(node_arrived(pair.right, pair.left, 5), 1);
	assert_int_equal(pair.right->arrivals[0].size, 1000);
	pair_free(&pair);
}

static void test_sizes(void **state) {
	struct pair pair = pair_new(11, NULL);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	pair.world->tap.recording = true;
	for (uint32_t size = INNER_HEADERS_V4 + INNER_PAYLOAD_MIN; size <= NODE_MTU; size++) {
		const struct inner inner = {.from = 1, .to = 2, .number = size, .size = size};
		tap_clear(&pair.world->tap);
		node_inject(pair.left, &inner);
		world_run(pair.world, PAIR_DELAY);
		assert_int_equal(node_arrived(pair.right, pair.left, size), 1);
		/* Padded to 16 bytes, but not above the MTU. */
		uint32_t padded = (size + 15) / 16 * 16;
		padded = padded > NODE_MTU ? NODE_MTU : padded;
		const struct tap_record *record =
			tap_find(&pair.world->tap, &pair.left->v4, WIREGUARD_DATA, 0);
		assert_int_equal(record->size, padded + WIREGUARD_DATA_OVERHEAD);
		node_forget_arrivals(pair.right);
	}
	pair_free(&pair);
}

static void test_preshared_key(void **state) {
	char line[128];
	const uint8_t key[X25519_KEY_SIZE] = {1, 2, 3};
	(void)snprintf(line, sizeof line, "preshared_key=%s\n", node_hex(key));
	struct pair pair = pair_new(12, line);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	assert_true(world_packet_arrives(pair.right, pair.left, 2, CLOCK_SECOND));
	pair_free(&pair);

	/* Another one on each side: no session, ever. */
	pair = pair_new(13, line);
	const uint8_t other[X25519_KEY_SIZE] = {1, 2, 4};
	assert_int_equal(node_set(pair.right, "public_key=%s\npreshared_key=%s\n",
							  node_hex(pair.left->public_key), node_hex(other)),
					 0);
	assert_false(world_packet_arrives(pair.left, pair.right, 1, 30 * CLOCK_SECOND));
	assert_null(pair.left_peer->current);
	assert_null(pair.right_peer->current);
	pair_free(&pair);
}

struct traffic {
	unsigned loss, duplicates, reorder;
	uint64_t jitter;
};

/* One packet each way a tenth of a second, over a bad link; nothing arrives twice or harmed. */
static void run_bad_link(uint64_t seed, const struct traffic *traffic,
						 const struct node_options *options) {
	enum { PACKETS = 600 };
	struct pair pair = pair_new_with(seed, NULL, options);
	const struct sim_link link = {
		.loss_percent = traffic->loss,
		.duplicate_percent = traffic->duplicates,
		.delay = PAIR_DELAY,
		.jitter = traffic->jitter,
		.reorder_percent = traffic->reorder,
		.reorder_delay = 2 * CLOCK_SECOND,
	};
	world_set_link(pair.world, &link);
	uint64_t start = world_now(pair.world);
	for (uint32_t i = 1; node_arrived_from(pair.right, pair.left) == 0; i++) {
		world_packet(pair.left, pair.right, i);
		world_run(pair.world, CLOCK_SECOND / 10);
		assert_true(world_now(pair.world) - start < UP_WITHIN);
	}
	world_run(pair.world, 3 * CLOCK_SECOND);
	node_forget_arrivals(pair.right);
	for (uint32_t i = 0; i < PACKETS; i++) {
		world_packet(pair.left, pair.right, 10000 + i);
		world_packet(pair.right, pair.left, 20000 + i);
		world_run(pair.world, CLOCK_SECOND / 10);
	}
	world_run(pair.world, 5 * CLOCK_SECOND);
	size_t there = node_arrived_from(pair.right, pair.left);
	size_t back = node_arrived_from(pair.left, pair.right);
	/* Six deviations of the binomial distribution below its mean, and none above the number. */
	size_t least = traffic->loss == 0 ? PACKETS : PACKETS * (100 - traffic->loss) / 100 - 70;
	assert_in_range(there, least, PACKETS);
	assert_in_range(back, least, PACKETS);
	for (uint32_t i = 0; i < PACKETS; i++) {
		assert_in_range(node_arrived(pair.right, pair.left, 10000 + i), 0, 1);
		assert_in_range(node_arrived(pair.left, pair.right, 20000 + i), 0, 1);
	}
	if (traffic->duplicates > 0)
		assert_true(sim_counters(pair.world->network)->duplicated > PACKETS / 10);
	pair_free(&pair);
}

static void test_loss(void **state) {
	for (uint64_t seed = 20; seed < 30; seed++)
		run_bad_link(seed, &(struct traffic){.loss = 30}, NULL);
}

static void test_duplicates(void **state) {
	for (size_t i = 0; i < OPTIONS; i++)
		run_bad_link(40 + i, &(struct traffic){.duplicates = 60, .jitter = CLOCK_SECOND},
					 &options_of[i]);
}

static void test_reordering(void **state) {
	for (size_t i = 0; i < OPTIONS; i++)
		run_bad_link(50 + i, &(struct traffic){.reorder = 30, .jitter = CLOCK_SECOND},
					 &options_of[i]);
}

static void test_everything_at_once(void **state) {
	const struct traffic traffic = {
		.loss = 30, .duplicates = 30, .reorder = 20, .jitter = CLOCK_SECOND / 2};
	for (uint64_t seed = 60; seed < 70; seed++)
		run_bad_link(seed, &traffic, &options_of[seed % OPTIONS]);
}

/* The first packet is sent once and waits: retries alone bring the session up. */
static void test_retries_alone(void **state) {
	size_t up = 0;
	for (uint64_t seed = 100; seed < 130; seed++) {
		struct pair pair = pair_new(seed, NULL);
		const struct sim_link link = {.loss_percent = 30, .delay = PAIR_DELAY};
		world_set_link(pair.world, &link);
		world_packet(pair.left, pair.right, 1);
		world_run(pair.world, WIREGUARD_REKEY_ATTEMPT_TIME + 10 * CLOCK_SECOND);
		/* Each of 19 tries succeeds with 0.49: never failing is what must be seen. */
		assert_non_null(pair.left_peer->current);
		up += node_arrived(pair.right, pair.left, 1);
		pair_free(&pair);
	}
	/* The packet itself leaves once, when the handshake is done. */
	assert_in_range(up, 10, 29);
}

/* Both ends use the same session, and one of them will renew it. */
static void assert_agreed(const struct pair *pair) {
	const struct session *left = &pair->left_peer->current->session;
	const struct session *right = &pair->right_peer->current->session;
	assert_int_equal(left->remote_index, right->local_index);
	assert_int_equal(left->local_index, right->remote_index);
	assert_true(left->initiator != right->initiator);
}

/* Both begin in the same instant; what either sends afterwards arrives. */
static void test_simultaneous(void **state) {
	for (size_t i = 0; i < OPTIONS; i++) {
		struct pair pair = pair_new_with(200 + i, NULL, &options_of[i]);
		pair.world->tap.recording = true;
		world_packet(pair.left, pair.right, 1);
		world_packet(pair.right, pair.left, 2);
		world_run(pair.world, CLOCK_SECOND);
		const struct tap *tap = &pair.world->tap;
		assert_int_equal(tap_count(tap, &pair.left->v4, WIREGUARD_INITIATION), 1);
		assert_int_equal(tap_count(tap, &pair.right->v4, WIREGUARD_INITIATION), 1);
		assert_int_equal(node_arrived(pair.right, pair.left, 1), 1);
		assert_int_equal(node_arrived(pair.left, pair.right, 2), 1);
		assert_agreed(&pair);
		for (uint32_t number = 10; number < 1000; number++) {
			world_packet(pair.left, pair.right, number);
			world_packet(pair.right, pair.left, number);
			world_run(pair.world, CLOCK_SECOND);
			assert_int_equal(node_arrived(pair.right, pair.left, number), 1);
			assert_int_equal(node_arrived(pair.left, pair.right, number), 1);
			node_forget_arrivals(pair.left);
			node_forget_arrivals(pair.right);
		}
		assert_agreed(&pair);
		pair_free(&pair);
	}
}

/* With packets always on their way, so that a session that ends too early would lose some. */
static void test_no_loss_after_simultaneous(void **state) {
	enum { PACKETS = 60000 };
	const uint64_t interval = 5 * CLOCK_MILLISECOND;
	struct pair pair = pair_new(250, NULL);
	world_packet(pair.left, pair.right, 1);
	world_packet(pair.right, pair.left, 1);
	world_run(pair.world, CLOCK_SECOND);
	node_forget_arrivals(pair.left);
	node_forget_arrivals(pair.right);
	for (uint32_t number = 0; number < PACKETS; number++) {
		world_packet(pair.left, pair.right, number);
		world_packet(pair.right, pair.left, number);
		world_run(pair.world, interval);
	}
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(node_arrived_from(pair.left, pair.right), PACKETS);
	assert_int_equal(node_arrived_from(pair.right, pair.left), PACKETS);
	/* Five minutes: there were at least two rekeyings. */
	assert_true(pair.world->tap.sent[WIREGUARD_RESPONSE] >= 4);
	pair_free(&pair);
}

/* The same with every offset between the two initiations that makes them cross. */
static void test_crossing(void **state) {
	for (uint64_t offset = 0; offset <= 40; offset += 2) {
		struct pair pair = pair_new(300 + offset, NULL);
		world_packet(pair.left, pair.right, 1);
		world_run(pair.world, offset * CLOCK_MILLISECOND);
		world_packet(pair.right, pair.left, 2);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(node_arrived(pair.right, pair.left, 1), 1);
		assert_int_equal(node_arrived(pair.left, pair.right, 2), 1);
		assert_true(world_packet_arrives(pair.left, pair.right, 3, PAIR_DELAY));
		assert_true(world_packet_arrives(pair.right, pair.left, 4, PAIR_DELAY));
		assert_agreed(&pair);
		pair_free(&pair);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_v6_outside_and_inside),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_preshared_key),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_reordering),
		cmocka_unit_test(test_everything_at_once),
		cmocka_unit_test(test_retries_alone),
		cmocka_unit_test(test_simultaneous),
		cmocka_unit_test(test_no_loss_after_simultaneous),
		cmocka_unit_test(test_crossing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
