#include "host/network_addresses.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "host/network_refusal.h"
#include "host/route.h"

static bool has(const struct prefix *addresses, size_t count, const struct prefix *address) {
	for (size_t i = 0; i < count; i++)
		if (prefix_equal(&addresses[i], address))
			return true;
	return false;
}

static enum err add_family(struct route *route, uint32_t index, const struct network_goal *goal,
						   enum address_family family,
						   char out_problem[static NETWORK_PROBLEM_SIZE]) {
	auto_free struct prefix *present = NULL;
	size_t count = 0;
	enum err error = route_list_addresses(route, family, index, &present, &count);
	if (error)
		return network_refusal_talk(error, out_problem);
	struct network_refusal refusal = {
		.addresses = goal->addresses, .may_exist = true, .problem = out_problem};
	route_begin(route, network_refusal_keep, &refusal);
	for (size_t i = 0; i < goal->address_count; i++) {
		const struct prefix *address = &goal->addresses[i];
		if (address->address.family == family && !has(present, count, address))
			route_put_address(route, ROUTE_CREATE, index, address, i);
	}
	return network_refusal_end(&refusal, route_end(route));
}

enum err network_addresses_add(struct route *route, uint32_t index, const struct network_goal *goal,
							   char out_problem[static NETWORK_PROBLEM_SIZE]) {
	enum err error = add_family(route, index, goal, ADDRESS_V4, out_problem);
	return error ? error : add_family(route, index, goal, ADDRESS_V6, out_problem);
}

enum err network_addresses_remove(struct route *route, uint32_t index,
								  const struct network_goal *before,
								  const struct network_goal *after, bool *out_removed) {
	bool removed = false;
	route_begin(route, network_refusal_ignore, NULL);
	for (size_t i = 0; i < before->address_count; i++) {
		if (after && network_goal_has_address(after, &before->addresses[i]))
			continue;
		route_put_address(route, ROUTE_DELETE, index, &before->addresses[i], i);
		removed = true;
	}
	*out_removed = removed;
	return route_end(route);
}
