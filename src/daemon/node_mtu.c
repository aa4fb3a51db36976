#include "daemon/node_mtu.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/node_network.h"
#include "host/route.h"
#include "host/route_mtu.h"
#include "tunnel/plan.h"
#include "tunnel/plan_mtu.h"

/* Endpoints that are asked for; a tunnel with more of them is a server's, on the default route. */
enum { ENDPOINTS_MAX = 64 };

/* Addresses of documentation (RFC 5737, RFC 3849), which are routed as anything else is. */
static const char *const anywhere[] = {"192.0.2.1", "2001:db8::1"};

static bool has_v6(const struct config_prefixes *prefixes) {
	for (size_t i = 0; i < prefixes->count; i++)
		if (prefixes->items[i].address.family == ADDRESS_V6)
			return true;
	return false;
}

static bool carries_v6(const struct node_tunnel *tunnel) {
	const struct config_tunnel *config = node_pushed_config(tunnel, tunnel->config);
	bool v6 = has_v6(&config->addresses) || has_v6(&config->routes.include);
	for (size_t i = 0; i < config->peer_count; i++)
		v6 |= has_v6(&config->peers[i].allowed_ips);
	for (size_t i = 0; i < tunnel->more_count; i++)
		v6 |= tunnel->more[i].address.family == ADDRESS_V6;
	return v6;
}

/* A way that does not count where there is none, or where it ends in this host. */
static struct plan_mtu_way ask(struct route *route, const struct address *to, uint32_t mark) {
	struct route_mtu found = {.mtu = 0};
	int number;
	if (route_mtu_get(route, to, mark, &found, &number) || number || found.local)
		return (struct plan_mtu_way){.mtu = 0};
	return (struct plan_mtu_way){.family = to->family, .mtu = found.mtu};
}

/* How many more there are now. */
static size_t ask_host(struct route *route, const struct config_host *host, uint32_t mark,
					   struct plan_mtu_way *way) {
	struct address address;
	/* What a name stands for is known elsewhere, and later. */
	if (!host->name || address_parse(host->name, &address))
		return 0;
	*way = ask(route, &address, mark);
	return way->mtu > 0;
}

static size_t ask_endpoints(struct route *route, const struct config_tunnel *config, uint32_t mark,
							struct plan_mtu_way *ways) {
	size_t count = 0;
	for (size_t i = 0; i < config->peer_count && count < ENDPOINTS_MAX; i++) {
		const struct config_hosts *others = &config->peers[i].others;
		count += ask_host(route, &config->peers[i].endpoint, mark, &ways[count]);
		for (size_t j = 0; j < others->count && count < ENDPOINTS_MAX; j++)
			count += ask_host(route, &others->items[j], mark, &ways[count]);
	}
	return count;
}

/* The default routes', by which unknown endpoints are reached, of either family. */
static size_t ask_anywhere(struct route *route, uint32_t mark, struct plan_mtu_way *ways) {
	size_t count = 0;
	for (size_t i = 0; i < sizeof anywhere / sizeof *anywhere; i++) {
		struct address address;
		if (address_parse(anywhere[i], &address))
			continue;
		ways[count] = ask(route, &address, mark);
		ways[count].family = ADDRESS_NONE;
		count += ways[count].mtu > 0;
	}
	return count;
}

/* What the configuration says, or the way. */
static uint32_t own_mtu(const struct node_tunnel *tunnel) {
	const struct config_tunnel *config = tunnel->config;
	if (!config->mtu.automatic)
		return config->mtu.value;
	if (config->carries_streams)
		return PLAN_MTU_STREAMS;
	struct route *route;
	const uint32_t more = plan_mtu_more(config);
	if (route_open(&route))
		return PLAN_MTU - more;
	struct plan_mtu_way ways[ENDPOINTS_MAX];
	uint32_t mark = plan_mark(config, tunnel->slot);
	size_t count = ask_endpoints(route, config, mark, ways);
	if (count == 0)
		count = ask_anywhere(route, mark, ways);
	route_close(route);
	for (size_t i = 0; i < count; i++)
		ways[i].mtu -= ways[i].mtu > more ? more : 0;
	return count > 0 ? plan_mtu(ways, count, carries_v6(tunnel)) : PLAN_MTU - more;
}

uint32_t node_mtu(const struct node_tunnel *tunnel) {
	return node_pushed_mtu(tunnel, own_mtu(tunnel), carries_v6(tunnel));
}

void node_mtu_refresh(struct node *node) {
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		struct node_tunnel *tunnel = &node->tunnels[i];
		if (!tunnel->used || tunnel->state != PROCESS_STATE_UP || !tunnel->network ||
			!tunnel->config || !tunnel->config->mtu.automatic)
			continue;
		uint32_t mtu = node_mtu(tunnel);
		if (mtu == tunnel->mtu)
			continue;
		char problem[NODE_NETWORK_PROBLEM_SIZE];
		uint32_t before = tunnel->mtu;
		if (node_network_change(node, tunnel, problem))
			log_error("%s: %s", tunnel->name, problem);
		else
			log_info("%s: the way to its endpoints has changed, MTU %" PRIu32 " after %" PRIu32,
					 tunnel->name, mtu, before);
	}
}
