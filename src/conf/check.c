#include "conf/check.h"

#include <string.h>

#include "base/wipe.h"
#include "conf/check_domains.h"
#include "conf/check_keys.h"
#include "conf/check_shared.h"
#include "conf/check_sockets.h"
#include "conf/check_streams.h"
#include "conf/fault.h"
#include "conf/set.h"

enum { MTU_V6_MIN = 1280 }; /* RFC 8200 section 5 */

/* What the peers of a tunnel had so far; values are the peers' nodes. */
struct seen {
	struct set names, keys, prefixes;
};

static void seen_done(struct seen *seen) {
	set_done(&seen->names);
	set_done(&seen->keys);
	set_done(&seen->prefixes);
}

/* The node of a peer's key, or of the peer itself where it has none. */
static const struct tree_node *node_at(const struct tree_node *peer, const char *key) {
	const struct tree_node *node = tree_get(peer, key);
	return node ? node : peer;
}

static void check_name(struct seen *seen, const struct config_peer *peer,
					   const struct tree_node *node, struct config_errors *errors) {
	char place[FAULT_PLACE_SIZE], shown[FAULT_SHOWN_SIZE];
	const struct tree_node *before = set_put(&seen->names, slice_of_text(peer->name), node);
	if (before)
		fault_add(errors, node_at(node, "name"), NULL,
				  "%s is the name of the peer at %s, too; a name of its own",
				  fault_shown(peer->name, shown), fault_place(before, place));
}

static void check_key(struct seen *seen, const struct config_peer *peer,
					  const struct tree_node *node, struct config_errors *errors) {
	char place[FAULT_PLACE_SIZE];
	const struct tree_node *before =
		set_put(&seen->keys, slice_of(peer->public_key, sizeof peer->public_key), node);
	if (before)
		fault_add(errors, node_at(node, tree_get(node, "identity") ? "identity" : "public_key"),
				  NULL, "the peer at %s has the same key; each peer its own",
				  fault_place(before, place));
}

static void check_prefixes(struct seen *seen, const struct config_peer *peer,
						   const struct tree_node *node, struct config_errors *errors) {
	const struct tree_node *list = tree_get(node, "allowed_ips");
	const struct tree_node *item = list && list->kind == TREE_LIST ? list->first : list;
	for (size_t i = 0; i < peer->allowed_ips.count; i++, item = item ? item->next : NULL) {
		const struct prefix *prefix = &peer->allowed_ips.items[i];
		const struct tree_node *before =
			set_put(&seen->prefixes, slice_of(prefix, sizeof *prefix), node);
		if (!before || before == node)
			continue;
		char place[FAULT_PLACE_SIZE], text[ADDRESS_TEXT_SIZE];
		prefix_format(prefix, text);
		fault_add(errors, item ? item : node, NULL,
				  "%s leads to the peer at %s already; a prefix belongs to one peer", text,
				  fault_place(before, place));
	}
}

static enum err check_peers(const struct config_tunnel *tunnel, const struct tree_node *list,
							struct config_errors *errors) {
	struct seen seen = {0};
	size_t prefixes = 0;
	for (size_t i = 0; i < tunnel->peer_count; i++)
		prefixes += tunnel->peers[i].allowed_ips.count;
	enum err error = set_init(&seen.names, tunnel->peer_count);
	if (!error)
		error = set_init(&seen.keys, tunnel->peer_count);
	if (!error)
		error = set_init(&seen.prefixes, prefixes);
	const struct tree_node *node = list ? list->first : NULL;
	for (size_t i = 0; !error && node && i < tunnel->peer_count; i++, node = node->next) {
		const struct config_peer *peer = &tunnel->peers[i];
		check_prefixes(&seen, peer, node, errors);
		/* A key that was refused is zeros, and the name may be made of it. */
		bool known = !wipe_is_zero(peer->public_key, sizeof peer->public_key);
		if (known || (tunnel->shares_keys && tree_get(node, "name")))
			check_name(&seen, peer, node, errors);
		if (known)
			check_key(&seen, peer, node, errors);
	}
	seen_done(&seen);
	return error;
}

static void check_mtu(const struct config_tunnel *tunnel, const struct tree_node *node,
					  struct config_errors *errors) {
	const struct tree_node *mtu = tree_get(node, "mtu");
	if (!mtu || tunnel->mtu.automatic || tunnel->mtu.value == 0 || tunnel->mtu.value >= MTU_V6_MIN)
		return;
	for (size_t i = 0; i < tunnel->addresses.count; i++) {
		if (tunnel->addresses.items[i].address.family != ADDRESS_V6)
			continue;
		fault_add(errors, mtu, NULL, "%u is too small for IPv6 addresses; %d or more",
				  tunnel->mtu.value, MTU_V6_MIN);
		return;
	}
}

/* Without a mark the tunnel's own datagrams would take the default route: into the tunnel. */
static void check_mark(const struct config_tunnel *tunnel, const struct tree_node *node,
					   struct config_errors *errors) {
	const struct tree_node *mark = tree_get(node, "fwmark");
	if (!mark || !tunnel->fwmark.off || !tunnel->routes.table.automatic)
		return;
	if (config_routes_default(tunnel))
		fault_add(
			errors, mark, NULL,
			"off, but a default route goes into the tunnel; auto or a number, or routes.table "
			"off");
}

static void check_kill_switch(const struct config_tunnel *tunnel, const struct tree_node *node,
							  struct config_errors *errors) {
	const struct tree_node *key = tree_get(node, "kill_switch");
	if (!key || !tunnel->kill_switch || tunnel->kill_switch_absent)
		return;
	if (!tunnel->routes.table.automatic || !config_routes_default(tunnel))
		fault_add(
			errors, key, NULL,
			"true, but the tunnel takes no default route; 0.0.0.0/0 or ::/0 in routes.include "
			"or in a peer's allowed_ips with routes.table auto, or false");
}

/* Quadratic, of a list that the schema keeps short. */
static void check_addresses(const struct config_tunnel *tunnel, const struct tree_node *node,
							struct config_errors *errors) {
	const struct tree_node *list = tree_get(node, "addresses");
	const struct tree_node *item = list && list->kind == TREE_LIST ? list->first : list;
	for (size_t i = 0; item && i < tunnel->addresses.count; i++, item = item->next) {
		const struct address *address = &tunnel->addresses.items[i].address;
		for (size_t j = 0; j < i; j++) {
			if (!address_equal(address, &tunnel->addresses.items[j].address))
				continue;
			char text[ADDRESS_TEXT_SIZE];
			address_format(address, text);
			fault_add(errors, item, NULL, "%s stands in the list twice; each address once", text);
			break;
		}
	}
}

/* What is included and excluded leads nowhere: a mistake, and hard to see in the routes. */
static enum err check_exclude(const struct config_tunnel *tunnel, const struct tree_node *node,
							  struct config_errors *errors) {
	const struct config_prefixes *include = &tunnel->routes.include;
	const struct config_prefixes *exclude = &tunnel->routes.exclude;
	const struct tree_node *list = tree_get(tree_get(node, "routes"), "exclude");
	const struct tree_node *item = list && list->kind == TREE_LIST ? list->first : list;
	if (!item || tunnel->routes.from_peers)
		return ERR_OK;
	struct set included;
	enum err error = set_init(&included, include->count + exclude->count);
	if (error)
		return error;
	for (size_t i = 0; i < include->count; i++)
		(void)set_put(&included, slice_of(&include->items[i], sizeof include->items[i]), include);
	for (size_t i = 0; item && i < exclude->count; i++, item = item->next) {
		const struct prefix *prefix = &exclude->items[i];
		if (set_put(&included, slice_of(prefix, sizeof *prefix), exclude) != include)
			continue;
		char text[ADDRESS_TEXT_SIZE];
		prefix_format(prefix, text);
		fault_add(errors, item, NULL,
				  "%s stands in routes.include as well; a part of it, or in one of the lists",
				  text);
	}
	set_done(&included);
	return ERR_OK;
}

/* Names that nobody would be asked for. */
static void check_dns(const struct config_tunnel *tunnel, const struct tree_node *node,
					  struct config_errors *errors) {
	static const char *const keys[] = {"domains", "search"};
	const struct tree_node *dns = tree_get(node, "dns");
	const size_t counts[] = {tunnel->dns.domains.count, tunnel->dns.search.count};
	if (tunnel->dns.servers_absent && config_takes_settings(tunnel))
		return; /* its server may give some */
	for (size_t i = 0; dns && tunnel->dns.server_count == 0 && i < 2; i++)
		if (counts[i] > 0 && !tree_get(dns, "servers"))
			fault_add(errors, node_at(dns, keys[i]), NULL,
					  "there are no servers to ask; dns.servers as well");
}

static void check_servers(const struct config_tunnel *tunnel, const struct tree_node *node,
						  struct config_errors *errors) {
	const struct tree_node *servers = tree_get(tree_get(node, "dns"), "servers");
	if (servers && servers->kind == TREE_TEXT && strcmp(servers->text, "push") == 0 &&
		!config_takes_settings(tunnel))
		fault_add(errors, servers, NULL,
				  "push, but no server gives this end its name servers; a list of addresses");
}

enum err check_config(const struct config *config, const struct tree_node *root,
					  struct config_errors *errors) {
	const struct tree_node *tunnels = tree_get(root, "tunnels");
	const struct tree_node *node = tunnels ? tunnels->first : NULL;
	check_domains(config, root, errors);
	enum err error = check_sockets(config, root, errors);
	if (error)
		return error;
	for (size_t i = 0; node && i < config->tunnel_count; i++, node = node->next) {
		const struct config_tunnel *tunnel = &config->tunnels[i];
		check_keys(tunnel, node, errors);
		check_mtu(tunnel, node, errors);
		check_mark(tunnel, node, errors);
		check_kill_switch(tunnel, node, errors);
		check_addresses(tunnel, node, errors);
		check_dns(tunnel, node, errors);
		check_servers(tunnel, node, errors);
		check_streams(tunnel, node, errors);
		error = check_shared(tunnel, node, errors);
		if (!error)
			error = check_exclude(tunnel, node, errors);
		if (!error)
			error = check_peers(tunnel, tree_get(node, "peers"), errors);
		if (error)
			return error;
	}
	return ERR_OK;
}
