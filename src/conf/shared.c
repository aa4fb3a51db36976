#include "conf/shared.h"

#include <string.h>

#include "conf/arena.h"
#include "conf/login.h"
#include "conf/schema_shared.h"

static enum err allow(struct arena *memory, const struct config_tunnel *tunnel,
					  struct config_prefixes *out_prefixes) {
	const struct config_prefixes *include = &tunnel->routes.include, *own = &tunnel->addresses;
	size_t count = include->count + own->count, used = 0;
	if (count == 0)
		return ERR_OK;
	struct prefix *items = arena_take(memory, count * sizeof *items);
	if (!items)
		return ERR_NO_MEMORY;
	for (; used < include->count; used++)
		items[used] = include->items[used];
	for (size_t i = 0; i < own->count; i++) {
		items[used] = own->items[i];
		prefix_mask(&items[used++]);
	}
	*out_prefixes = (struct config_prefixes){.items = items, .count = used};
	return ERR_OK;
}

static enum err make_server(struct arena *memory, struct config_tunnel *tunnel) {
	const struct config_hosts *endpoints = &tunnel->shared.endpoints;
	struct config_peer *peer = arena_take(memory, sizeof *peer);
	if (!peer)
		return ERR_NO_MEMORY;
	peer->position = tunnel->position;
	peer->name = "server";
	peer->preshared_key_file = tunnel->shared.psk_file;
	memcpy(peer->public_key, tunnel->shared.identity, sizeof peer->public_key);
	if (endpoints->count > 0) {
		peer->endpoint = endpoints->items[0];
		peer->others =
			(struct config_hosts){.items = endpoints->items + 1, .count = endpoints->count - 1};
	}
	tunnel->peers = peer;
	tunnel->peer_count = 1;
	return allow(memory, tunnel, &peer->allowed_ips);
}

/* What the protocols agree new keys on when nobody says otherwise. */
static void complete_rekey(struct config_tunnel *tunnel) {
	enum { SECONDS = 600, PACKETS = 1 << 24, LOGIN_SECONDS = 120, LOGIN_PACKETS = 1 << 30 };
	struct config_choice *seconds = &tunnel->shared.rekey.seconds;
	struct config_choice *packets = &tunnel->shared.rekey.packets;
	if (seconds->value == 0)
		seconds->value = tunnel->logs_in ? LOGIN_SECONDS : SECONDS;
	if (packets->value == 0)
		packets->value = tunnel->logs_in ? LOGIN_PACKETS : PACKETS;
}

enum err shared_complete(struct config *config) {
	for (size_t i = 0; i < config->tunnel_count; i++) {
		struct config_tunnel *tunnel = &config->tunnels[i];
		if (!config_has_shared(tunnel))
			continue;
		complete_rekey(tunnel);
		if (tunnel->logs_in && login_complete(config->memory, tunnel))
			return ERR_NO_MEMORY;
		if (tunnel->shared.ciphers.count == 0)
			tunnel->shared.ciphers = (struct config_texts){schema_ciphers, CONFIG_CIPHERS_MAX};
		enum err error = tunnel->role == CONFIG_CLIENT && !tunnel->role_absent
							 ? make_server(config->memory, tunnel)
							 : ERR_OK;
		if (error)
			return error;
	}
	return ERR_OK;
}

size_t shared_addresses(const struct config_peer *peer,
						struct prefix out_prefixes[static INTERFACE_SETTINGS_ADDRESSES_MAX]) {
	const struct config_prefixes *from = peer->told.count > 0 ? &peer->told : &peer->allowed_ips;
	size_t count = 0;
	for (size_t i = 0; i < from->count && count < INTERFACE_SETTINGS_ADDRESSES_MAX; i++) {
		const struct prefix *prefix = &from->items[i];
		if (peer->told.count > 0 || prefix->length == 8 * address_size(&prefix->address))
			out_prefixes[count++] = *prefix;
	}
	return count;
}

static bool contains(const struct prefix *items, size_t count, const struct prefix *prefix) {
	for (size_t i = 0; i < count; i++)
		if (prefix_equal(&items[i], prefix))
			return true;
	return false;
}

size_t shared_routes(const struct config_tunnel *tunnel,
					 struct prefix out_prefixes[static INTERFACE_SETTINGS_ROUTES_MAX]) {
	bool absent = tunnel->shared.push.routes_absent;
	const struct config_prefixes *from = absent ? &tunnel->addresses : &tunnel->shared.push.routes;
	size_t count = 0;
	for (size_t i = 0; i < from->count && count < INTERFACE_SETTINGS_ROUTES_MAX; i++) {
		struct prefix prefix = from->items[i];
		prefix_mask(&prefix);
		if (!contains(out_prefixes, count, &prefix))
			out_prefixes[count++] = prefix;
	}
	return count;
}
