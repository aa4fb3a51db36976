#pragma once

#include <stddef.h>

#include "base/address.h"
#include "base/error.h"
#include "tunnel/plan_pushed.h"

/*
 * What no server is to have of this host, for one of its tunnels: networks of all other interfaces,
 * and networks and endpoints of all other tunnels. A tunnel that is down counts where it comes up
 * with the daemon.
 */

struct node;
struct node_tunnel;

struct node_pushed_host {
	struct plan_pushed_host host; /* points into what is below */
	struct prefix *networks;
	struct address *endpoints;
};

/* ERR_NO_DEVICE: the tunnel has no interface; ERR_NO_MEMORY; errors of network_others(). */
enum err node_pushed_host_new(const struct node *node, const struct node_tunnel *tunnel,
							  struct node_pushed_host *out_host);
void node_pushed_host_done(struct node_pushed_host *host);
