#include "host/network_throws.h"

#include <errno.h>

#include "host/network_refusal.h"
#include "host/route.h"

struct refusal {
	const struct route_entry *entries;
	char *problem;
	enum err error;
};

static void refused(void *context, size_t item, int number) {
	struct refusal *refusal = context;
	if (refusal->error || number == EEXIST)
		return;
	refusal->error = network_refusal_of_prefix("exception", &refusal->entries[item].prefix, number,
											   refusal->problem);
}

enum err network_throws_add(struct route *route, const struct network_goal *goal,
							char out_problem[static NETWORK_PROBLEM_SIZE]) {
	struct refusal refusal = {.entries = goal->throws, .problem = out_problem};
	if (goal->throw_count == 0)
		return ERR_OK;
	route_begin(route, refused, &refusal);
	for (size_t i = 0; i < goal->throw_count; i++)
		route_put_throw(route, ROUTE_CREATE, &goal->throws[i], NETWORK_PROTOCOL, i);
	enum err error = route_end(route);
	return refusal.error ? refusal.error : network_refusal_talk(error, out_problem);
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
