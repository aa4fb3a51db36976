#include "conf/check_sockets.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "conf/fault.h"

struct socket {
	const struct endpoint *at;
	bool tcp;
	const struct tree_node *tunnel, *node;
};

struct sockets {
	struct socket *items;
	size_t count;
	struct config_errors *errors;
};

static bool is_unspecified(const struct address *address) {
	return wipe_is_zero(address->bytes, sizeof address->bytes);
}

/* Whether something could be for either: [::] takes both families. */
static bool overlap(const struct endpoint *left, const struct endpoint *right) {
	if (left->port == 0 || left->port != right->port)
		return false;
	const struct address *a = &left->address, *b = &right->address;
	if (address_equal(a, b))
		return true;
	if ((a->family == ADDRESS_V6 && is_unspecified(a)) ||
		(b->family == ADDRESS_V6 && is_unspecified(b)))
		return true;
	return a->family == b->family && (is_unspecified(a) || is_unspecified(b));
}

static void add(struct sockets *sockets, const struct endpoint *at, bool tcp,
				const struct tree_node *tunnel, const struct tree_node *node) {
	if (!node)
		return;
	for (size_t i = 0; i < sockets->count; i++) {
		const struct socket *other = &sockets->items[i];
		if (other->tcp != tcp || !overlap(at, other->at))
			continue;
		char place[FAULT_PLACE_SIZE];
		bool same = other->tunnel == tunnel;
		fault_add(sockets->errors, node, NULL, "port %u is taken %s %s; another port or address",
				  at->port, same ? "at" : "by the tunnel at",
				  fault_place(same ? other->node : other->tunnel, place));
		break;
	}
	sockets->items[sockets->count++] = (struct socket){at, tcp, tunnel, node};
}

static void add_tunnel(struct sockets *sockets, const struct config_tunnel *tunnel,
					   const struct tree_node *node) {
	bool client = tunnel->role == CONFIG_CLIENT && !tunnel->role_absent;
	if (tunnel->shares_keys && client)
		return;
	if (!tunnel->carries_streams || (!client && !tunnel->role_absent)) {
		add(sockets, &tunnel->listen, tunnel->carries_streams, node, tree_get(node, "listen"));
		return;
	}
	add(sockets, &tunnel->proxy.listen, true, node, tree_get(tree_get(node, "proxy"), "listen"));
	const struct tree_node *forwards = tree_get(node, "forwards");
	const struct tree_node *item = forwards ? forwards->first : NULL;
	for (size_t i = 0; item && i < tunnel->forward_count; i++, item = item->next)
		add(sockets, &tunnel->forwards[i].listen, tunnel->forwards[i].protocol == CONFIG_TCP, node,
			tree_get(item, "listen"));
}

enum err check_sockets(const struct config *config, const struct tree_node *root,
					   struct config_errors *errors) {
	const struct tree_node *tunnels = tree_get(root, "tunnels");
	const struct tree_node *node = tunnels ? tunnels->first : NULL;
	size_t count = 1;
	for (size_t i = 0; i < config->tunnel_count; i++)
		count += 1 + config->tunnels[i].forward_count;
	auto_free struct socket *items = calloc(count, sizeof *items);
	if (!items)
		return ERR_NO_MEMORY;
	struct sockets sockets = {.items = items, .errors = errors};
	for (size_t i = 0; node && i < config->tunnel_count; i++, node = node->next)
		add_tunnel(&sockets, &config->tunnels[i], node);
	return ERR_OK;
}
