#include "tunnel/plan.h"

#include <stdlib.h>
#include <string.h>

#include "tunnel/plan_login.h"
#include "tunnel/plan_mtu.h"
#include "tunnel/plan_streams.h"
#include "tunnel/prefix_set.h"

static bool is_default(const struct prefix *prefix) {
	return prefix->length == 0;
}

bool plan_takes_default(const struct config_tunnel *tunnel) {
	return tunnel->routes.table.automatic && config_routes_default(tunnel);
}

bool plan_kill_switch(const struct config_tunnel *tunnel) {
	return plan_takes_default(tunnel) && (tunnel->kill_switch_absent || tunnel->kill_switch);
}

uint32_t plan_mark(const struct config_tunnel *tunnel, uint16_t slot) {
	if (tunnel->fwmark.off)
		return 0;
	if (!tunnel->fwmark.automatic)
		return tunnel->fwmark.value;
	/* Datagrams to an endpoint must not go in, also where its address is one of a name's. */
	bool needed = plan_takes_default(tunnel) || tunnel->routes.include_domains.count > 0;
	return needed ? PLAN_MARK_BASE + slot + 1U : 0;
}

bool plan_covers(const struct config_tunnel *tunnel, const struct prefix *prefix) {
	for (size_t i = 0; i < tunnel->addresses.count; i++)
		if (prefix_covers(&tunnel->addresses.items[i], prefix))
			return true;
	return false;
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
	*out_count = prefix_set_sort(collection.items, collection.count);
	return ERR_OK;
}

/*
 * Into the main table goes what exclude leaves of a route. A default route in another table stays
 * whole: exceptions beside it make the kernel look on in the tables behind.
 */
static bool stays_whole(const struct config_tunnel *tunnel, const struct prefix *route) {
	const struct config_choice *table = &tunnel->routes.table;
	return is_default(route) && (table->automatic || table->value != PLAN_TABLE_MAIN);
}

static enum err leave_out(const struct config_tunnel *tunnel, struct prefix **routes,
						  size_t *count) {
	const struct config_prefixes *exclude = &tunnel->routes.exclude;
	if (exclude->count == 0)
		return ERR_OK;
	struct prefix whole[2], *rest; /* one of each family */
	size_t whole_count = 0, cut_count = 0, rest_count;
	for (size_t i = 0; i < *count; i++) {
		if (stays_whole(tunnel, &(*routes)[i]) && whole_count < 2)
			whole[whole_count++] = (*routes)[i];
		else
			(*routes)[cut_count++] = (*routes)[i];
	}
	enum err error =
		prefix_set_subtract(*routes, cut_count, exclude->items, exclude->count, &rest, &rest_count);
	if (error)
		return error;
	struct prefix *all = reallocarray(rest, rest_count + whole_count + 1, sizeof *all);
	if (!all) {
		free(rest);
		return ERR_NO_MEMORY;
	}
	memcpy(all + rest_count, whole, whole_count * sizeof *whole);
	free(*routes);
	*routes = all;
	*count = rest_count + whole_count;
	return ERR_OK;
}

uint32_t plan_mtu_more(const struct config_tunnel *tunnel) {
	return tunnel->shares_keys ? PLAN_MTU_SHARED_MORE : tunnel->logs_in ? PLAN_MTU_LOGIN_MORE : 0;
}

static uint32_t mtu_of(const struct config_tunnel *tunnel) {
	if (!tunnel->mtu.automatic)
		return tunnel->mtu.value;
	return tunnel->carries_streams ? PLAN_MTU_STREAMS : PLAN_MTU - plan_mtu_more(tunnel);
}

enum err plan_network_new(const struct config_tunnel *tunnel, uint16_t slot,
						  const struct prefix *more, size_t more_count,
						  struct plan_network *out_plan) {
	struct plan_network plan = {.routes = NULL};
	size_t count;
	enum err error = collect_routes(tunnel, more, more_count, &plan.routes, &count);
	if (!error)
		error = leave_out(tunnel, &plan.routes, &count);
	if (error) {
		plan_network_done(&plan);
		return error;
	}
	plan.network = (struct network_plan){
		.mtu = mtu_of(tunnel),
		.addresses = tunnel->addresses.items,
		.address_count = tunnel->addresses.count,
		.routes = plan.routes,
		.route_count = count,
		.excluded = tunnel->routes.exclude.items,
		.excluded_count = tunnel->routes.exclude.count,
		.table = tunnel->routes.table.automatic || tunnel->routes.table.off
					 ? 0
					 : tunnel->routes.table.value,
		.default_table = PLAN_MARK_BASE + slot + 1U,
		.mark = plan_mark(tunnel, slot),
		.no_routes = tunnel->routes.table.off,
		.blocked = plan_kill_switch(tunnel),
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
		.streams = tunnel->carries_streams,
		.mark = plan_mark(tunnel, slot),
	};
}

/*
 * The device is told of one after the other. A UDP port may be other tunnels' as well, with one
 * mark for all: they would get the new one, or this tunnel could not join them with the old one.
 */
static bool moves_with_mark(const struct config_tunnel *before, const struct config_tunnel *after) {
	const uint16_t slot = 0; /* it stays the same */
	return !after->carries_streams && before->listen.port != after->listen.port &&
		   plan_mark(before, slot) != plan_mark(after, slot);
}

bool plan_needs_restart(const struct config_tunnel *before, const struct config_tunnel *after) {
	return strcmp(before->protocol, after->protocol) != 0 || moves_with_mark(before, after) ||
		   (after->carries_streams && plan_streams_needs_restart(before, after)) ||
		   (config_has_shared(after) && before->role != after->role) ||
		   (after->logs_in && after->role == CONFIG_SERVER &&
			plan_login_needs_restart(before, after)) ||
		   !address_equal(&before->listen.address, &after->listen.address);
}
