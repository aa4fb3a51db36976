#pragma once

#include "sim/world.h"

/* Two nodes that know each other, both up, a few milliseconds apart: where most tests begin. */

#define PAIR_DELAY (10 * CLOCK_MILLISECOND)

struct pair {
	struct world *world;
	struct node *left, *right;
	struct wireguard_peer *left_peer; /* what left has of right */
	struct wireguard_peer *right_peer;
};

static inline void pair_refresh(struct pair *pair) {
	pair->left_peer = node_peer(pair->left, pair->right);
	pair->right_peer = node_peer(pair->right, pair->left);
}

/* more_lines of both configurations and options of both nodes may be NULL. */
static inline struct pair pair_new_with(uint64_t seed, const char *more_lines,
										const struct node_options *options) {
	struct pair pair = {.world = world_new(world_seed(seed))};
	pair.left = world_add_node(pair.world, options);
	pair.right = world_add_node(pair.world, options);
	const struct sim_link link = {.delay = PAIR_DELAY};
	world_set_link(pair.world, &link);
	world_connect(pair.left, pair.right, more_lines);
	node_link(pair.left, true);
	node_link(pair.right, true);
	pair_refresh(&pair);
	world_run(pair.world, 0);
	return pair;
}

static inline struct pair pair_new(uint64_t seed, const char *more_lines) {
	return pair_new_with(seed, more_lines, NULL);
}

static inline void pair_free(struct pair *pair) {
	world_free(pair->world);
	*pair = (struct pair){.world = NULL};
}
