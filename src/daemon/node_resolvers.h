#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/dns.h"

/*
 * Which name servers are asked for endpoints: node.resolvers, or where it is absent this host's
 * own, which change while umbrad runs. The kill switch and the control process follow them.
 */

struct node;

struct node_resolvers {
	uint64_t look_at;    /* CLOCK_NEVER; 0 at first */
	unsigned looks;      /* since the network changed */
	unsigned generation; /* of node_dns, when last looked */
	struct endpoint told[DNS_OWN_SERVERS_MAX];
	size_t told_count;
};

/* The control process learns what to ask, in any case. */
void node_resolvers_tell(struct node *node);

/* The network changed: its name servers often follow some time later. */
void node_resolvers_changed(struct node *node, unsigned changes);

/* Behind node_dns_run(); returns when to be called again. */
uint64_t node_resolvers_run(struct node *node, uint64_t now);
