#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "host/network.h"
#include "host/network_goal.h"

struct route;

/* Policy rules of tunnels that take a default route; see network_goal.h. */

/* Makes those of the goal that are missing. */
enum err network_rules_add(struct route *route, const struct network_goal *goal,
						   char out_problem[static NETWORK_PROBLEM_SIZE]);

/*
 * Removes the DEFAULT rules of before that after (NULL: nothing) does not have, then all that no
 * DEFAULT rule of any tunnel needs any more.
 */
enum err network_rules_remove(struct route *route, const struct network_goal *before,
							  const struct network_goal *after);

/* Whether any tunnel, of this process or another, takes the v4 default route. */
enum err network_rules_take_v4(struct route *route, bool *out_taken);

/* Whether a PASS or MAIN rule is of no use beside the others. Pure. */
bool network_rules_useless(const struct route_rule *rule, const struct route_rule *rules,
						   size_t count);
