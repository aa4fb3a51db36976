#include "conf/check_sockets.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "conf/fault.h"

struct socket {
	const struct endpoint *at;
	bool tcp;
	const struct config_tunnel *shares; /* may have a port with tunnels of others' protocols */
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

static bool is_everywhere(const struct address *address) {
	return address->family != ADDRESS_V4 && is_unspecified(address);
}

static bool at_same_address(const struct endpoint *left, const struct endpoint *right) {
	return address_equal(&left->address, &right->address) ||
		   (is_everywhere(&left->address) && is_everywhere(&right->address));
}

/* One of its own: see plan_mark(). */
static bool has_own_mark(const struct config_tunnel *tunnel) {
	return tunnel->fwmark.automatic &&
		   ((tunnel->routes.table.automatic && config_routes_default(tunnel)) ||
			tunnel->routes.include_domains.count > 0);
}

static uint32_t mark_of(const struct config_tunnel *tunnel) {
	return tunnel->fwmark.automatic || tunnel->fwmark.off ? 0 : tunnel->fwmark.value;
}

static bool have_same_mark(const struct config_tunnel *left, const struct config_tunnel *right) {
	return !has_own_mark(left) && !has_own_mark(right) && mark_of(left) == mark_of(right);
}

/* The sockets overlap. False: and may not. */
static bool may_share(struct sockets *sockets, const struct socket *socket,
					  const struct socket *other) {
	if (!socket->shares || !other->shares ||
		strcmp(socket->shares->protocol, other->shares->protocol) == 0)
		return false;
	char place[FAULT_PLACE_SIZE];
	const struct tree_node *mark = tree_get(socket->tunnel, "fwmark");
	if (!at_same_address(socket->at, other->at))
		fault_add(sockets->errors, socket->node, NULL,
				  "port %u is shared with the tunnel at %s, which has another address there; the "
				  "same address, or another port",
				  socket->at->port, fault_place(other->tunnel, place));
	else if (!have_same_mark(socket->shares, other->shares))
		fault_add(sockets->errors, mark ? mark : socket->node, NULL,
				  "port %u is shared with the tunnel at %s, whose datagrams have another mark; the "
				  "same fwmark for both, or another port",
				  socket->at->port, fault_place(other->tunnel, place));
	return true;
}

static void refuse(struct sockets *sockets, const struct socket *socket,
				   const struct socket *other) {
	char place[FAULT_PLACE_SIZE];
	bool same = other->tunnel == socket->tunnel;
	fault_add(sockets->errors, socket->node, NULL,
			  "port %u is taken %s %s; another port or address", socket->at->port,
			  same ? "at" : "by the tunnel at",
			  fault_place(same ? other->node : other->tunnel, place));
}

static void add(struct sockets *sockets, const struct socket *socket) {
	if (!socket->node)
		return;
	for (size_t i = 0; i < sockets->count; i++) {
		const struct socket *other = &sockets->items[i];
		if (other->tcp != socket->tcp || !overlap(socket->at, other->at) ||
			may_share(sockets, socket, other))
			continue;
		refuse(sockets, socket, other);
		break;
	}
	sockets->items[sockets->count++] = *socket;
}

static void add_tunnel(struct sockets *sockets, const struct config_tunnel *tunnel,
					   const struct tree_node *node) {
	struct socket socket = {.tunnel = node};
	bool client = tunnel->role == CONFIG_CLIENT && !tunnel->role_absent;
	/* Without a protocol, which is a fault that was told, nothing is known of its sockets. */
	if (!tunnel->protocol || (config_has_shared(tunnel) && client))
		return;
	if (!tunnel->carries_streams || (!client && !tunnel->role_absent)) {
		socket.at = &tunnel->listen;
		socket.node = tree_get(node, "listen");
		if (tunnel->logs_in && config_goes_over(tunnel, CONFIG_TCP)) {
			socket.tcp = true;
			add(sockets, &socket);
		}
		socket.tcp = tunnel->carries_streams;
		socket.shares = tunnel->carries_streams ? NULL : tunnel;
		add(sockets, &socket);
		return;
	}
	socket.at = &tunnel->proxy.listen;
	socket.tcp = true;
	socket.node = tree_get(tree_get(node, "proxy"), "listen");
	add(sockets, &socket);
	const struct tree_node *forwards = tree_get(node, "forwards");
	const struct tree_node *item = forwards ? forwards->first : NULL;
	for (size_t i = 0; item && i < tunnel->forward_count; i++, item = item->next) {
		socket.at = &tunnel->forwards[i].listen;
		socket.tcp = tunnel->forwards[i].protocol == CONFIG_TCP;
		socket.node = tree_get(item, "listen");
		add(sockets, &socket);
	}
}

enum err check_sockets(const struct config *config, const struct tree_node *root,
					   struct config_errors *errors) {
	const struct tree_node *tunnels = tree_get(root, "tunnels");
	const struct tree_node *node = tunnels ? tunnels->first : NULL;
	size_t count = 1;
	for (size_t i = 0; i < config->tunnel_count; i++)
		count += 2 + config->tunnels[i].forward_count;
	auto_free struct socket *items = calloc(count, sizeof *items);
	if (!items)
		return ERR_NO_MEMORY;
	struct sockets sockets = {.items = items, .errors = errors};
	for (size_t i = 0; node && i < config->tunnel_count; i++, node = node->next)
		add_tunnel(&sockets, &config->tunnels[i], node);
	return ERR_OK;
}
