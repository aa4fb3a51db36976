#include "conf/check_shared.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "conf/check_login.h"
#include "conf/check_rules.h"
#include "conf/fault.h"
#include "conf/shared.h"
#include "wire/parameters.h"

enum {
	MTU_V6_MIN = 1280, /* RFC 8200 section 5 */
	LEASES = 2,        /* addresses of who logs in, at most: one of each family */
};

/* What a fault is told of: the node at the key, or the one above where it is absent. */
static const struct tree_node *node_at(const struct tree_node *map, const char *key) {
	const struct tree_node *node = tree_get(map, key);
	return node ? node : map;
}

static const struct tree_node *item_at(const struct tree_node *list, size_t index) {
	const struct tree_node *item = list && list->kind == TREE_LIST ? list->first : NULL;
	while (item && index-- > 0)
		item = item->next;
	return item ? item : list;
}

static void check_listen(const struct config_tunnel *tunnel, const struct tree_node *node,
						 struct config_errors *errors) {
	const struct tree_node *listen = tree_get(node, "listen");
	if (!listen)
		fault_add(errors, node, "listen",
				  "missing; where clients come, a port, or an address and port like "
				  "\"[::]:51820\"");
	else if (tunnel->listen.port == 0 && tunnel->listen.address.family != ADDRESS_NONE)
		fault_add(errors, listen, NULL, "no port that clients could know; one like \"[::]:51820\"");
}

static bool is_allowed(const struct config_peer *peer, const struct prefix *prefix) {
	struct prefix one = *prefix;
	one.length = (uint8_t)(8 * address_size(&one.address));
	for (size_t i = 0; i < peer->allowed_ips.count; i++)
		if (prefix_covers(&peer->allowed_ips.items[i], &one))
			return true;
	return false;
}

static void check_told(const struct config_peer *peer, const struct tree_node *node,
					   struct config_errors *errors) {
	const struct tree_node *list = tree_get(node, "addresses");
	for (size_t i = 0; i < peer->told.count; i++) {
		char text[ADDRESS_TEXT_SIZE];
		if (is_allowed(peer, &peer->told.items[i]))
			continue;
		address_format(&peer->told.items[i].address, text);
		fault_add(errors, item_at(list, i), NULL,
				  "packets from %s would be thrown away; allowed_ips with it as well", text);
	}
}

static void check_clients(const struct config_tunnel *tunnel, const struct tree_node *list,
						  struct config_errors *errors) {
	const struct tree_node *node = list && list->kind == TREE_LIST ? list->first : NULL;
	for (size_t i = 0; node && i < tunnel->peer_count; i++, node = node->next) {
		if (node->kind == TREE_MAP)
			check_told(&tunnel->peers[i], node, errors);
	}
}

/* Of the client that is told the most. */
static void fill_settings(const struct config_tunnel *tunnel, struct interface_settings *settings) {
	struct prefix addresses[INTERFACE_SETTINGS_ADDRESSES_MAX];
	settings->route_count = shared_routes(tunnel, settings->routes);
	while (tunnel->logs_in && settings->address_count < LEASES)
		settings->addresses[settings->address_count++] = (struct prefix){
			.address = {.bytes = {0xfd, [15] = 1}, .family = ADDRESS_V6}, .length = 128};
	for (size_t i = 0; i < tunnel->peer_count; i++) {
		size_t count = shared_addresses(&tunnel->peers[i], addresses);
		if (count <= settings->address_count)
			continue;
		settings->address_count = count;
		memcpy(settings->addresses, addresses, count * sizeof *addresses);
	}
	for (; settings->server_count < tunnel->shared.push.dns_count; settings->server_count++)
		settings->servers[settings->server_count] = tunnel->shared.push.dns[settings->server_count];
	for (; settings->domain_count < tunnel->shared.push.domains.count; settings->domain_count++) {
		const char *name = tunnel->shared.push.domains.items[settings->domain_count];
		size_t size = strnlen(name, DNS_NAME_TEXT_MAX);
		memcpy(settings->domains[settings->domain_count], name, size);
	}
	if (!tunnel->shared.push.mtu.off)
		settings->mtu = (uint16_t)tunnel->shared.push.mtu.value;
}

static enum err check_room(const struct config_tunnel *tunnel, const struct tree_node *node,
						   struct config_errors *errors) {
	uint8_t data[PARAMETERS_ACCEPT_SIZE_MAX];
	const size_t room = tunnel->logs_in ? sizeof data : PARAMETERS_ANSWER_SIZE_MAX;
	size_t size;
	auto_free struct parameters *parameters = calloc(1, sizeof *parameters);
	if (!parameters)
		return ERR_NO_MEMORY;
	parameters->keepalive = CONFIG_KEEPALIVE_MAX;
	parameters->rekey_seconds = parameters->rekey_packets = parameters->ticket_lifetime = 1;
	parameters->has_ticket = tunnel->logs_in;
	fill_settings(tunnel, &parameters->interface);
	enum err error = parameters_encode(parameters, data, room, &size);
	if (error == ERR_LIMIT)
		fault_add(errors, node_at(tree_get(node, "push"), "routes"), NULL,
				  "with all the rest more than the %zu bytes that there is room for in an answer; "
				  "fewer routes or domains%s",
				  room, tunnel->logs_in ? "" : " (117 IPv4 routes alone would fit, or 50 of IPv6)");
	return ERR_OK;
}

static void check_push(const struct config_tunnel *tunnel, const struct tree_node *node,
					   struct config_errors *errors) {
	const struct tree_node *push = tree_get(node, "push");
	const struct config_choice *mtu = &tunnel->shared.push.mtu;
	if (tunnel->shared.push.domains.count > 0 && tunnel->shared.push.dns_count == 0 &&
		!tree_get(push, "dns"))
		fault_add(errors, node_at(push, "domains"), NULL,
				  "there are no servers to ask; push.dns as well");
	for (size_t i = 0; !mtu->off && mtu->value > 0 && i < tunnel->addresses.count; i++) {
		if (tunnel->addresses.items[i].address.family != ADDRESS_V6 || mtu->value >= MTU_V6_MIN)
			continue;
		fault_add(errors, node_at(push, "mtu"), NULL,
				  "%u is too small for IPv6 addresses; %d or more", mtu->value, MTU_V6_MIN);
		break;
	}
}

static void check_endpoints(const struct config_tunnel *tunnel, const struct tree_node *node,
							struct config_errors *errors) {
	const struct config_hosts *hosts = &tunnel->shared.endpoints;
	const struct tree_node *list = tree_get(node, "endpoints");
	if (list && list->kind == TREE_LIST && list->count == 0)
		fault_add(errors, list, NULL, "empty; where the server is, like vpn.example.org:51820");
	for (size_t i = 0; i < hosts->count; i++)
		for (size_t j = 0; j < i; j++) {
			if (hosts->items[i].port != hosts->items[j].port ||
				strcmp(hosts->items[i].name, hosts->items[j].name) != 0)
				continue;
			fault_add(errors, item_at(list, i), NULL,
					  "%s:%u stands in the list twice; each endpoint once", hosts->items[i].name,
					  hosts->items[i].port);
			break;
		}
}

enum err check_shared(const struct config_tunnel *tunnel, const struct tree_node *node,
					  struct config_errors *errors) {
	if (!config_has_shared(tunnel) || tunnel->role_absent)
		return ERR_OK;
	if (tunnel->logs_in)
		check_login(tunnel, node, errors);
	if (tunnel->role == CONFIG_CLIENT) {
		check_endpoints(tunnel, node, errors);
		return ERR_OK;
	}
	check_listen(tunnel, node, errors);
	check_clients(tunnel, tree_get(node, "peers"), errors);
	check_rules(tunnel, POLICY_OF_PACKETS, node, errors);
	check_push(tunnel, node, errors);
	return check_room(tunnel, node, errors);
}
