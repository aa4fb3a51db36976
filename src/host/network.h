#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/*
 * What a tunnel changes of this host's network besides its interface: addresses, routes, policy
 * rules and two sysctls. Everything it makes carries the mark of umbra (routing protocol number,
 * state file), so that the next start finds and removes what a crash left behind; one process a
 * network namespace, therefore.
 *
 * All of it acts in the network namespace of the caller; the interface must be in it. Calls wait
 * for the kernel, milliseconds for thousands of routes.
 */

enum {
	NETWORK_PROTOCOL = 117, /* RTPROT_ and FRA_PROTOCOL of what we make: 'u', free in rt_protos */
	NETWORK_NAME_SIZE = 16,
};

struct network_plan {
	char name[NETWORK_NAME_SIZE];
	uint32_t mtu;                   /* 0: as it is */
	const struct prefix *addresses; /* host bits kept; /32 and /128 too */
	size_t address_count;
	/* Through the interface. Those of addresses may be among them: the kernel makes them. */
	const struct prefix *routes;
	size_t route_count;
	/*
	 * Prefixes that go past the tunnel: beside a default route in a table that is not the main one
	 * there is a "throw" route for each, which makes the kernel look on in the tables behind.
	 */
	const struct prefix *excluded;
	size_t excluded_count;
	/*
	 * Where routes go. 0: the main table; but 0.0.0.0/0 and ::/0 are then put into a table of
	 * their own, default_table, with rules such that everything without the mark takes it and
	 * more specific routes of the main table still win (as wg-quick does):
	 *   not fwmark MARK lookup DEFAULT_TABLE; lookup main suppress_prefixlength 0
	 * network_goal.h has their priorities. Both numbers must not be 0 then. Any other table gets
	 * all routes, default ones too, and nothing leads there but what the administrator makes.
	 */
	uint32_t table;
	uint32_t default_table; /* of this tunnel alone */
	uint32_t mark;          /* of the tunnel's own datagrams */
	bool no_routes;
	/* block.h has rules before these: no more specific route of the main table is to win. */
	bool blocked;
};

/*
 * Takes away what an earlier process left: rules, routes, sysctls. At the start, once. state_dir
 * need not exist.
 */
enum err network_clean(const char *state_dir);

struct network; /* what is applied for one tunnel */

/*
 * Sets MTU and addresses, brings the interface up, adds routes and rules; src_valid_mark is set to
 * 1 while any tunnel takes a v4 default route, and its value of before is kept in state_dir, which
 * must exist then. All or nothing (except for the MTU).
 * On failure out_problem tells what could not be done: "route 10.0.0.0/8: exists already". Routes
 * of others are never replaced. *out_no_v6: this host, or the interface, has no IPv6 and something
 * of the plan was left out.
 */
enum { NETWORK_PROBLEM_SIZE = 160 };
enum err network_new(const struct network_plan *plan, const char *state_dir,
					 struct network **out_network, bool *out_no_v6,
					 char out_problem[static NETWORK_PROBLEM_SIZE]);

/*
 * Changes to another plan of the same interface by the differences alone; what stays is never
 * taken away for a moment. (The kernel itself drops v4 routes when the last v4 address goes; they
 * come back at once.) What somebody else has removed meanwhile is made again. On failure as much as
 * possible of the plan before is in place.
 */
enum err network_change(struct network *network, const struct network_plan *plan,
						char out_problem[static NETWORK_PROBLEM_SIZE]);

/*
 * Another interface is about to have routes of wanted: those that this one has and will not have
 * soon, by kept (NULL: it will have none), go from it. Which those are is looked up in the kernel.
 */
enum err network_yield(struct network *network, const struct network_plan *kept,
					   const struct network_plan *wanted);

/* Takes all of it away, whether or not the interface still exists. NULL-safe. */
void network_free(struct network *network);
