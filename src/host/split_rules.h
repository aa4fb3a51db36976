#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "host/network.h"

/*
 * Where marked packets go, whatever the tunnels' own rules (host/network_goal.h) say of the rest.
 * In each family:
 *
 *   SERVERS  fwmark MARK to SERVER ipproto udp dport 53 lookup TABLE
 *                                           also tcp, and 853: what goes past the tunnels asks a
 *                                           tunnel's name servers through it all the same
 *   INSIDE   fwmark MARK lookup TABLE       of one tunnel, with a default route into it
 *   REFUSE   fwmark MARK unreachable        where the table has nothing: never elsewhere
 *   OUTSIDE  fwmark MARK goto 32766         past the default routes of all tunnels
 *
 * All carry a routing protocol number of their own, so that neither this nor host/network.h takes
 * the other's for its own.
 */

enum {
	SPLIT_RULES_PROTOCOL = 119,  /* 117 and 118: network.h and the kill switch */
	SPLIT_RULES_SERVERS = 32689, /* priorities, before all of network_goal.h */
	SPLIT_RULES_INSIDE = 32690,
	SPLIT_RULES_REFUSE = 32691,
	SPLIT_RULES_OUTSIDE = 32692,
	SPLIT_RULES_TUNNELS_MAX = 64,
};

struct split_rules_inside {
	const char
		*name; /* of the interface, which exists; NULL: what is marked is refused meanwhile */
	uint32_t mark;
	uint32_t table;    /* of this tunnel alone; a default route of somebody else in it will do */
	bool no_v4, no_v6; /* the tunnel has no address of the family: it is refused */
};

/*
 * Where the table has no route, and throws none, the question goes past the tunnels like all else
 * of who asks it.
 */
struct split_rules_server {
	struct address address;
	uint32_t table; /* of the tunnel's routes */
};

struct split_rules_request {
	struct split_rules_inside inside[SPLIT_RULES_TUNNELS_MAX];
	size_t inside_count;
	uint32_t outside; /* 0: nothing goes past the tunnels */
	const struct split_rules_server
		*servers; /* each address once; without outside they need none */
	size_t server_count;
};

/*
 * Makes what is missing and removes what the request no longer has; quick when all is as it was.
 * Of a family that a tunnel no longer has addresses of, the route goes.
 * Replies from a tunnel come from sources that the unmarked routes do not lead to: its rp_filter
 * becomes 2 (loose). It goes with the interface.
 */
enum err split_rules_apply(const struct split_rules_request *request,
						   char out_problem[static NETWORK_PROBLEM_SIZE]);

/* What an earlier process left. */
enum err split_rules_clean(void);
