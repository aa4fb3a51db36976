#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "sim/network.h"
#include "sim/node.h"
#include "sim/tap.h"

/*
 * Nodes on one virtual network and clock. All of a world's randomness comes from its seed, which is
 * printed when it is made: the same seed runs the same way.
 */

enum { WORLD_NODES_MAX = 8 };

#define WORLD_START (1000 * CLOCK_SECOND)
#define WORLD_WALL_START (UINT64_C(1700000000) * CLOCK_SECOND)

struct world {
	uint64_t seed;
	struct sim_network *network;
	struct tap tap;
	struct node *nodes[WORLD_NODES_MAX];
	size_t node_count;
};

/* The seed of the environment variable UMBRA_SIM_SEED, or the given one without. */
uint64_t world_seed(uint64_t otherwise);

struct world *world_new(uint64_t seed);
/* Frees the nodes too. */
void world_free(struct world *world);

/* Nodes count from 1. options NULL: one shard, nothing joined. */
struct node *world_add_node(struct world *world, const struct node_options *options);
/* Two nodes know each other; more_lines (NULL: none) go to both configurations of the peer. */
void world_connect(struct node *left, struct node *right, const char *more_lines);

uint64_t world_now(const struct world *world);
/* Lets time pass until then. */
void world_run_until(struct world *world, uint64_t time);
void world_run(struct world *world, uint64_t duration);
/* As world_run(), but stops early once the condition holds; returns whether it does. */
bool world_run_while(struct world *world, uint64_t duration, bool (*is_done)(void *context),
					 void *context);

/* An ordinary packet into the tunnel, from one node to another. */
void world_packet(struct node *from, const struct node *to, uint32_t number);
/* The same, and lets the time pass; whether the packet came out within it exactly once. */
bool world_packet_arrives(struct node *from, const struct node *to, uint32_t number,
						  uint64_t within);

/* Sends a datagram past the tap and into the network, from any address. */
void world_send(struct world *world, const struct endpoint *from, const struct endpoint *to,
				struct slice datagram);
/* All nodes' links lose, double, delay. */
void world_set_link(struct world *world, const struct sim_link *link);
