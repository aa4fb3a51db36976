#include "daemon/node_pushed_host.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/node_core.h"
#include "host/network_others.h"
#include "tunnel/plan.h"

/* During a reload the one to come. NULL: the tunnel is nobody's concern. */
static const struct config_tunnel *config_of(const struct node *node,
											 const struct node_tunnel *tunnel) {
	const struct config_tunnel *now = tunnel->used ? config_find(node->config, tunnel->name) : NULL;
	const struct config_tunnel *config = now ? now : tunnel->config;
	bool comes =
		tunnel->used && config && (tunnel->state != PROCESS_STATE_DOWN || config->autostart);
	return comes ? config : NULL;
}

/* Networks */

/* Default routes are not: they lead where nothing else does. */
static void put(struct node_pushed_host *host, const struct prefix *prefixes, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (prefixes[i].length > 0)
			host->networks[host->host.network_count++] = prefixes[i];
}

static void put_plan(struct node_pushed_host *host, const struct plan_pushed *plan) {
	if (plan)
		put(host, plan->taken.routes, plan->taken.route_count);
}

static void put_file(struct node_pushed_host *host, const struct config_tunnel *config) {
	put(host, config->addresses.items, config->addresses.count);
	if (!config->routes.from_peers)
		put(host, config->routes.include.items, config->routes.include.count);
	for (size_t i = 0; i < config->peer_count; i++)
		put(host, config->peers[i].allowed_ips.items, config->peers[i].allowed_ips.count);
}

/* During a reload the file in force has routes as well, until all tunnels were changed. */
static const struct config_tunnel *config_before(const struct node_tunnel *tunnel,
												 const struct config_tunnel *config) {
	return tunnel->config != config ? tunnel->config : NULL;
}

/* What its server gave counts as it is, and as it is to be: who has it keeps it over a reload. */
static void put_networks(struct node_pushed_host *host, const struct node_tunnel *tunnel,
						 const struct config_tunnel *config) {
	const struct config_tunnel *before = config_before(tunnel, config);
	put_file(host, config);
	if (before)
		put_file(host, before);
	put(host, tunnel->more, tunnel->more_count);
	put_plan(host, tunnel->pushed.plan);
	put_plan(host, tunnel->pushed.next);
}

static size_t count_file(const struct config_tunnel *config) {
	size_t count = config->addresses.count + config->routes.include.count;
	for (size_t i = 0; i < config->peer_count; i++)
		count += config->peers[i].allowed_ips.count;
	return count;
}

static size_t count_networks(const struct node_tunnel *tunnel, const struct config_tunnel *config) {
	const struct config_tunnel *before = config_before(tunnel, config);
	return count_file(config) + (before ? count_file(before) : 0) + tunnel->more_count +
		   2 * (size_t)INTERFACE_SETTINGS_ROUTES_MAX;
}

static enum err collect_networks(const struct node *node, const struct node_tunnel *own,
								 struct node_pushed_host *host) {
	struct prefix *others;
	size_t room;
	enum err error = network_others(own->name, &others, &room);
	if (error)
		return error;
	host->networks = others;
	host->host.network_count = room;
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		const struct config_tunnel *config = config_of(node, &node->tunnels[i]);
		room += config ? count_networks(&node->tunnels[i], config) : 0;
	}
	struct prefix *networks = reallocarray(others, room + 1, sizeof *networks);
	if (!networks)
		return ERR_NO_MEMORY;
	host->host.networks = host->networks = networks;
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		const struct config_tunnel *config = config_of(node, &node->tunnels[i]);
		if (config && &node->tunnels[i] != own)
			put_networks(host, &node->tunnels[i], config);
	}
	return ERR_OK;
}

/* Endpoints */

static void put_literal(struct node_pushed_host *host, const struct config_host *where) {
	struct endpoint endpoint;
	if (plan_endpoint(where, &endpoint))
		host->endpoints[host->host.endpoint_count++] = endpoint.address;
}

static void put_endpoints(struct node_pushed_host *host, const struct node_tunnel *tunnel,
						  const struct config_tunnel *config) {
	for (size_t i = 0; i < config->peer_count; i++) {
		const struct config_peer *peer = &config->peers[i];
		put_literal(host, &peer->endpoint);
		for (size_t j = 0; j < peer->others.count; j++)
			put_literal(host, &peer->others.items[j]);
	}
	for (size_t i = 0; i < tunnel->pushed.endpoint_count; i++)
		host->endpoints[host->host.endpoint_count++] = tunnel->pushed.endpoints[i];
}

static enum err collect_endpoints(const struct node *node, struct node_pushed_host *host) {
	size_t room = 1;
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		const struct config_tunnel *config = config_of(node, &node->tunnels[i]);
		room += config ? node->tunnels[i].pushed.endpoint_count : 0;
		for (size_t j = 0; config && j < config->peer_count; j++)
			room += 1 + config->peers[j].others.count;
	}
	host->endpoints = calloc(room, sizeof *host->endpoints);
	if (!host->endpoints)
		return ERR_NO_MEMORY;
	host->host.endpoints = host->endpoints;
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		const struct config_tunnel *config = config_of(node, &node->tunnels[i]);
		if (config)
			put_endpoints(host, &node->tunnels[i], config);
	}
	return ERR_OK;
}

enum err node_pushed_host_new(const struct node *node, const struct node_tunnel *tunnel,
							  struct node_pushed_host *out_host) {
	struct node_pushed_host host = {.networks = NULL};
	enum err error = collect_networks(node, tunnel, &host);
	if (!error)
		error = collect_endpoints(node, &host);
	if (error)
		node_pushed_host_done(&host);
	else
		*out_host = host;
	return error;
}

void node_pushed_host_done(struct node_pushed_host *host) {
	free(host->networks);
	free(host->endpoints);
	*host = (struct node_pushed_host){.networks = NULL};
}
