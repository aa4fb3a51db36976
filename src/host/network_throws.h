#pragma once

#include "base/error.h"
#include "host/network_goal.h"

/* Exceptions beside default routes. They are of no interface, so nothing but we takes them away. */

struct route;

/* Those that the goal has; that one is there already is no problem. */
enum err network_throws_add(struct route *route, const struct network_goal *goal,
							char out_problem[static NETWORK_PROBLEM_SIZE]);
/* All of before that after (NULL: nothing) does not have. */
enum err network_throws_remove(struct route *route, const struct network_goal *before,
							   const struct network_goal *after);
