#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/network.h"
#include "host/route_message.h"
#include "host/route_rule.h"

/* A plan as the kernel is to have it: each route with its table, each rule spelled out. Pure. */

/*
 * Rules of a default route, in each family that takes one. They are the last but one thing before
 * the kernel's own rules (main is 32766), so that rules of the administrator without a priority,
 * which the kernel puts before all others, come first.
 *   PASS     fwmark MARK goto 32766: datagrams of any tunnel skip the default routes of all of
 *            them. With two such tunnels each one's datagrams would otherwise travel in the other,
 *            and round and round.
 *   MAIN     lookup main suppress_prefixlength 0: what is more specific than a default route
 *   DEFAULT  not fwmark MARK lookup TABLE: all else. Of several tunnels the first one has it all.
 * Tunnels share PASS (of one mark) and MAIN; DEFAULT is one tunnel's.
 */
enum {
	NETWORK_PRIORITY_PASS = 32700,
	NETWORK_PRIORITY_MAIN = 32701,
	NETWORK_PRIORITY_DEFAULT = 32702,
	NETWORK_PRIORITY_KERNEL = 32766,
	NETWORK_RULES_MAX = 6, /* of one tunnel */
};

struct network_goal {
	uint32_t mtu;
	struct prefix *addresses;
	size_t address_count;
	struct route_entry *entries; /* sorted, none twice, without those that addresses bring along */
	size_t entry_count;
	/* Of excluded prefixes, in the tables of default routes; the same order. */
	struct route_entry *throws;
	size_t throw_count;
	struct route_rule rules[NETWORK_RULES_MAX]; /* in the order to make them */
	size_t rule_count;
};

/*
 * v6 false: without what is of that family; *out_left_out tells whether there was any. ERR_INVALID
 * with a problem, ERR_NO_MEMORY.
 */
enum err network_goal_init(const struct network_plan *plan, bool v6, struct network_goal *out_goal,
						   bool *out_left_out, char out_problem[static NETWORK_PROBLEM_SIZE]);
/* Also for a zeroed struct. */
void network_goal_done(struct network_goal *goal);

/* By family, table and prefix; < 0, 0, > 0, also for qsort(). */
int network_goal_compare(const void *left, const void *right);

bool network_goal_has_entry(const struct network_goal *goal, const struct route_entry *entry);
bool network_goal_has_throw(const struct network_goal *goal, const struct route_entry *entry);
bool network_goal_has_address(const struct network_goal *goal, const struct prefix *address);

/* Whether an address of the goal brings the route along (the kernel makes it). */
bool network_goal_brings(const struct network_goal *goal, const struct route_entry *entry);

/* Whether a v4 default route is taken. */
bool network_goal_takes_v4(const struct network_goal *goal);
