#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>

#include "engine/packets.h"
#include "engine/segment.h"
#include "engine/shard.h"
#include "sim/pair.h"
#include "wire/wireguard.h"

static struct pair pair_with_session(uint64_t seed, const struct node_options *options) {
	struct pair pair = pair_new_with(seed, NULL, options);
	assert_true(world_packet_arrives(pair.left, pair.right, 1, CLOCK_SECOND));
	assert_true(world_packet_arrives(pair.right, pair.left, 1, CLOCK_SECOND));
	return pair;
}

static const struct lane_counters *counters_of(const struct node *node, uint16_t shard) {
	return &list_item(engine_shard(node->engine, shard)->lanes.next, struct lane, shard_link)
				->counters;
}

/* A source that is not the sender's is dropped, whosever it is; the session is none the worse. */
static void test_source_not_allowed(void **state) {
	struct pair pair = pair_with_session(1, NULL);
	struct node *third = world_add_node(pair.world, NULL);
	world_connect(third, pair.right, NULL);
	node_link(third, true);
	assert_true(world_packet_arrives(third, pair.right, 1, CLOCK_SECOND));
	struct inner inner = {.to = 2, .number = 9, .size = INNER_SIZE};
	for (unsigned v6 = 0; v6 < 2; v6++) {
		/* Nobody's, our own, and the other peer's. */
		static const uint8_t sources[] = {77, 2, 3};
		for (size_t i = 0; i < sizeof sources; i++) {
			node_forget_arrivals(pair.right);
			inner.v6 = v6;
			inner.from = sources[i];
			uint64_t before = atomic_load(&counters_of(pair.right, 0)->wrong_source);
			node_inject(pair.left, &inner);
			world_run(pair.world, CLOCK_SECOND);
			assert_int_equal(pair.right->arrival_count, 0);
			assert_int_equal(atomic_load(&counters_of(pair.right, 0)->wrong_source), before + 1);
		}
		/* Its own, once more: the answer is not remembered beyond its question. */
		inner.from = 1;
		node_inject(pair.left, &inner);
		world_run(pair.world, CLOCK_SECOND);
		assert_int_equal(node_arrived(pair.right, pair.left, 9), 1);
	}
	pair_free(&pair);
}

/* The longest prefix decides, for the way out and for the way in. */
static void test_longest_prefix(void **state) {
	struct pair pair = pair_with_session(2, NULL);
	struct node *third = world_add_node(pair.world, NULL);
	node_link(third, true);
	assert_int_equal(node_set(pair.right, "public_key=%s\nallowed_ip=0.0.0.0/0\nallowed_ip=::/0\n",
							  node_hex(pair.left->public_key)),
					 0);
	world_connect(third, pair.right, NULL);
	assert_true(world_packet_arrives(third, pair.right, 1, CLOCK_SECOND));
	node_forget_arrivals(pair.right);
	/* Left may be anybody now, but for third, whose prefix is longer. */
	for (uint8_t from = 1; from < 20; from++) {
		const struct inner inner = {.from = from, .to = 2, .number = from, .size = INNER_SIZE};
		node_inject(pair.left, &inner);
	}
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(pair.right->arrival_count, 18);
	assert_int_equal(node_arrived_from(pair.right, third), 0);
	pair_free(&pair);
}

/* Nobody's destination, and what is no IP packet at all. */
static void test_no_route(void **state) {
	struct pair pair = pair_with_session(3, NULL);
	uint64_t sent = pair.world->tap.sent[WIREGUARD_DATA];
	const struct inner inner = {.from = 1, .to = 99, .number = 2, .size = INNER_SIZE};
	node_inject(pair.left, &inner);
	static const uint8_t junk[200];
	for (size_t size = 0; size < sizeof junk; size += 7)
		node_inject_raw(pair.left, 0, junk, size);
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(pair.world->tap.sent[WIREGUARD_DATA], sent);
	assert_int_equal(atomic_load(&counters_of(pair.left, 0)->no_route), 1);
	assert_true(world_packet_arrives(pair.left, pair.right, 3, PAIR_DELAY));
	pair_free(&pair);
}

/* The stream in what came out: bytes in order, whatever was joined or cut on the way. */
static size_t read_stream(const struct node *node) {
	uint32_t at = 0;
	for (size_t i = 0; i < node->arrival_count; i++) {
		const struct arrival *arrival = &node->arrivals[i];
		if (arrival->is_known)
			continue;
		size_t headers = packets_headers_size(arrival->data);
		assert_int_equal(packets_u32(arrival->data + 24), at);
		for (size_t j = headers; j < arrival->size; j++)
			assert_int_equal(arrival->data[j], inner_stream_byte(at++));
	}
	return at;
}

static void run_stream(uint64_t seed, const struct node_options *options, uint16_t segment,
					   size_t payload) {
	enum { PACKETS = 30 };
	static uint8_t packet[INNER_SIZE_MAX + VIRTIO_HEADER_SIZE];
	struct pair pair = pair_with_session(seed, options);
	node_forget_arrivals(pair.right);
	for (uint32_t i = 0; i < PACKETS; i++) {
		size_t size = inner_build_stream(1, 2, (uint32_t)(i * payload), payload, segment, packet);
		node_inject_raw(pair.left, 0, packet, size);
	}
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(read_stream(pair.right), PACKETS * payload);
	size_t segments = PACKETS * ((payload + segment - 1) / segment);
	size_t written = pair.right->arrival_count;
	if (options->coalesce.tcp)
		assert_true(written < segments / 4);
	else
		assert_int_equal(written, segments);
	pair_free(&pair);
}

static void test_super_packets(void **state) {
	static const struct node_options variants[] = {
		{.shards = 1},
		{.shards = 1, .join_datagrams = true},
		{.shards = 1, .join_datagrams = true, .coalesce = {.tcp = true, .udp = true}},
		{.shards = 1, .coalesce = {.tcp = true}},
		{.shards = 4, .join_datagrams = true, .coalesce = {.tcp = true}},
		{.shards = 4, .missteer = false},
	};
	for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
		run_stream(10 + i, &variants[i], NODE_MTU - INNER_STREAM_HEADERS,
				   45 * (NODE_MTU - INNER_STREAM_HEADERS));
		run_stream(20 + i, &variants[i], NODE_MTU - INNER_STREAM_HEADERS,
				   40 * (NODE_MTU - INNER_STREAM_HEADERS) + 17);
		run_stream(30 + i, &variants[i], 536, 64 * 536);
		run_stream(40 + i, &variants[i], 88, 100 * 88);
	}
}

/* Super-packets that wait for a session come out whole and in order too. */
static void test_staged_super_packet(void **state) {
	enum { SEGMENT = NODE_MTU - INNER_STREAM_HEADERS, SEGMENTS = 44 };
	static uint8_t packet[INNER_SIZE_MAX + VIRTIO_HEADER_SIZE];
	struct pair pair = pair_new(50, NULL);
	for (uint32_t i = 0; i < 2; i++) {
		size_t size =
			inner_build_stream(1, 2, i * SEGMENTS * SEGMENT, SEGMENTS * SEGMENT, SEGMENT, packet);
		node_inject_raw(pair.left, 0, packet, size);
	}
	world_run(pair.world, CLOCK_SECOND);
	assert_int_equal(read_stream(pair.right), 2 * SEGMENTS * SEGMENT);
	pair_free(&pair);
}

/* Many packets of all sizes at once, both ways, over several shards. */
static void test_shards(void **state) {
	for (uint16_t shards = 1; shards <= 4; shards++) {
		const struct node_options options = {.shards = shards, .join_datagrams = true};
		struct pair pair = pair_with_session(60 + shards, &options);
		struct node *others[4];
		for (size_t i = 0; i < 4; i++) {
			others[i] = world_add_node(pair.world, NULL);
			world_connect(pair.left, others[i], NULL);
			node_link(others[i], true);
		}
		for (uint32_t number = 100; number < 160; number++)
			for (size_t i = 0; i < 4; i++) {
				world_packet(pair.left, others[i], number);
				world_packet(others[i], pair.left, number);
			}
		world_run(pair.world, 10 * CLOCK_SECOND);
		for (size_t i = 0; i < 4; i++) {
			assert_int_equal(node_arrived_from(others[i], pair.left), 60);
			assert_int_equal(node_arrived_from(pair.left, others[i]), 60);
		}
		pair_free(&pair);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_source_not_allowed),
		cmocka_unit_test(test_longest_prefix),
		cmocka_unit_test(test_no_route),
		cmocka_unit_test(test_super_packets),
		cmocka_unit_test(test_staged_super_packet),
		cmocka_unit_test(test_shards),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
