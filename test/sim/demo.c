/*
 * umbra_sim_demo [SEED]: two nodes on a virtual network that loses a fifth of all datagrams,
 * without root, sockets or waiting. Prints what happens, with the virtual time in front.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/world.h"
#include "wire/wireguard.h"

enum { LOSS_PERCENT = 20, EXCHANGES = 40 };

static void tell(const struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void tell(const struct world *world, const char *format, ...) {
	printf("%9.3f s  ", (double)(world_now(world) - WORLD_START) / (double)CLOCK_SECOND);
	va_list arguments;
	va_start(arguments, format);
	(void)vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

/* Tells of every handshake message and empty packet on the wire. */
static bool watch(void *context, const struct endpoint *from, const struct endpoint *to,
				  struct slice datagram) {
	static const char *const names[] = {"", "initiation", "response", "cookie reply", "keepalive"};
	const struct world *world = context;
	char left[ENDPOINT_TEXT_SIZE], right[ENDPOINT_TEXT_SIZE];
	endpoint_format(from, left);
	endpoint_format(to, right);
	uint8_t type = datagram.data[0];
	if (type < WIREGUARD_DATA ||
		(type == WIREGUARD_DATA && datagram.size == WIREGUARD_DATA_OVERHEAD))
		tell(world, "%s -> %s  %s, %zu bytes", left, right, names[type], datagram.size);
	return true;
}

/* One packet there and one back each few seconds; returns how many came through. */
static size_t talk(struct node *left, struct node *right, uint32_t first, uint64_t pause) {
	for (uint32_t number = first; number < first + EXCHANGES; number++) {
		world_packet(left, right, number);
		world_packet(right, left, number);
		world_run(left->world, pause);
	}
	size_t count = node_arrived_from(left, right) + node_arrived_from(right, left);
	node_forget_arrivals(left);
	node_forget_arrivals(right);
	return count;
}

static void tell_status(const struct node *node, const struct node *peer) {
	char sent[32], received[32], endpoint[ENDPOINT_TEXT_SIZE];
	node_get_value(node, peer, "tx_bytes", sent, sizeof sent);
	node_get_value(node, peer, "rx_bytes", received, sizeof received);
	node_get_value(node, peer, "endpoint", endpoint, sizeof endpoint);
	tell(node->world, "node %u: peer at %s, %s bytes sent, %s received", node->number, endpoint,
		 sent, received);
}

int main(int count, char **arguments) {
	uint64_t seed = count > 1 ? strtoull(arguments[1], NULL, 0) : world_seed(1);
	struct world *world = world_new(seed);
	struct node *left = world_add_node(world, NULL), *right = world_add_node(world, NULL);
	const struct sim_link link = {
		.loss_percent = LOSS_PERCENT,
		.delay = 20 * CLOCK_MILLISECOND,
		.jitter = 10 * CLOCK_MILLISECOND,
	};
	world_set_link(world, &link);
	world->tap.pass = watch;
	world->tap.context = world;
	world_connect(left, right, NULL);
	node_link(left, true);
	node_link(right, true);

	tell(world, "two nodes are up; %d %% of all datagrams get lost", LOSS_PERCENT);
	size_t arrived = talk(left, right, 0, 4 * CLOCK_SECOND);
	tell(world, "%zu of %d packets came through", arrived, 2 * EXCHANGES);
	tell_status(left, right);

	tell(world, "node 1 moves to another address");
	left->v4.bytes[3] = 101;
	arrived = talk(left, right, 1000, CLOCK_SECOND);
	tell(world, "%zu of %d packets came through", arrived, 2 * EXCHANGES);
	tell_status(right, left);

	tell(world, "node 2's process dies and is restarted");
	node_restart(right);
	arrived = talk(left, right, 2000, CLOCK_SECOND);
	tell(world, "%zu of %d packets came through", arrived, 2 * EXCHANGES);

	tell(world, "both are silent for ten minutes: keys are wiped");
	world_run(world, 600 * CLOCK_SECOND);
	arrived = talk(left, right, 3000, CLOCK_SECOND);
	tell(world, "%zu of %d packets came through", arrived, 2 * EXCHANGES);
	const struct sim_counters *counters = sim_counters(world->network);
	tell(world, "the network carried %llu datagrams and lost %llu of them",
		 (unsigned long long)counters->sent, (unsigned long long)counters->lost);
	world_free(world);
	return arrived > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
