#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "session/path_probe.h"
#include "sim/pair.h"

/* Paths that carry less than the interfaces think, and tell nobody. */

enum { OVERHEAD = 32 };

/* A pair of which the left end alone knows that the other is an Umbra. */
static struct pair known(uint64_t seed, bool umbra) {
	struct pair pair = pair_new(seed, NULL);
	if (umbra)
		assert_int_equal(
			node_set(pair.left, "public_key=%s\numbra=1\n", node_hex(pair.right->public_key)), 0);
	return pair;
}

static void limit(const struct pair *pair, const struct node *from, const struct node *to,
				  size_t largest) {
	const struct endpoint source = node_endpoint(from), target = node_endpoint(to);
	const struct sim_link link = {.delay = PAIR_DELAY, .largest = largest};
	assert_int_equal(sim_set_link(pair->world->network, &source, &target, &link), ERR_OK);
}

static uint32_t left_limit(const struct pair *pair) {
	return pair->left_peer->peer.limit;
}

static void begin(struct pair *pair) {
	assert_true(world_packet_arrives(pair->left, pair->right, 1, CLOCK_SECOND));
	world_run(pair->world, 5 * CLOCK_SECOND);
}

static bool arrives(struct pair *pair, bool v6, uint32_t number, size_t size) {
	const struct inner inner = {.v6 = v6,
								.from = pair->left->number,
								.to = pair->right->number,
								.number = number,
								.size = size};
	node_inject(pair->left, &inner);
	world_run(pair->world, CLOCK_SECOND);
	return node_arrived(pair->right, pair->left, number) == 1;
}

/* Both ends find it, and what fits arrives; who sends more is told how much passes. */
static void test_both_ways(void **state) {
	for (size_t largest = 1280; largest < 1452; largest += 43) {
		struct pair pair = known(1, true);
		limit(&pair, pair.left, pair.right, largest);
		limit(&pair, pair.right, pair.left, largest);
		begin(&pair);
		uint32_t inside = (uint32_t)largest - OVERHEAD, found = left_limit(&pair);
		assert_in_range(found, inside - PATH_PROBE_CLOSE, inside);
		assert_in_range(pair.right_peer->peer.limit, inside - PATH_PROBE_CLOSE, inside);
		uint32_t number = 100;
		for (uint32_t size = found - 40; size <= found; size++)
			assert_true(arrives(&pair, false, number++, size));
		node_forget_arrivals(pair.left);
		assert_false(arrives(&pair, false, number++, found + 1));
		/* ICMP: destination unreachable, fragmentation needed. */
		assert_int_equal(pair.left->arrival_count, 1);
		const uint8_t *told = pair.left->arrivals[0].data;
		assert_int_equal(told[20], 3);
		assert_int_equal(told[21], 4);
		assert_int_equal(told[26] << 8 | told[27], found);
		pair_free(&pair);
	}
}

/* One direction alone is narrow. */
static void test_one_way(void **state) {
	struct pair pair = known(2, true);
	limit(&pair, pair.right, pair.left, 1350);
	begin(&pair);
	assert_int_equal(left_limit(&pair), 0);
	assert_in_range(pair.right_peer->peer.limit, 1350 - OVERHEAD - PATH_PROBE_CLOSE,
					1350 - OVERHEAD);
	assert_true(arrives(&pair, false, 7, NODE_MTU));
	pair_free(&pair);
}

/* IPv6 packets that nobody may make smaller arrive in fragments. */
static void test_smallest_of_v6(void **state) {
	struct pair pair = known(3, true);
	limit(&pair, pair.left, pair.right, 1250);
	begin(&pair);
	uint32_t found = left_limit(&pair);
	assert_in_range(found, 1250 - OVERHEAD - PATH_PROBE_CLOSE, 1250 - OVERHEAD);
	assert_true(arrives(&pair, true, 7, found));
	node_forget_arrivals(pair.left);
	node_forget_arrivals(pair.right);
	assert_false(arrives(&pair, true, 8, 1280));
	assert_int_equal(pair.left->arrival_count, 0);
	assert_int_equal(pair.right->arrival_count, 2);
	size_t size = 0;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pair.right->arrivals[i].data[6], 44);
		size += pair.right->arrivals[i].size - 48;
	}
	assert_int_equal(size, 1280 - 40);
	/* More than that is not to be sent. */
	assert_false(arrives(&pair, true, 9, 1281));
	assert_int_equal(pair.left->arrival_count, 1);
	assert_int_equal(pair.left->arrivals[0].data[40], 2);
	pair_free(&pair);
}

/* It becomes narrow under way, and wide again. */
static void test_changes(void **state) {
	struct pair pair = known(4, true);
	begin(&pair);
	assert_int_equal(left_limit(&pair), 0);
	limit(&pair, pair.left, pair.right, 1300);
	uint32_t number = 10;
	for (unsigned i = 0; i < 10; i++)
		(void)arrives(&pair, false, number++, NODE_MTU);
	assert_in_range(left_limit(&pair), 1300 - OVERHEAD - PATH_PROBE_CLOSE, 1300 - OVERHEAD);
	limit(&pair, pair.left, pair.right, 0);
	for (unsigned i = 0; i < PATH_PROBE_RAISE / CLOCK_SECOND + 20; i++)
		assert_true(arrives(&pair, false, number++, INNER_SIZE));
	assert_int_equal(left_limit(&pair), 0);
	pair_free(&pair);
}

/* Nobody is asked who is not said to be an Umbra. */
static void test_stranger(void **state) {
	struct pair pair = known(5, false);
	limit(&pair, pair.left, pair.right, 1300);
	begin(&pair);
	const struct sim_counters *counters = sim_counters(pair.world->network);
	/* Initiation, response, keepalive, the packet, a keepalive after ten seconds. */
	assert_true(counters->sent <= 5);
	assert_int_equal(counters->lost, 0);
	assert_int_equal(left_limit(&pair), 0);
	pair_free(&pair);
}

/* A connection through a narrow path begins with segments that fit, whichever end knows of it. */
static void test_connections(void **state) {
	for (unsigned other = 0; other < 3; other++) {
		struct pair pair = known(6, true);
		if (other != 1)
			limit(&pair, pair.left, pair.right, 1350);
		if (other != 0)
			limit(&pair, pair.right, pair.left, 1320);
		begin(&pair);
		uint32_t mine = left_limit(&pair), theirs = pair.right_peer->peer.limit;
		assert_true((mine > 0) == (other != 1) && (theirs > 0) == (other != 0));
		uint32_t least = !mine || (theirs && theirs < mine) ? theirs : mine;
		/* A SYN that asks for segments of 1380 bytes; nobody here looks at its checksums. */
		uint8_t data[VIRTIO_HEADER_SIZE + 44] = {0}, *packet = data + VIRTIO_HEADER_SIZE;
		memcpy(packet, (uint8_t[]){0x45, 0, 0, 44, 0, 0, 0x40, 0, 64, 6}, 10);
		memcpy(packet + 12, (uint8_t[]){10, 0, 0, pair.left->number}, 4);
		memcpy(packet + 16, (uint8_t[]){10, 0, 0, pair.right->number}, 4);
		memcpy(packet + 32, (uint8_t[]){0x60, 2}, 2);
		memcpy(packet + 40, (uint8_t[]){2, 4, 1380 >> 8, 1380 & 255}, 4);
		node_forget_arrivals(pair.right);
		node_inject_raw(pair.left, 0, data, sizeof data);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(pair.right->arrival_count, 1);
		const uint8_t *arrived = pair.right->arrivals[0].data;
		assert_int_equal(arrived[42] << 8 | arrived[43], least - 40);
		pair_free(&pair);
	}
}

/* Loss, delay and reordering are not taken for a narrow path. */
static void test_bad_network(void **state) {
	for (uint64_t seed = 10; seed < 20; seed++) {
		struct pair pair = known(seed, true);
		const struct sim_link link = {.delay = 100 * CLOCK_MILLISECOND,
									  .jitter = 150 * CLOCK_MILLISECOND,
									  .loss_percent = 5,
									  .duplicate_percent = 5};
		world_set_link(pair.world, &link);
		for (uint32_t i = 0; i < 60; i++)
			(void)arrives(&pair, false, 100 + i, NODE_MTU);
		assert_int_equal(left_limit(&pair), 0);
		pair_free(&pair);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),      cmocka_unit_test(test_one_way),
		cmocka_unit_test(test_smallest_of_v6), cmocka_unit_test(test_changes),
		cmocka_unit_test(test_stranger),       cmocka_unit_test(test_bad_network),
		cmocka_unit_test(test_connections),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
