#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "host/firewall.h"

/*
 * The kill switch's rules: a table of their own ("inet umbra_kill"), replaced as a whole in one
 * transaction. Its chains come late at the hooks output, forward and postrouting, for v4 and v6:
 * what is not named here does not leave this host, whatever the routes say, flows of before
 * included.
 *
 *   passes     loopback; tunnels' interfaces; DHCP and DHCPv6 of a client; neighbour discovery and
 *              MLD of this host; what is marked to the endpoints; marked questions to resolvers
 *   on demand  the LAN: private and link-local networks, and multicast and broadcast that stay on
 *              the link; prefixes; packets with a mark
 *   forwarded  into a tunnel and out of one, and what is on demand; nothing else
 *
 * host/block.h has the routes that hold while this table is flushed.
 */

struct kill_switch_endpoint {
	uint32_t mark; /* of what is sent there, not 0 */
	bool streams;  /* TCP, otherwise UDP */
	struct endpoint endpoint;
};

struct kill_switch_request {
	const char *const *interfaces; /* tunnels */
	size_t interface_count;
	const struct kill_switch_endpoint *endpoints; /* each once */
	size_t endpoint_count;
	uint32_t resolver_mark;
	const struct address *resolvers;
	size_t resolver_count;
	bool allow_lan;
	const struct prefix *inside; /* parts of the LAN's ranges that belong to tunnels all the same */
	size_t inside_count;
	const struct prefix *allowed;
	size_t allowed_count;
	uint32_t outside_mark; /* 0: none */
	/* What ARP asks gets it, for strict rp_filter's sake: one that leads to main. 0: not done, as
	 * for a kernel without nftables' family arp. */
	uint32_t neighbour_mark;
};

#define KILL_SWITCH_TABLE "umbra_kill"

/*
 * The name of a set that says what the table was made from: "is_" and a hash. Who finds it in a
 * transaction knows that the table is as it should be.
 */
enum { KILL_SWITCH_SEAL_SIZE = 20 };

/*
 * What the LAN is, IPv4 first; a host's private and link-local networks, and the groups that stay
 * on the link or the site.
 */
extern const struct prefix kill_switch_lan[];
extern const size_t kill_switch_lan_count;

/*
 * The rules as nft's JSON. *out_text is the caller's (free). ERR_INVALID for names that
 * nft_text_is_name() refuses and prefixes of length 0; ERR_LIMIT, ERR_NO_MEMORY.
 */
enum err kill_switch_format(const struct kill_switch_request *request,
							char out_seal[static KILL_SWITCH_SEAL_SIZE], char **out_text,
							size_t *out_size);

/* Replaces the table. On failure it is as before. ERR_NOT_FOUND: there is no nft program. */
enum err kill_switch_apply(const struct kill_switch_request *request,
						   char out_seal[static KILL_SWITCH_SEAL_SIZE],
						   char out_problem[static FIREWALL_PROBLEM_SIZE]);
/* Works without nft. *out_existed: there was one. */
enum err kill_switch_remove(bool *out_existed, char out_problem[static FIREWALL_PROBLEM_SIZE]);
