#include "daemon/node_kill_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/node_core.h"
#include "tunnel/plan.h"

enum {
	CONFIGS = 2, /* of one tunnel: in force, and to come */
	MARKS_MAX = 2 + CONFIGS * PROCESS_TUNNELS_MAX,
};

/* During a reload a tunnel has two configurations, and what either needs is kept up. */
static size_t configs_of(const struct node *node, const struct node_tunnel *tunnel,
						 const struct config_tunnel *out_configs[static CONFIGS]) {
	size_t count = 0;
	const struct config_tunnel *now = config_find(node->config, tunnel->name);
	if (now)
		out_configs[count++] = now;
	if (tunnel->config && tunnel->config != now && node->config_before)
		out_configs[count++] = tunnel->config;
	return count;
}

static const struct kill_memory_tunnel *memory_of(const struct node *node, const char *name) {
	const struct kill_memory *memory = &node->kill.memory;
	for (size_t i = 0; i < memory->tunnel_count; i++)
		if (strcmp(memory->tunnels[i].name, name) == 0)
			return &memory->tunnels[i];
	return NULL;
}

bool node_kill_request_wants(const struct node *node, const struct node_tunnel *tunnel) {
	const struct kill_memory_tunnel *memory = memory_of(node, tunnel->name);
	const struct config_tunnel *configs[CONFIGS];
	size_t count = configs_of(node, tunnel, configs);
	bool wanted = false;
	for (size_t i = 0; i < count; i++)
		wanted |= plan_kill_switch(configs[i]);
	return wanted && memory && memory->state == KILL_MEMORY_ENGAGED;
}

static enum err add_endpoint(struct node_kill_request *request, uint32_t mark, bool streams,
							 const struct endpoint *endpoint) {
	for (size_t i = 0; i < request->rules.endpoint_count; i++) {
		const struct kill_switch_endpoint *item = &request->endpoints[i];
		if (item->mark == mark && item->streams == streams &&
			item->endpoint.port == endpoint->port &&
			address_equal(&item->endpoint.address, &endpoint->address))
			return ERR_OK;
	}
	if (request->rules.endpoint_count == request->endpoint_room) {
		size_t room = request->endpoint_room * 2 + 64;
		struct kill_switch_endpoint *items = reallocarray(request->endpoints, room, sizeof *items);
		if (!items)
			return ERR_NO_MEMORY;
		request->endpoints = items;
		request->endpoint_room = room;
	}
	request->endpoints[request->rules.endpoint_count++] =
		(struct kill_switch_endpoint){.mark = mark, .streams = streams, .endpoint = *endpoint};
	return ERR_OK;
}

/* By whatever the tunnel may reach it. */
static enum err add_ways(struct node_kill_request *request, const struct config_tunnel *config,
						 uint32_t mark, const struct endpoint *endpoint) {
	const bool tcp =
		config->logs_in ? config_goes_over(config, CONFIG_TCP) : config->carries_streams;
	const bool udp = config->logs_in ? config_goes_over(config, CONFIG_UDP) : !tcp;
	enum err error = udp ? add_endpoint(request, mark, false, endpoint) : ERR_OK;
	return !error && tcp ? add_endpoint(request, mark, true, endpoint) : error;
}

static enum err add_endpoints(struct node_kill_request *request, const struct node *node,
							  const struct config_tunnel *config, uint32_t mark) {
	enum err error = ERR_OK;
	for (size_t i = 0; i < config->peer_count && !error; i++) {
		const struct config_hosts *others = &config->peers[i].others;
		struct endpoint endpoint;
		if (plan_endpoint(&config->peers[i].endpoint, &endpoint))
			error = add_ways(request, config, mark, &endpoint);
		for (size_t j = 0; j < others->count && !error; j++)
			if (plan_endpoint(&others->items[j], &endpoint))
				error = add_ways(request, config, mark, &endpoint);
	}
	const struct kill_memory_tunnel *memory = memory_of(node, config->name);
	for (size_t i = 0; memory && i < memory->endpoint_count && !error; i++)
		error = add_ways(request, config, mark, &memory->endpoints[i].endpoint);
	return error;
}

static void add_mark(struct node_kill_request *request, uint32_t mark) {
	for (size_t i = 0; i < request->routes.mark_count; i++)
		if (request->marks[i] == mark)
			return;
	if (request->routes.mark_count < MARKS_MAX)
		request->marks[request->routes.mark_count++] = mark;
}

static bool is_in_lan(const struct prefix *prefix) {
	for (size_t i = 0; i < kill_switch_lan_count; i++) {
		const struct prefix *network = &kill_switch_lan[i];
		struct prefix cut = *prefix;
		if (prefix->address.family != network->address.family || prefix->length < network->length)
			continue;
		cut.length = network->length;
		prefix_mask(&cut);
		if (prefix_equal(&cut, network))
			return true;
	}
	return false;
}

/* False: there are too many. */
static bool add_inside(struct node_kill_request *request, const struct prefix *prefix,
					   uint32_t table) {
	struct prefix masked = *prefix;
	prefix_mask(&masked);
	if (!is_in_lan(&masked))
		return true;
	if (request->rules.inside_count == NODE_KILL_INSIDE_MAX)
		return false;
	size_t place = request->rules.inside_count++;
	request->inside[place] = masked;
	request->block_inside[place] = (struct block_prefix){.prefix = masked, .table = table};
	request->routes.inside_count = request->rules.inside_count;
	return true;
}

/* What of the LAN's ranges the tunnel has itself. */
static enum err add_lan(struct node_kill_request *request, const struct node_tunnel *tunnel,
						const struct config_tunnel *config) {
	struct plan_network plan;
	enum err error =
		plan_network_new(config, tunnel->slot, tunnel->more, tunnel->more_count, &plan);
	if (error)
		return error;
	bool fits = true;
	uint32_t table = plan.network.default_table;
	for (size_t i = 0; i < config->addresses.count && fits; i++)
		fits = add_inside(request, &config->addresses.items[i], table);
	for (size_t i = 0; i < plan.network.route_count && fits; i++)
		fits = add_inside(request, &plan.routes[i], table);
	plan_network_done(&plan);
	if (fits)
		request->rules.allow_lan = true;
	else
		log_warning("%s: more than %d of its routes are private networks; allow_lan has no effect",
					config->name, NODE_KILL_INSIDE_MAX);
	return ERR_OK;
}

static void add_local(struct node_kill_request *request, const struct prefix *prefix) {
	struct prefix masked = *prefix;
	prefix_mask(&masked);
	if (masked.length > 0 && request->routes.local_count < NODE_KILL_LOCAL_MAX)
		request->local[request->routes.local_count++] = masked;
}

/* Another tunnel's networks are reached as without a kill switch. */
static void add_other(struct node_kill_request *request, const struct config_tunnel *config) {
	if (!config || plan_takes_default(config) || !config->routes.table.automatic)
		return;
	for (size_t i = 0; i < config->addresses.count; i++)
		add_local(request, &config->addresses.items[i]);
	for (size_t i = 0; config->routes.from_peers && i < config->peer_count; i++)
		for (size_t j = 0; j < config->peers[i].allowed_ips.count; j++)
			add_local(request, &config->peers[i].allowed_ips.items[j]);
	for (size_t i = 0; !config->routes.from_peers && i < config->routes.include.count; i++)
		add_local(request, &config->routes.include.items[i]);
}

/* The same prefixes pass the rules and leave the table. */
static enum err add_excluded(struct node_kill_request *request, const struct prefix *prefixes,
							 size_t count, uint32_t table) {
	size_t room = request->routes.excluded_count + count + 1;
	struct block_prefix *excluded = reallocarray(request->excluded, room, sizeof *excluded);
	if (!excluded)
		return ERR_NO_MEMORY;
	request->excluded = excluded;
	struct prefix *allowed = reallocarray(request->allowed, room, sizeof *allowed);
	if (!allowed)
		return ERR_NO_MEMORY;
	request->allowed = allowed;
	for (size_t i = 0; i < count; i++) {
		if (prefixes[i].length == 0)
			continue;
		allowed[request->rules.allowed_count++] = prefixes[i];
		excluded[request->routes.excluded_count++] =
			(struct block_prefix){.prefix = prefixes[i], .table = table};
	}
	return ERR_OK;
}

static enum err add_tunnel(struct node_kill_request *request, const struct node *node,
						   const struct node_tunnel *tunnel) {
	const struct config_tunnel *configs[CONFIGS];
	size_t count = configs_of(node, tunnel, configs);
	enum err error = ERR_OK;
	if (count == 0)
		return ERR_OK;
	for (size_t i = 0; i < count && !error; i++) {
		uint32_t mark = plan_mark(configs[i], tunnel->slot);
		add_mark(request, mark);
		error = add_endpoints(request, node, configs[i], mark);
	}
	uint32_t table = PLAN_MARK_BASE + tunnel->slot + 1U;
	request->tunnels[request->routes.tunnel_count++] =
		(struct block_tunnel){.table = table, .mark = plan_mark(configs[0], tunnel->slot)};
	if (!error)
		error = add_excluded(request, configs[0]->routes.exclude.items,
							 configs[0]->routes.exclude.count, table);
	if (!error && configs[0]->allow_lan)
		error = add_lan(request, tunnel, node_pushed_config(tunnel, configs[0]));
	return error;
}

static enum err allocate(struct node_kill_request *request) {
	request->interfaces = calloc(PROCESS_TUNNELS_MAX, sizeof *request->interfaces);
	request->tunnels = calloc(PROCESS_TUNNELS_MAX, sizeof *request->tunnels);
	request->marks = calloc(MARKS_MAX, sizeof *request->marks);
	request->inside = calloc(NODE_KILL_INSIDE_MAX, sizeof *request->inside);
	request->block_inside = calloc(NODE_KILL_INSIDE_MAX, sizeof *request->block_inside);
	request->local = calloc(NODE_KILL_LOCAL_MAX + kill_switch_lan_count, sizeof *request->local);
	return request->interfaces && request->tunnels && request->marks && request->inside &&
				   request->block_inside && request->local
			   ? ERR_OK
			   : ERR_NO_MEMORY;
}

static enum err collect(struct node_kill_request *request, const struct node *node) {
	enum err error = ERR_OK;
	add_mark(request, PLAN_MARK_RESOLVER);
	add_mark(request, PLAN_MARK_OUTSIDE);
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX && !error; i++) {
		const struct node_tunnel *tunnel = &node->tunnels[i];
		if (!tunnel->used)
			continue;
		request->interfaces[request->rules.interface_count++] = tunnel->name;
		if (node_kill_request_wants(node, tunnel))
			error = add_tunnel(request, node, tunnel);
		else
			add_other(request, node_pushed_config(tunnel, tunnel->config));
	}
	for (size_t i = 0; i < kill_switch_lan_count && request->rules.allow_lan; i++)
		request->local[request->routes.local_count++] = kill_switch_lan[i];
	return error;
}

enum err node_kill_request_make(const struct node *node, struct node_kill_request *out_request) {
	struct node_kill_request *request = out_request;
	*request = (struct node_kill_request){.endpoint_room = 0};
	enum err error = allocate(request);
	if (!error)
		error = collect(request, node);
	if (error)
		return error;
	request->rules.interfaces = request->interfaces;
	request->rules.endpoints = request->endpoints;
	request->rules.inside = request->inside;
	bool outside = node->split.outside || node_domains_excludes(node);
	request->rules.outside_mark = outside ? PLAN_MARK_OUTSIDE : 0;
	request->rules.resolver_mark = PLAN_MARK_RESOLVER;
	request->rules.neighbour_mark = PLAN_MARK_RESOLVER;
	request->rules.resolver_count = node_kill_switch_resolvers(node, &request->rules.resolvers);
	request->routes.tunnels = request->tunnels;
	request->routes.interfaces = request->interfaces;
	request->routes.interface_count = request->rules.interface_count;
	request->routes.marks = request->marks;
	request->routes.inside = request->block_inside;
	request->routes.local = request->local;
	request->rules.allowed = request->allowed;
	request->routes.excluded = request->excluded;
	return ERR_OK;
}

void node_kill_request_done(struct node_kill_request *request) {
	free(request->interfaces);
	free(request->endpoints);
	free(request->tunnels);
	free(request->marks);
	free(request->inside);
	free(request->block_inside);
	free(request->local);
	free(request->excluded);
	free(request->allowed);
	*request = (struct node_kill_request){.endpoint_room = 0};
}
