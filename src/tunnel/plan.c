#include "tunnel/plan.h"

#include <stdlib.h>
#include <string.h>

static bool is_default(const struct prefix *prefix) {
	return prefix->length == 0;
}

static bool any_default(const struct config_prefixes *prefixes) {
	for (size_t i = 0; i < prefixes->count; i++)
		if (is_default(&prefixes->items[i]))
			return true;
	return false;
}

static bool routes_default(const struct config_tunnel *tunnel) {
	if (!tunnel->routes.from_peers)
		return any_default(&tunnel->routes.include);
	for (size_t i = 0; i < tunnel->peer_count; i++)
		if (any_default(&tunnel->peers[i].allowed_ips))
			return true;
	return false;
}

bool plan_takes_default(const struct config_tunnel *tunnel) {
	return tunnel->routes.table.automatic && routes_default(tunnel);
}

uint32_t plan_mark(const struct config_tunnel *tunnel, uint16_t slot) {
	if (tunnel->fwmark.off)
		return 0;
	if (!tunnel->fwmark.automatic)
		return tunnel->fwmark.value;
	return plan_takes_default(tunnel) ? PLAN_MARK_BASE + slot + 1U : 0;
}

bool plan_covers(const struct config_tunnel *tunnel, const struct prefix *prefix) {
	for (size_t i = 0; i < tunnel->addresses.count; i++) {
		struct prefix network = tunnel->addresses.items[i];
		if (network.address.family != prefix->address.family || network.length > prefix->length)
			continue;
		struct prefix inside = *prefix;
		inside.length = network.length;
		prefix_mask(&inside);
		prefix_mask(&network);
		if (prefix_equal(&inside, &network))
			return true;
	}
	return false;
}

static int compare_prefixes(const void *left_item, const void *right_item) {
	const struct prefix *left = left_item, *right = right_item;
	if (left->address.family != right->address.family)
		return left->address.family < right->address.family ? -1 : 1;
	int order = memcmp(left->address.bytes, right->address.bytes, sizeof left->address.bytes);
	return order ? order : (int)left->length - (int)right->length;
}

struct collection {
	const struct config_tunnel *tunnel;
	struct prefix *items;
	size_t count;
};

static void collect(struct collection *collection, const struct prefix *prefixes, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (!plan_covers(collection->tunnel, &prefixes[i]))
			collection->items[collection->count++] = prefixes[i];
}

static size_t without_doubles(struct prefix *items, size_t count) {
	if (count == 0)
		return 0;
	qsort(items, count, sizeof *items, compare_prefixes);
	size_t kept = 1;
	for (size_t i = 1; i < count; i++)
		if (compare_prefixes(&items[kept - 1], &items[i]) != 0)
			items[kept++] = items[i];
	return kept;
}

static size_t count_prefixes(const struct config_tunnel *tunnel) {
	size_t count = tunnel->routes.include.count;
	for (size_t i = 0; i < tunnel->peer_count; i++)
		count += tunnel->peers[i].allowed_ips.count;
	return count;
}

static enum err collect_routes(const struct config_tunnel *tunnel, const struct prefix *more,
							   size_t more_count, struct prefix **out_routes, size_t *out_count) {
	struct collection collection = {.tunnel = tunnel};
	collection.items = calloc(count_prefixes(tunnel) + more_count + 1, sizeof *collection.items);
	if (!collection.items)
		return ERR_NO_MEMORY;
	if (tunnel->routes.from_peers) {
		for (size_t i = 0; i < tunnel->peer_count; i++)
			collect(&collection, tunnel->peers[i].allowed_ips.items,
					tunnel->peers[i].allowed_ips.count);
		for (size_t i = 0; i < more_count; i++)
			if (!is_default(&more[i]))
				collect(&collection, &more[i], 1);
	} else {
		collect(&collection, tunnel->routes.include.items, tunnel->routes.include.count);
	}
	*out_routes = collection.items;
	*out_count = without_doubles(collection.items, collection.count);
	return ERR_OK;
}

static uint32_t mtu_of(const struct config_tunnel *tunnel) {
	return tunnel->mtu.automatic ? PLAN_MTU : tunnel->mtu.value;
}

enum err plan_network_new(const struct config_tunnel *tunnel, uint16_t slot,
						  const struct prefix *more, size_t more_count,
						  struct plan_network *out_plan) {
	struct plan_network plan = {.routes = NULL};
	size_t count;
	enum err error = collect_routes(tunnel, more, more_count, &plan.routes, &count);
	if (error)
		return error;
	plan.network = (struct network_plan){
		.mtu = mtu_of(tunnel),
		.addresses = tunnel->addresses.items,
		.address_count = tunnel->addresses.count,
		.routes = plan.routes,
		.route_count = count,
		.table = tunnel->routes.table.automatic || tunnel->routes.table.off
					 ? 0
					 : tunnel->routes.table.value,
		.default_table = PLAN_MARK_BASE + slot + 1U,
		.mark = plan_mark(tunnel, slot),
		.no_routes = tunnel->routes.table.off,
	};
	memcpy(plan.network.name, tunnel->name, sizeof plan.network.name);
	*out_plan = plan;
	return ERR_OK;
}

void plan_network_done(struct plan_network *plan) {
	free(plan->routes);
	plan->routes = NULL;
}

struct firewall_tunnel plan_firewall(const struct config_tunnel *tunnel, uint16_t slot) {
	return (struct firewall_tunnel){
		.name = tunnel->name,
		.addresses = tunnel->addresses.items,
		.address_count = tunnel->addresses.count,
		.forward = tunnel->forward || tunnel->masquerade,
		.masquerade = tunnel->masquerade,
		.default_mark = plan_takes_default(tunnel),
		.mark = plan_mark(tunnel, slot),
	};
}

bool plan_needs_restart(const struct config_tunnel *before, const struct config_tunnel *after) {
	return strcmp(before->protocol, after->protocol) != 0 ||
		   !address_equal(&before->listen.address, &after->listen.address);
}
