#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/block.h"
#include "host/kill_switch.h"

/* What the tunnels of a node mean for the kill switch's rules and routes. */

struct node;

enum {
	NODE_KILL_INSIDE_MAX = 256, /* prefixes of tunnels inside the LAN's ranges */
	NODE_KILL_LOCAL_MAX = 256,  /* networks of other tunnels */
};

struct node_kill_request {
	struct kill_switch_request rules;
	struct block_request routes; /* without tunnels: nothing is to be blocked */
	/* Owned, and led to by the above: */
	const char **interfaces;
	struct kill_switch_endpoint *endpoints;
	size_t endpoint_room;
	struct block_tunnel *tunnels;
	uint32_t *marks;
	struct prefix *inside, *local;
	struct block_prefix *block_inside, *excluded;
	struct prefix *allowed;
};

/* ERR_NO_MEMORY. To be given to node_kill_request_done() in any case. */
enum err node_kill_request_make(const struct node *node, struct node_kill_request *out_request);
void node_kill_request_done(struct node_kill_request *request);

/* Whether the tunnel is one of those that block. */
struct node_tunnel;
bool node_kill_request_wants(const struct node *node, const struct node_tunnel *tunnel);
