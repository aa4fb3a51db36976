#pragma once

#include "base/error.h"
#include "daemon/node_core.h"

/* What a tunnel changes of the host: its part of the firewall, addresses, routes and rules. */

enum { NODE_NETWORK_PROBLEM_SIZE = 320 };

/* Takes away what an earlier run left behind. Problems are logged: they are no reason to stop. */
void node_network_clean(struct node *node);

/* For a tunnel that has its interface. On failure nothing of it is left. */
enum err node_network_up(struct node *node, struct node_tunnel *tunnel,
						 char out_problem[static NODE_NETWORK_PROBLEM_SIZE]);
/* To tunnel->config and tunnel->more as they are now; not the firewall. */
enum err node_network_change(const struct node *node, struct node_tunnel *tunnel,
							 char out_problem[static NODE_NETWORK_PROBLEM_SIZE]);
/* The firewall of all tunnels that are up, by the configuration of now. */
enum err node_network_reload(struct node *node, char out_problem[static NODE_NETWORK_PROBLEM_SIZE]);
/* Another program took the firewall's table away. */
void node_network_restore(struct node *node);
/* Also for a tunnel that is not up. */
void node_network_down(struct node *node, struct node_tunnel *tunnel);
/* Of all tunnels. */
void node_network_clear(struct node *node);
