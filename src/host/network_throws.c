#include "host/network_throws.h"

#include "host/network_refusal.h"
#include "host/route.h"

enum err network_throws_add(struct route *route, const struct network_goal *goal,
							char out_problem[static NETWORK_PROBLEM_SIZE]) {
	struct network_refusal refusal = {
		.exceptions = goal->throws, .may_exist = true, .problem = out_problem};
	if (goal->throw_count == 0)
		return ERR_OK;
	route_begin(route, network_refusal_keep, &refusal);
	for (size_t i = 0; i < goal->throw_count; i++)
		route_put_throw(route, ROUTE_CREATE, &goal->throws[i], NETWORK_PROTOCOL, i);
	return network_refusal_end(&refusal, route_end(route));
}

enum err network_throws_remove(struct route *route, const struct network_goal *before,
							   const struct network_goal *after) {
	if (before->throw_count == 0)
		return ERR_OK;
	route_begin(route, network_refusal_ignore, NULL);
	for (size_t i = 0; i < before->throw_count; i++)
		if (!after || !network_goal_has_throw(after, &before->throws[i]))
			route_put_throw(route, ROUTE_DELETE, &before->throws[i], NETWORK_PROTOCOL, i);
	return route_end(route);
}
