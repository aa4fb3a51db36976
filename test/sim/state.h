#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sim/node.h"

/*
 * All that a node keeps of a peer, byte by byte, to see that something changed nothing: keys,
 * counters, windows, timers, endpoint, statistics; and how much was sent and delivered.
 */

struct state {
	struct wireguard_peer peer;
	struct wireguard_session sessions[3]; /* previous, current, next; zeros where there is none */
	size_t indices, arrivals;
	uint64_t sent; /* datagrams of all nodes */
};

void state_take(const struct node *node, const struct wireguard_peer *peer,
				struct state *out_state);
bool state_equal(const struct state *left, const struct state *right);

/* A datagram comes in from somewhere; no time passes. */
void state_offer(struct node *node, const struct endpoint *from, const uint8_t *data, size_t size);
