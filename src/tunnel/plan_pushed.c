#include "tunnel/plan_pushed.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/plan.h"
#include "tunnel/plan_mtu.h"

/* A range by its first bytes. */
#define V4(bits, ...) \
	{ {{__VA_ARGS__}, ADDRESS_V4}, (bits) }
#define V6(bits, ...) \
	{ {{__VA_ARGS__}, ADDRESS_V6}, (bits) }

/* This host, links, groups, what is reserved: RFC 6890. */
static const struct prefix special[] = {
	V4(8, 0), V4(8, 127), V4(16, 169, 254), V4(3, 224), V6(32, 0), V6(10, 0xfe, 0x80), V6(8, 0xff),
};

/* RFC 1918, RFC 6598, RFC 4193 */
static const struct prefix private[] = {
	V4(8, 10), V4(12, 172, 16), V4(16, 192, 168), V4(10, 100, 64), V6(7, 0xfc),
};

enum { TOLD_ADDRESSES = 2 }; /* one of each family, mostly */

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct judge {
	const struct config_tunnel *tunnel;
	const struct config_peer *peer;
	const struct plan_pushed_host *host;
	struct plan_pushed *pushed;
};

static uint8_t whole(const struct address *address) {
	return (uint8_t)(8 * address_size(address));
}

static struct prefix alone(const struct address *address) {
	return (struct prefix){.address = *address, .length = whole(address)};
}

static bool any_covers(const struct prefix *prefixes, size_t count, const struct prefix *one) {
	for (size_t i = 0; i < count; i++)
		if (prefix_covers(&prefixes[i], one))
			return true;
	return false;
}

static bool is_special(const struct prefix *prefix) {
	for (size_t i = 0; i < COUNT(special); i++)
		if (prefix_covers(&special[i], prefix) || prefix_covers(prefix, &special[i]))
			return true;
	return false;
}

static bool is_inside(const struct address *address, const struct prefix *prefix) {
	const struct prefix one = alone(address);
	return prefix_covers(prefix, &one);
}

static bool is_host_inside(const struct config_host *host, const struct prefix *prefix) {
	struct address address;
	return host->name && !address_parse(host->name, &address) && is_inside(&address, prefix);
}

static bool has_endpoint(const struct judge *judge, const struct prefix *prefix) {
	const struct config_peer *peer = judge->peer;
	bool found = is_host_inside(&peer->endpoint, prefix);
	for (size_t i = 0; i < peer->others.count; i++)
		found |= is_host_inside(&peer->others.items[i], prefix);
	for (size_t i = 0; i < judge->host->endpoint_count; i++)
		found |= is_inside(&judge->host->endpoints[i], prefix);
	return found;
}

/* Of the configuration: what leads to the peer, or what is said to do so. */
static struct config_prefixes own_routes(const struct judge *judge) {
	const struct config_tunnel *tunnel = judge->tunnel;
	return tunnel->routes.from_peers ? judge->peer->allowed_ips : tunnel->routes.include;
}

/* More than the networks of its own addresses. */
static bool has_routes(const struct judge *judge) {
	const struct config_prefixes *allowed = &judge->peer->allowed_ips;
	bool found = !judge->tunnel->routes.from_peers;
	for (size_t i = 0; i < allowed->count && !found; i++)
		found = !plan_covers(judge->tunnel, &allowed->items[i]);
	return found;
}

static bool is_wide(const struct prefix *route, bool unlimited) {
	bool v4 = route->address.family == ADDRESS_V4;
	if (route->length < (v4 ? PLAN_PUSHED_V4_MIN : PLAN_PUSHED_V6_MIN))
		return true;
	return !unlimited && !any_covers(private, COUNT(private), route) &&
		   route->length < (v4 ? PLAN_PUSHED_PUBLIC_V4_MIN : PLAN_PUSHED_PUBLIC_V6_MIN);
}

static const char *objection_to_network(const struct judge *judge, const struct prefix *route,
										bool unlimited) {
	if (is_wide(route, unlimited))
		return "too wide";
	if (is_special(route))
		return "not for networks";
	if (any_covers(judge->host->networks, judge->host->network_count, route))
		return "in a network that this host has already";
	return has_endpoint(judge, route) ? "a tunnel's server is in it" : NULL;
}

/* Why it may not be led into the tunnel; NULL: it may. */
static const char *objection(const struct judge *judge, const struct prefix *route) {
	const struct config_prefixes *accept = &judge->tunnel->routes.accept;
	if (route->length == 0)
		return "a default route is the configuration's to have";
	if (judge->tunnel->routes.accept_absent && has_routes(judge))
		return "the configuration has routes, and no routes.accept";
	if (!judge->tunnel->routes.accept_absent && !any_covers(accept->items, accept->count, route))
		return "not in routes.accept";
	return objection_to_network(judge, route, !judge->tunnel->routes.accept_absent);
}

static void refuse(struct judge *judge, const char *kind, const struct prefix *what,
				   const char *why) {
	char text[ADDRESS_TEXT_SIZE];
	prefix_format(what, text);
	if (judge->pushed->refused++ == 0)
		(void)snprintf(judge->pushed->problem, sizeof judge->pushed->problem, "%s %s: %s", kind,
					   text, why);
}

static bool is_among(const struct prefix *prefixes, size_t count, const struct prefix *one) {
	for (size_t i = 0; i < count; i++)
		if (prefix_equal(&prefixes[i], one))
			return true;
	return false;
}

/* Addresses */

static const char *objection_to_address(const struct judge *judge, const struct address *address) {
	const struct prefix one = alone(address);
	if (is_special(&one))
		return "not a host's";
	if (any_covers(judge->host->networks, judge->host->network_count, &one))
		return "in a network that this host has already";
	return has_endpoint(judge, &one) ? "a tunnel's server has it" : NULL;
}

static void take_address(struct judge *judge, const struct prefix *address) {
	struct interface_settings *taken = &judge->pushed->taken;
	struct prefix network = *address, result = *address;
	const struct config_prefixes own = own_routes(judge);
	const char *why = objection_to_address(judge, &address->address);
	if (why) {
		refuse(judge, "address", address, why);
		return;
	}
	prefix_mask(&network);
	/*
	 * Where the file leads it into the tunnel anyway, a default route does so by rules that leave
	 * out the tunnel's own datagrams; the network of an address is a plain route, which does not.
	 */
	bool led = any_covers(own.items, own.count, &network);
	if (led ? objection_to_network(judge, &network, false) : objection(judge, &network))
		result = alone(&address->address);
	for (size_t i = 0; i < taken->address_count; i++)
		if (address_equal(&taken->addresses[i].address, &result.address))
			return;
	taken->addresses[taken->address_count++] = result;
}

static void take_addresses(struct judge *judge, const struct interface_settings *settings) {
	for (size_t i = 0; i < settings->address_count && judge->tunnel->addresses.count == 0; i++)
		take_address(judge, &settings->addresses[i]);
}

/* Routes */

static void take_routes(struct judge *judge, const struct interface_settings *settings) {
	struct interface_settings *taken = &judge->pushed->taken;
	const struct config_prefixes own = own_routes(judge);
	for (size_t i = 0; i < settings->route_count; i++) {
		const struct prefix *route = &settings->routes[i];
		if (any_covers(own.items, own.count, route) ||
			is_among(taken->routes, taken->route_count, route))
			continue;
		const char *why = objection(judge, route);
		if (why)
			refuse(judge, "route", route, why);
		else
			taken->routes[taken->route_count++] = *route;
	}
}

/* Names */

/* Whether the tunnel has the way there, by the configuration or by what was taken. */
static bool is_led(const struct judge *judge, const struct prefix *one) {
	const struct interface_settings *taken = &judge->pushed->taken;
	const struct config_prefixes own = own_routes(judge);
	const struct config_prefixes *addresses = &judge->tunnel->addresses;
	return any_covers(own.items, own.count, one) ||
		   any_covers(taken->routes, taken->route_count, one) ||
		   any_covers(taken->addresses, taken->address_count, one) ||
		   any_covers(addresses->items, addresses->count, one);
}

static void take_names(struct judge *judge, const struct interface_settings *settings) {
	struct interface_settings *taken = &judge->pushed->taken;
	const struct config_dns *dns = &judge->tunnel->dns;
	if (!dns->servers_absent || dns->manager == CONFIG_DNS_OFF)
		return;
	for (size_t i = 0; i < settings->server_count; i++) {
		const struct prefix one = alone(&settings->servers[i]);
		if (is_special(&one))
			refuse(judge, "name server", &one, "not a host's");
		else if (!is_led(judge, &one))
			refuse(judge, "name server", &one, "no route into the tunnel has it");
		else
			taken->servers[taken->server_count++] = settings->servers[i];
	}
	if (taken->server_count == 0 || dns->search.count > 0)
		return;
	memcpy(taken->domains, settings->domains, sizeof taken->domains);
	taken->domain_count = settings->domain_count;
}

/* The configuration with it */

static enum err join(const struct config_prefixes *before, const struct prefix *more, size_t count,
					 struct prefix **out_items, struct config_prefixes *out_prefixes) {
	struct prefix *items = calloc(before->count + count + 1, sizeof *items);
	if (!items)
		return ERR_NO_MEMORY;
	if (before->count > 0)
		memcpy(items, before->items, before->count * sizeof *items);
	memcpy(items + before->count, more, count * sizeof *items);
	*out_items = items;
	*out_prefixes = (struct config_prefixes){.items = items, .count = before->count + count};
	return ERR_OK;
}

/* What goes to the peer, and may come from it, besides: routes, and the networks of addresses. */
static size_t collect(
	const struct judge *judge,
	struct prefix more[static INTERFACE_SETTINGS_ROUTES_MAX + INTERFACE_SETTINGS_ADDRESSES_MAX]) {
	const struct interface_settings *taken = &judge->pushed->taken;
	const struct config_prefixes own = own_routes(judge);
	size_t count = taken->route_count;
	memcpy(more, taken->routes, count * sizeof *more);
	for (size_t i = 0; i < taken->address_count; i++) {
		struct prefix network = taken->addresses[i];
		prefix_mask(&network);
		if (network.length < whole(&network.address) &&
			!any_covers(own.items, own.count, &network) && !is_among(more, count, &network))
			more[count++] = network;
	}
	return count;
}

static enum err add_prefixes(struct judge *judge) {
	struct plan_pushed *pushed = judge->pushed;
	struct config_tunnel *tunnel = &pushed->tunnel;
	struct prefix more[INTERFACE_SETTINGS_ROUTES_MAX + INTERFACE_SETTINGS_ADDRESSES_MAX];
	size_t count = collect(judge, more);
	const struct config_prefixes *leads = &judge->peer->allowed_ips;
	if (leads->count == 0 && !tunnel->routes.from_peers)
		leads = &judge->tunnel->routes.include;
	pushed->peers = calloc(tunnel->peer_count, sizeof *pushed->peers);
	if (!pushed->peers)
		return ERR_NO_MEMORY;
	memcpy(pushed->peers, tunnel->peers, tunnel->peer_count * sizeof *pushed->peers);
	tunnel->peers = pushed->peers;
	enum err error = join(leads, more, count, &pushed->allowed_ips,
						  &pushed->peers[judge->peer - judge->tunnel->peers].allowed_ips);
	if (!error && !tunnel->routes.from_peers)
		error = join(&judge->tunnel->routes.include, pushed->taken.routes,
					 pushed->taken.route_count, &pushed->include, &tunnel->routes.include);
	return error;
}

static void add_names(struct plan_pushed *pushed) {
	const struct interface_settings *taken = &pushed->taken;
	struct config_dns *dns = &pushed->tunnel.dns;
	dns->servers_absent = false; /* the server has spoken */
	if (taken->server_count > 0) {
		dns->servers = taken->servers;
		dns->server_count = taken->server_count;
	}
	for (size_t i = 0; i < taken->domain_count; i++)
		pushed->search[i] = taken->domains[i];
	if (taken->domain_count > 0)
		dns->search = (struct config_names){.items = pushed->search, .count = taken->domain_count};
}

static const struct config_peer *find_peer(const struct config_tunnel *tunnel,
										   const uint8_t public_key[static TEXT_KEY_SIZE]) {
	for (size_t i = 0; i < tunnel->peer_count && config_takes_settings(tunnel); i++)
		if (memcmp(tunnel->peers[i].public_key, public_key, TEXT_KEY_SIZE) == 0)
			return &tunnel->peers[i];
	return NULL;
}

enum err plan_pushed_new(const struct config_tunnel *tunnel,
						 const uint8_t public_key[static TEXT_KEY_SIZE],
						 const struct interface_settings *settings,
						 const struct plan_pushed_host *host, struct plan_pushed **out_pushed) {
	const struct config_peer *peer = find_peer(tunnel, public_key);
	if (!peer)
		return ERR_NOT_FOUND;
	struct plan_pushed *pushed = calloc(1, sizeof *pushed);
	if (!pushed)
		return ERR_NO_MEMORY;
	struct judge judge = {.tunnel = tunnel, .peer = peer, .host = host, .pushed = pushed};
	pushed->base = tunnel;
	pushed->tunnel = *tunnel;
	take_addresses(&judge, settings);
	take_routes(&judge, settings);
	take_names(&judge, settings);
	pushed->taken.mtu = settings->mtu;
	if (pushed->taken.address_count > 0)
		pushed->tunnel.addresses = (struct config_prefixes){.items = pushed->taken.addresses,
															.count = pushed->taken.address_count};
	add_names(pushed);
	enum err error = add_prefixes(&judge);
	if (error) {
		plan_pushed_free(pushed);
		return error;
	}
	*out_pushed = pushed;
	return ERR_OK;
}

void plan_pushed_free(struct plan_pushed *pushed) {
	if (!pushed)
		return;
	free(pushed->peers);
	free(pushed->allowed_ips);
	free(pushed->include);
	free(pushed);
}

/* Text */

struct text {
	char *data;
	size_t used;
};

static void add(struct text *text, const char *separator, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void add(struct text *text, const char *separator, const char *format, ...) {
	const size_t room = PLAN_PUSHED_TEXT_SIZE;
	va_list arguments;
	if (text->used > 0 && text->used < room)
		text->used += (size_t)snprintf(text->data + text->used, room - text->used, "%s", separator);
	va_start(arguments, format);
	if (text->used < room)
		text->used +=
			(size_t)vsnprintf(text->data + text->used, room - text->used, format, arguments);
	va_end(arguments);
}

/* The first, and how many there are besides: a line for people has an end. */
static void add_first(struct text *text, const char *kind, const char *first, size_t count) {
	if (count > 1)
		add(text, ", ", "%s %s and %zu more", kind, first, count - 1);
	else if (count > 0)
		add(text, ", ", "%s %s", kind, first);
}

void plan_pushed_format(const struct interface_settings *taken,
						char out_text[static PLAN_PUSHED_TEXT_SIZE]) {
	struct text text = {.data = out_text};
	char first[ADDRESS_TEXT_SIZE];
	out_text[0] = '\0';
	for (size_t i = 0; i < taken->address_count && i < TOLD_ADDRESSES; i++) {
		prefix_format(&taken->addresses[i], first);
		add(&text, ", ", "%s%s", i == 0 ? "address " : "", first);
	}
	if (taken->address_count > TOLD_ADDRESSES)
		add(&text, " ", "and %zu more", taken->address_count - TOLD_ADDRESSES);
	prefix_format(&taken->routes[0], first);
	add_first(&text, "route", first, taken->route_count);
	address_format(&taken->servers[0], first);
	add_first(&text, "name server", first, taken->server_count);
	add_first(&text, "search domain", taken->domains[0], taken->domain_count);
	if (taken->mtu > 0)
		add(&text, ", ", "MTU %u", taken->mtu);
	if (text.used == 0)
		add(&text, "", "nothing");
}

uint32_t plan_pushed_mtu(const struct interface_settings *taken, uint32_t own, bool v6) {
	uint32_t minimum = v6 ? PLAN_MTU_MIN_V6 : PLAN_MTU_MIN_V4;
	uint32_t most = taken->mtu > minimum ? taken->mtu : minimum;
	return taken->mtu > 0 && most < own ? most : own;
}
