#include "conf/check_streams.h"

#include <string.h>

#include "conf/check_rules.h"
#include "conf/fault.h"
#include "wire/target.h"

/* What a fault is told of: the node at the key, or the one above where it is absent. */
static const struct tree_node *node_at(const struct tree_node *map, const char *key) {
	const struct tree_node *node = tree_get(map, key);
	return node ? node : map;
}

static bool is_loopback(const struct address *address) {
	static const uint8_t v6[ADDRESS_V6_SIZE] = {[15] = 1};
	return address->family == ADDRESS_V4 ? address->bytes[0] == 127
										 : memcmp(address->bytes, v6, sizeof v6) == 0;
}

/* Of an interface that is not there. By values, as a dump has keys that mean nothing. */
static void check_interface(const struct config_tunnel *tunnel, const struct tree_node *node,
							struct config_errors *errors) {
	static const char text[] =
		"without addresses the tunnel has no interface; addresses, or not %s";
	const struct tree_node *routes = tree_get(node, "routes"), *dns = tree_get(node, "dns");
	const struct tree_node *clients = tree_get(node, "clients");
	const struct {
		bool set;
		const struct tree_node *node;
		const char *key;
	} rows[] = {
		{!tunnel->mtu.automatic && tunnel->mtu.value > 0, tree_get(node, "mtu"), "mtu"},
		{tunnel->masquerade, tree_get(node, "masquerade"), "masquerade"},
		{tunnel->forward, tree_get(node, "forward"), "forward"},
		{tunnel->kill_switch && !tunnel->kill_switch_absent, tree_get(node, "kill_switch"),
		 "kill_switch"},
		{!tunnel->routes.from_peers, tree_get(routes, "include"), "routes.include"},
		{tunnel->routes.exclude.count > 0, tree_get(routes, "exclude"), "routes.exclude"},
		{tunnel->routes.include_domains.count > 0, tree_get(routes, "include_domains"),
		 "routes.include_domains"},
		{tunnel->routes.exclude_domains.count > 0, tree_get(routes, "exclude_domains"),
		 "routes.exclude_domains"},
		{tunnel->dns.server_count > 0, tree_get(dns, "servers"), "dns.servers"},
		{tunnel->clients.dns_count > 0, tree_get(clients, "dns"), "clients.dns"},
		{tunnel->clients.allowed_ips.count > 0, tree_get(clients, "allowed_ips"),
		 "clients.allowed_ips"},
	};
	if (tunnel->addresses.count > 0 || tree_get(node, "addresses"))
		return;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].set && rows[i].node)
			fault_add(errors, rows[i].node, NULL, text, rows[i].key);
	const struct tree_node *peers = tree_get(node, "peers");
	const struct tree_node *peer = peers ? peers->first : NULL;
	for (size_t i = 0; peer && i < tunnel->peer_count; i++, peer = peer->next)
		if (tunnel->peers[i].allowed_ips.count > 0)
			fault_add(errors, node_at(peer, "allowed_ips"), NULL, text, "allowed_ips");
}

static void check_server(const struct config_tunnel *tunnel, const struct tree_node *node,
						 struct config_errors *errors) {
	const struct tree_node *listen = tree_get(node, "listen");
	if (!listen)
		fault_add(errors, node, "listen",
				  "missing; where clients come, a port, or an address and port like \"[::]:443\"");
	else if (tunnel->listen.port == 0 && tunnel->listen.address.family != ADDRESS_NONE)
		fault_add(errors, listen, NULL, "no port that clients could know; one like \"[::]:443\"");
	check_rules(tunnel, POLICY_OF_STREAMS, node, errors);
	if (tunnel->decoy.folder && tunnel->decoy.proxy.port != 0)
		fault_add(errors, node_at(tree_get(node, "decoy"), "proxy"), NULL,
				  "decoy.folder stands there as well; one of them");
}

static void check_users(const struct config_tunnel *tunnel, const struct tree_node *proxy,
						struct config_errors *errors) {
	const struct config_proxy *values = &tunnel->proxy;
	const struct tree_node *listen = tree_get(proxy, "listen"), *users = tree_get(proxy, "users");
	const struct tree_node *item = users ? users->first : NULL;
	if (item && !listen)
		fault_add(errors, users, NULL, "there is no port to use them at; proxy.listen as well");
	if (listen && values->listen.port != 0 && !item && !is_loopback(&values->listen.address))
		fault_add(errors, listen, NULL,
				  "others reach it and nobody is asked for a password; proxy.users, or an address "
				  "of this host alone like 127.0.0.1:%u",
				  values->listen.port);
	for (size_t i = 0; item && i < values->user_count; i++, item = item->next) {
		for (size_t j = 0; j < i && values->users[i].name; j++) {
			char shown[FAULT_SHOWN_SIZE];
			if (!values->users[j].name || strcmp(values->users[i].name, values->users[j].name) != 0)
				continue;
			fault_add(errors, node_at(item, "name"), NULL, "%s stands in the list twice; once",
					  fault_shown(values->users[i].name, shown));
			break;
		}
	}
}

static void check_forwards(const struct config_tunnel *tunnel, const struct tree_node *node,
						   struct config_errors *errors) {
	const struct tree_node *forwards = tree_get(node, "forwards");
	const struct tree_node *item = forwards ? forwards->first : NULL;
	for (size_t i = 0; item && i < tunnel->forward_count; i++, item = item->next) {
		const struct config_forward *forward = &tunnel->forwards[i];
		struct target target;
		if (tree_get(item, "listen") && forward->listen.port == 0 &&
			forward->listen.address.family != ADDRESS_NONE)
			fault_add(errors, node_at(item, "listen"), NULL,
					  "no port that programs could know; one like 127.0.0.1:5201");
		if (forward->target.name &&
			target_parse(forward->target.name, forward->target.port, false, &target))
			fault_add(errors, node_at(item, "target"), NULL,
					  "nothing that a server could look up; a name or an address without a scope");
	}
}

static void check_its_server(const struct config_tunnel *tunnel, const struct tree_node *node,
							 struct config_errors *errors) {
	const struct tree_node *peers = tree_get(node, "peers");
	if (tunnel->peer_count != 1) {
		fault_add(errors, node_at(node, "peers"), peers ? NULL : "peers",
				  "a client has one peer, its server; %zu stand here", tunnel->peer_count);
		return;
	}
	if (peers && peers->first && !tree_get(peers->first, "endpoint"))
		fault_add(errors, peers->first, "endpoint",
				  "missing; where the server is, like vpn.example.org:443");
}

static void check_client(const struct config_tunnel *tunnel, const struct tree_node *node,
						 struct config_errors *errors) {
	check_its_server(tunnel, node, errors);
	check_users(tunnel, tree_get(node, "proxy"), errors);
	check_forwards(tunnel, node, errors);
	const struct tree_node *tls = tree_get(node, "tls");
	if (tunnel->tls.ca_file && tunnel->tls.pins.count > 0)
		fault_add(errors, node_at(tls, "ca_file"), NULL,
				  "with tls.pins nobody looks at roots; one of them");
	bool proxy = tunnel->proxy.listen.port != 0 || tree_get(tree_get(node, "proxy"), "listen");
	if (!proxy && !tree_get(node, "forwards") && !tree_get(node, "addresses"))
		fault_add(errors, node, NULL,
				  "nothing leads into the tunnel; proxy.listen, forwards or addresses");
}

void check_streams(const struct config_tunnel *tunnel, const struct tree_node *node,
				   struct config_errors *errors) {
	if (!tunnel->carries_streams || tunnel->role_absent)
		return;
	check_interface(tunnel, node, errors);
	if (tunnel->role == CONFIG_SERVER)
		check_server(tunnel, node, errors);
	else
		check_client(tunnel, node, errors);
}
