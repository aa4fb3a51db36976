#pragma once

#include "base/error.h"
#include "host/network.h"
#include "host/network_goal.h"

struct route;

/* Routes through a tunnel's interface. What the kernel has is asked each time, not remembered. */

/*
 * Adds those of the goal that are missing. leaving (or NULL) is what the interface will no longer
 * have soon: a route that one of its addresses still brings along is put beside that one.
 */
enum err network_routes_add(struct route *route, uint32_t index, const struct network_goal *goal,
							const struct network_goal *leaving,
							char out_problem[static NETWORK_PROBLEM_SIZE]);

/* Removes all of ours on the interface but those of the goal (NULL: all). */
enum err network_routes_remove(struct route *route, uint32_t index,
							   const struct network_goal *goal);

/* Removes those of ours on the interface that wanted has and kept (NULL: nothing) has not. */
enum err network_routes_yield(struct route *route, uint32_t index, const struct network_goal *kept,
							  const struct network_goal *wanted);
