#include "host/network_routes.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "host/network_refusal.h"
#include "host/route.h"

static enum err add_family(struct route *route, uint32_t index, const struct network_goal *goal,
						   const struct network_goal *leaving, enum address_family family,
						   char out_problem[static NETWORK_PROBLEM_SIZE]) {
	auto_free struct route_entry *present = NULL;
	size_t count = 0;
	enum err error = route_list_routes(route, family, index, NETWORK_PROTOCOL, &present, &count);
	if (error)
		return network_refusal_talk(error, out_problem);
	qsort(present, count, sizeof *present, network_goal_compare);
	struct network_refusal refusal = {.routes = goal->entries, .problem = out_problem};
	route_begin(route, network_refusal_keep, &refusal);
	for (size_t i = 0; i < goal->entry_count; i++) {
		const struct route_entry *entry = &goal->entries[i];
		if (entry->prefix.address.family != family ||
			bsearch(entry, present, count, sizeof *present, network_goal_compare))
			continue;
		bool beside = family == ADDRESS_V4 && leaving && network_goal_brings(leaving, entry);
		route_put_route(route, beside ? ROUTE_BESIDES : ROUTE_CREATE, index, entry,
						NETWORK_PROTOCOL, i);
	}
	return network_refusal_end(&refusal, route_end(route));
}

enum err network_routes_add(struct route *route, uint32_t index, const struct network_goal *goal,
							const struct network_goal *leaving,
							char out_problem[static NETWORK_PROBLEM_SIZE]) {
	enum err error = add_family(route, index, goal, leaving, ADDRESS_V4, out_problem);
	return error ? error : add_family(route, index, goal, leaving, ADDRESS_V6, out_problem);
}

/* Those of wanted (NULL: all) that the goal (NULL: nothing) has not. */
static enum err remove_family(struct route *route, uint32_t index, const struct network_goal *goal,
							  const struct network_goal *wanted, enum address_family family) {
	auto_free struct route_entry *present = NULL;
	size_t count = 0;
	enum err error = route_list_routes(route, family, index, NETWORK_PROTOCOL, &present, &count);
	if (error)
		return error;
	route_begin(route, network_refusal_ignore, NULL);
	for (size_t i = 0; i < count; i++)
		if ((!goal || !network_goal_has_entry(goal, &present[i])) &&
			(!wanted || network_goal_has_entry(wanted, &present[i])))
			route_put_route(route, ROUTE_DELETE, index, &present[i], NETWORK_PROTOCOL, i);
	return route_end(route);
}

enum err network_routes_remove(struct route *route, uint32_t index,
							   const struct network_goal *goal) {
	enum err error = remove_family(route, index, goal, NULL, ADDRESS_V4);
	enum err next = remove_family(route, index, goal, NULL, ADDRESS_V6);
	return error ? error : next;
}

enum err network_routes_yield(struct route *route, uint32_t index, const struct network_goal *kept,
							  const struct network_goal *wanted) {
	enum err error = remove_family(route, index, kept, wanted, ADDRESS_V4);
	enum err next = remove_family(route, index, kept, wanted, ADDRESS_V6);
	return error ? error : next;
}
