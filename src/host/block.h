#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/*
 * The kill switch's routing: rules before those of network_goal.h that send what has no mark of
 * ours into a tunnel's table, whether or not its interface exists; there an "unreachable" default
 * route of each family stands behind the tunnel's own. So nothing leaves past the tunnel by a route
 * of the main table, however specific that is, and no firewall is needed for it.
 *
 * Behind the rules of split_rules.h, whose marks lead elsewhere:
 *
 *   PASS    fwmark MARK goto 32766: tunnels' own datagrams, and what is marked to go outside
 *   DHCP    udp sport 68 dport 67 lookup main (v6: 546, 547): a lease is renewed
 *   INSIDE  to PREFIX lookup TABLE: parts of LOCAL that belong to the tunnel all the same
 *   LOCAL   to PREFIX lookup main suppress_prefixlength 0: by choice, and where main has a route
 *           that is no default one; a group needs none
 *   BACK    iif TUNNEL lookup main suppress_prefixlength 0: what comes out of a tunnel reaches the
 *           networks behind this host
 *   ALL     lookup TABLE
 *
 * Prefixes that are excluded are "throw" routes in the table: the lookup goes on behind all of
 * this.
 *
 * All of it carries a protocol number of its own. It stays when the process ends, and what an
 * earlier one left is recognized and changed to what is wanted: first all that is new, then what is
 * old away. Acts in the network namespace of the caller.
 */

enum {
	BLOCK_PROTOCOL = 118, /* RTPROT_ and FRA_PROTOCOL; network_clean() leaves it alone */
	BLOCK_PRIORITY_PASS = 32693,
	BLOCK_PRIORITY_DHCP = 32694,
	BLOCK_PRIORITY_INSIDE = 32695,
	BLOCK_PRIORITY_LOCAL = 32696,
	BLOCK_PRIORITY_BACK = 32697,
	BLOCK_PRIORITY_ALL = 32698,
	BLOCK_PROBLEM_SIZE = 160,
	BLOCK_NAME_SIZE = 16,
};

struct block_tunnel {
	uint32_t table; /* of network_plan's default_table */
	uint32_t mark;  /* of its own datagrams */
};

struct block_prefix {
	struct prefix prefix;
	uint32_t table;
};

struct block_request {
	const struct block_tunnel *tunnels; /* the first one has all; none: nothing is blocked */
	size_t tunnel_count;
	const char *const *interfaces; /* of tunnels, these and others */
	size_t interface_count;
	const uint32_t *marks; /* of what goes outside besides */
	size_t mark_count;
	const struct block_prefix *inside;
	size_t inside_count;
	const struct prefix *local;
	size_t local_count;
	const struct block_prefix *excluded; /* no default routes */
	size_t excluded_count;
};

/* Makes the kernel's rules and routes those of the request. On failure more may be in place. */
enum err block_apply(const struct block_request *request,
					 char out_problem[static BLOCK_PROBLEM_SIZE]);

/* Takes all of it away, whoever made it. */
enum err block_remove(void);

/* Whether there is any. */
enum err block_exists(bool *out_exists);
