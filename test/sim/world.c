#include "sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 100000 }; /* at one instant: more mean that something spins */

uint64_t world_seed(uint64_t otherwise) {
	const char *text = getenv("UMBRA_SIM_SEED");
	return text ? strtoull(text, NULL, 0) : otherwise;
}

struct world *world_new(uint64_t seed) {
	struct world *world = calloc(1, sizeof *world);
	if (!world || sim_network_new(seed, WORLD_START, &world->network) != ERR_OK)
		abort();
	world->seed = seed;
	printf("[ UMBRA_SIM_SEED=%llu ]\n", (unsigned long long)seed);
	return world;
}

void world_free(struct world *world) {
	if (!world)
		return;
	for (size_t i = 0; i < world->node_count; i++)
		node_free(world->nodes[i]);
	sim_network_free(world->network);
	tap_done(&world->tap);
	free(world);
}

struct node *world_add_node(struct world *world, const struct node_options *options) {
	if (world->node_count == WORLD_NODES_MAX)
		abort();
	struct node *node = node_new(world, (uint8_t)(world->node_count + 1), options);
	world->nodes[world->node_count++] = node;
	return node;
}

void world_connect(struct node *left, struct node *right, const char *more_lines) {
	node_add_peer(left, right, more_lines);
	node_add_peer(right, left, more_lines);
}

uint64_t world_now(const struct world *world) {
	return sim_now(world->network);
}

static void receive(void *context, const struct endpoint *from, const struct endpoint *to,
					uint8_t *data, size_t size) {
	struct world *world = context;
	for (size_t i = 0; i < world->node_count; i++) {
		struct node *node = world->nodes[i];
		const struct address *own = to->address.family == ADDRESS_V6 ? &node->v6 : &node->v4;
		if (address_equal(own, &to->address))
			(void)node_receive(node, from, to, data, size);
	}
}

static uint64_t next_event(const struct world *world) {
	uint64_t next = sim_next(world->network);
	for (size_t i = 0; i < world->node_count; i++) {
		uint64_t at = node_next(world->nodes[i]);
		if (at < next)
			next = at;
	}
	return next;
}

/* Everybody who has something to do does it; false when nobody had. */
static bool step(struct world *world) {
	bool any = false;
	for (size_t i = 0; i < world->node_count; i++) {
		struct node *node = world->nodes[i];
		if (!node->dirty && node_next(node) > world_now(world))
			continue;
		any = true;
		node_step(node);
	}
	return any;
}

bool world_run_while(struct world *world, uint64_t duration, bool (*is_done)(void *context),
					 void *context) {
	const struct sim_receiver receiver = {.receive = receive, .context = world};
	uint64_t end = world_now(world) + duration, last = 0;
	unsigned steps = 0;
	for (;;) {
		sim_deliver(world->network, world_now(world), &receiver);
		bool any = step(world);
		if (is_done && is_done(context))
			return true;
		steps = world_now(world) == last ? steps + 1 : 0;
		last = world_now(world);
		if (steps > STEPS_MAX) {
			fprintf(stderr, "the world stands still at %llu\n", (unsigned long long)last);
			abort();
		}
		if (any)
			continue;
		uint64_t next = next_event(world);
		if (next > end)
			break;
		sim_deliver(world->network, next, &receiver);
	}
	sim_deliver(world->network, end, &receiver);
	return is_done && is_done(context);
}

void world_run_until(struct world *world, uint64_t time) {
	uint64_t now = world_now(world);
	(void)world_run_while(world, time > now ? time - now : 0, NULL, NULL);
}

void world_run(struct world *world, uint64_t duration) {
	(void)world_run_while(world, duration, NULL, NULL);
}

void world_packet(struct node *from, const struct node *to, uint32_t number) {
	const struct inner inner = {
		.from = from->number,
		.to = to->number,
		.number = number,
		.size = INNER_SIZE,
	};
	node_inject(from, &inner);
}

struct waiting_for {
	struct node *from;
	const struct node *to;
	uint32_t number;
	size_t before; /* how often such a packet had arrived */
};

static bool has_arrived(void *context) {
	const struct waiting_for *waiting = context;
	return node_arrived(waiting->to, waiting->from, waiting->number) > waiting->before;
}

bool world_packet_arrives(struct node *from, const struct node *to, uint32_t number,
						  uint64_t within) {
	struct waiting_for waiting = {.from = from, .to = to, .number = number};
	waiting.before = node_arrived(to, from, number);
	world_packet(from, to, number);
	(void)world_run_while(from->world, within, has_arrived, &waiting);
	return node_arrived(to, from, number) == waiting.before + 1;
}

void world_send(struct world *world, const struct endpoint *from, const struct endpoint *to,
				struct slice datagram) {
	if (tap_take(&world->tap, world_now(world), from, to, datagram) &&
		sim_send(world->network, from, to, datagram) != ERR_OK)
		abort();
}

void world_set_link(struct world *world, const struct sim_link *link) {
	sim_set_default_link(world->network, link);
}
