#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/network.h"

/*
 * Where marked packets go, whatever the tunnels' own rules (host/network_goal.h) say of the rest.
 * In each family:
 *
 *   INSIDE   fwmark MARK lookup TABLE       of one tunnel, with a default route into it
 *   REFUSE   fwmark MARK unreachable        where the table has nothing: never elsewhere
 *   OUTSIDE  fwmark MARK goto 32766         past the default routes of all tunnels
 *
 * All carry a routing protocol number of their own, so that neither this nor host/network.h takes
 * the other's for its own.
 */

enum {
	SPLIT_RULES_PROTOCOL = 119, /* 117 and 118: network.h and the kill switch */
	SPLIT_RULES_INSIDE = 32690, /* priorities, before all of network_goal.h */
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

struct split_rules_request {
	struct split_rules_inside inside[SPLIT_RULES_TUNNELS_MAX];
	size_t inside_count;
	uint32_t outside; /* 0: nothing goes past the tunnels */
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
