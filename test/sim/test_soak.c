#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/x25519.h"
#include "sim/stranger.h"
#include "sim/world.h"
#include "wire/wireguard.h"

/*
 * Whatever happens, in whatever order: no packet comes out twice or harmed, and when all is
 * repaired traffic flows again.
 */

enum { NODES = 4, ACTIONS = 1500, RUNS = 12, NUMBERS_MAX = 1 << 16 };

struct soak {
	struct world *world;
	struct node *nodes[NODES];
	uint32_t next_number;
	uint8_t arrived[NUMBERS_MAX]; /* how often each number did */
	uint8_t sender[NUMBERS_MAX], receiver[NUMBERS_MAX];
	size_t delivered;
};

static uint32_t draw(const struct soak *soak, uint32_t below) {
	return random_u32(sim_random(soak->world->network)) % below;
}

static struct node *any_node(const struct soak *soak) {
	return soak->nodes[draw(soak, NODES)];
}

static struct node *other_node(const struct soak *soak, const struct node *node) {
	struct node *other = any_node(soak);
	while (other == node)
		other = any_node(soak);
	return other;
}

/* What came out since the last time. */
static void check_arrivals(struct soak *soak) {
	for (size_t i = 0; i < NODES; i++) {
		struct node *node = soak->nodes[i];
		for (size_t j = 0; j < node->arrival_count; j++) {
			const struct arrival *arrival = &node->arrivals[j];
			assert_true(arrival->is_known);
			uint32_t number = arrival->inner.number;
			assert_true(number < soak->next_number);
			assert_int_equal(soak->arrived[number], 0);
			assert_int_equal(soak->sender[number], arrival->inner.from);
			assert_int_equal(soak->receiver[number], arrival->inner.to);
			soak->arrived[number] = 1;
			soak->delivered++;
		}
		node_forget_arrivals(node);
	}
}

static uint32_t send_one(struct soak *soak, struct node *from, const struct node *to) {
	assert_true(soak->next_number < NUMBERS_MAX);
	uint32_t number = soak->next_number++;
	soak->sender[number] = from->number;
	soak->receiver[number] = to->number;
	const struct inner inner = {
		.v6 = draw(soak, 2),
		.from = from->number,
		.to = to->number,
		.number = number,
		.size = INNER_HEADERS_V6 + INNER_PAYLOAD_MIN + draw(soak, 1300),
	};
	node_inject(from, &inner);
	return number;
}

static void act_on_traffic(struct soak *soak) {
	struct node *from = any_node(soak);
	const struct node *to = other_node(soak, from);
	for (uint32_t count = 1 + draw(soak, 20); count > 0; count--)
		send_one(soak, from, to);
}

static void act_on_network(struct soak *soak) {
	const struct sim_link link = {
		.loss_percent = draw(soak, 3) ? draw(soak, 40) : 0,
		.duplicate_percent = draw(soak, 40),
		.delay = draw(soak, 200) * CLOCK_MILLISECOND,
		.jitter = draw(soak, 200) * CLOCK_MILLISECOND,
		.reorder_percent = draw(soak, 20),
		.reorder_delay = draw(soak, 3000) * CLOCK_MILLISECOND,
	};
	world_set_link(soak->world, &link);
}

static void act_on_peer(struct soak *soak) {
	struct node *node = any_node(soak), *other = other_node(soak, node);
	const char *key = node_hex(other->public_key);
	uint8_t secret[X25519_KEY_SIZE] = {(uint8_t)draw(soak, 3)};
	switch (draw(soak, 8)) {
	case 0:
		assert_int_equal(node_set(node, "public_key=%s\nremove=true\n", key), 0);
		break;
	case 1:
		assert_int_equal(node_set(node, "public_key=%s\npreshared_key=%s\n", key, node_hex(secret)),
						 0);
		break;
	case 2:
		assert_int_equal(node_set(node, "public_key=%s\npersistent_keepalive_interval=%u\n", key,
								  draw(soak, 2) * (1 + draw(soak, 60))),
						 0);
		break;
	case 3:
		assert_int_equal(
			node_set(node, "public_key=%s\nallowed_ip=10.0.0.%u/32\n", key, 1 + draw(soak, NODES)),
			0);
		break;
	case 4:
		assert_int_equal(node_set(node, "public_key=%s\nreplace_allowed_ips=true\n", key), 0);
		break;
	case 5:
		assert_int_equal(node_set(node, "replace_peers=true\n"), 0);
		break;
	case 6:
		assert_int_equal(node_set(node, "public_key=%s\nupdate_only=true\nendpoint=%s\n", key,
								  draw(soak, 2) ? "192.0.2.2:51820" : "[2001:db8::3]:51820"),
						 0);
		break;
	default:
		node_add_peer(node, other, NULL);
	}
}

static void act_on_node(struct soak *soak) {
	struct node *node = any_node(soak);
	switch (draw(soak, 8)) {
	case 0:
		node_link(node, draw(soak, 4) > 0);
		break;
	case 1:
		node_restart(node);
		break;
	case 2:
		node->clock_offset += (uint64_t)draw(soak, 1000) * CLOCK_SECOND;
		break;
	case 3:
		node->wall_offset += ((uint64_t)draw(soak, 20000) - 10000) * CLOCK_SECOND;
		break;
	case 4:
		(void)node_set(node, "listen_port=%u\n", draw(soak, 2) ? NODE_PORT : 1 + draw(soak, 60000));
		break;
	case 5:
		node->v4.bytes[2] = (uint8_t)(2 + draw(soak, 2)); /* it moves, or comes back */
		break;
	case 6:
		x25519_generate(sim_random(soak->world->network), node->private_key);
		assert_int_equal(x25519_public(node->private_key, node->public_key), ERR_OK);
		assert_int_equal(node_set(node, "private_key=%s\n", node_hex(node->private_key)), 0);
		break;
	default:
		node->listen_error = draw(soak, 3) ? 0 : 98;
	}
}

/* Something that was sent before comes again, or a part of it, or something like it. */
static void act_as_stranger(struct soak *soak) {
	const struct tap *tap = &soak->world->tap;
	struct node *target = any_node(soak);
	if (draw(soak, 4) == 0) {
		stranger_flood(soak->world, target, draw(soak, 400), true,
					   draw(soak, 2) ? ADDRESS_V4 : ADDRESS_V6);
		return;
	}
	for (size_t i = 0; i < 20 && tap->count > 0; i++) {
		const struct tap_record *record = tap->records[draw(soak, (uint32_t)tap->count)];
		uint8_t data[2048];
		size_t size = record->size < sizeof data ? record->size : sizeof data;
		memcpy(data, record->data, size);
		if (draw(soak, 2))
			data[draw(soak, (uint32_t)size)] ^= (uint8_t)(1 << draw(soak, 8));
		if (draw(soak, 4) == 0)
			size = draw(soak, (uint32_t)size + 1);
		assert_int_equal(
			sim_send(soak->world->network, &record->from, &record->to, slice_of(data, size)),
			ERR_OK);
	}
}

static void act(struct soak *soak) {
	uint32_t chance = draw(soak, 100);
	if (chance < 60)
		act_on_traffic(soak);
	else if (chance < 75)
		act_on_peer(soak);
	else if (chance < 85)
		act_on_node(soak);
	else if (chance < 95)
		act_as_stranger(soak);
	else
		act_on_network(soak);
	/* Mostly little time passes, now and then so much that timers and keys run out. */
	uint64_t longest = draw(soak, 20) ? 300 * CLOCK_MILLISECOND : 200 * CLOCK_SECOND;
	world_run(soak->world, (uint64_t)draw(soak, 1000) * longest / 1000);
	check_arrivals(soak);
	if (soak->world->tap.count > 5000)
		tap_clear(&soak->world->tap);
}

/* Everybody knows everybody and all is up; what is under way comes to its end. */
static void repair(struct soak *soak) {
	const struct sim_link link = {.delay = 10 * CLOCK_MILLISECOND};
	world_set_link(soak->world, &link);
	for (size_t i = 0; i < NODES; i++) {
		struct node *node = soak->nodes[i];
		node->listen_error = 0;
		assert_int_equal(node_set(node, "replace_peers=true\nlisten_port=%d\n", NODE_PORT), 0);
	}
	for (size_t i = 0; i < NODES; i++)
		for (size_t j = 0; j < i; j++)
			world_connect(soak->nodes[i], soak->nodes[j], NULL);
	for (size_t i = 0; i < NODES; i++) {
		node_link(soak->nodes[i], false);
		node_link(soak->nodes[i], true);
	}
	world_run(soak->world, 30 * CLOCK_SECOND);
	check_arrivals(soak);
}

static void assert_all_flows(struct soak *soak) {
	for (size_t i = 0; i < NODES; i++)
		for (size_t j = 0; j < NODES; j++) {
			if (i == j)
				continue;
			uint32_t number = send_one(soak, soak->nodes[i], soak->nodes[j]);
			world_run(soak->world, CLOCK_SECOND);
			check_arrivals(soak);
			assert_int_equal(soak->arrived[number], 1);
		}
}

static void run_soak(uint64_t seed) {
	struct soak *soak = calloc(1, sizeof *soak);
	assert_non_null(soak);
	soak->world = world_new(world_seed(seed));
	soak->world->tap.recording = true;
	for (size_t i = 0; i < NODES; i++) {
		const struct node_options options = {
			.shards = (uint16_t)(1 + draw(soak, 4)),
			.join_datagrams = draw(soak, 2),
			.missteer = draw(soak, 4) == 0,
		};
		soak->nodes[i] = world_add_node(soak->world, &options);
	}
	repair(soak);
	assert_all_flows(soak);
	size_t before = soak->delivered;
	for (size_t i = 0; i < ACTIONS; i++)
		act(soak);
	/* It was not all in vain. */
	assert_true(soak->delivered - before > 50);
	repair(soak);
	assert_all_flows(soak);
	/* And for long enough that every session is renewed. */
	for (size_t i = 0; i < 20; i++) {
		assert_all_flows(soak);
		world_run(soak->world, 5 * CLOCK_SECOND);
	}
	world_free(soak->world);
	free(soak);
}

static void test_soak(void **state) {
	for (uint64_t seed = 1; seed <= RUNS; seed++)
		run_soak(seed);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_soak),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
