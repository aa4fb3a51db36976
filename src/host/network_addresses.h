#pragma once

#include "base/error.h"
#include "host/network.h"
#include "host/network_goal.h"

struct route;

/* Addresses of a tunnel's interface. */

/* Adds those of the goal that the interface does not have. */
enum err network_addresses_add(struct route *route, uint32_t index, const struct network_goal *goal,
							   char out_problem[static NETWORK_PROBLEM_SIZE]);

/* Removes those of before that after (NULL: nothing) does not have; *out_removed: some were. */
enum err network_addresses_remove(struct route *route, uint32_t index,
								  const struct network_goal *before,
								  const struct network_goal *after, bool *out_removed);
