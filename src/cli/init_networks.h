#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "cli/output.h"

/* The networks of a new server, and what of them its first client gets. */

struct text_buffer;

enum { INIT_NETWORKS_FAMILIES = 2, INIT_NETWORKS_DNS_MAX = 8 };

struct init_networks {
	bool masquerade;                                 /* set before: clients send everything */
	struct prefix server[INIT_NETWORKS_FAMILIES];    /* addresses with their networks' lengths */
	struct prefix of_client[INIT_NETWORKS_FAMILIES]; /* addresses with whole lengths */
	/* What the client sends into the tunnel: everything, or the tunnel's networks. */
	struct prefix allowed_ips[INIT_NETWORKS_FAMILIES];
	size_t families;
	struct address dns[INIT_NETWORKS_DNS_MAX];
	size_t dns_count;
};

/*
 * Of the options' texts, networks and addresses with commas; NULL: 10.66.0.0/24 and a random one of
 * IPv6, and no name servers. Each gives an exit code, after a message that begins with the command.
 */
[[nodiscard]] int init_networks_take(const struct streams *streams, const char *command,
									 const char *text, struct init_networks *networks);
[[nodiscard]] int init_networks_take_dns(const struct streams *streams, const char *command,
										 const char *text, struct init_networks *networks);

/* A list of YAML, "[a, b]", and the line's end. */
void init_networks_add_prefixes(struct text_buffer *text, const struct prefix *items, size_t count);
void init_networks_add_addresses(struct text_buffer *text, const struct address *items,
								 size_t count);
