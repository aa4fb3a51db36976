#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/plan.h"
#include "tunnel/plan_shared.h"
#include "tunnel/plan_streams.h"

static bool is_zero(const uint8_t key[static TEXT_KEY_SIZE]) {
	uint8_t sum = 0;
	for (size_t i = 0; i < TEXT_KEY_SIZE; i++)
		sum |= key[i];
	return sum == 0;
}

static bool hosts_equal(const struct config_host *left, const struct config_host *right) {
	if (!left->name || !right->name)
		return left->name == right->name;
	return left->port == right->port && strcmp(left->name, right->name) == 0;
}

static bool prefixes_equal(const struct config_prefixes *left,
						   const struct config_prefixes *right) {
	if (left->count != right->count)
		return false;
	for (size_t i = 0; i < left->count; i++)
		if (!prefix_equal(&left->items[i], &right->items[i]))
			return false;
	return true;
}

bool plan_endpoint(const struct config_host *host, struct endpoint *out_endpoint) {
	char line[CONFIG_HOST_MAX + sizeof "[]:65535"];
	if (!host->name)
		return false;
	(void)snprintf(line, sizeof line, strchr(host->name, ':') ? "[%s]:%u" : "%s:%u", host->name,
				   host->port);
	return endpoint_parse(line, out_endpoint) == ERR_OK;
}

/* Names are resolved elsewhere, and reach the device from there. */
static void put_endpoint(struct uapi_text *text, const struct config_host *host) {
	struct endpoint endpoint;
	if (plan_endpoint(host, &endpoint))
		uapi_put_endpoint(text, "endpoint", &endpoint);
}

static void put_allowed_ips(struct uapi_text *text, const struct config_peer *peer) {
	uapi_put_line(text, "replace_allowed_ips=true");
	for (size_t i = 0; i < peer->allowed_ips.count; i++)
		uapi_put_prefix(text, "allowed_ip", &peer->allowed_ips.items[i]);
}

/* before is NULL for a peer that is new. */
static void put_peer(struct uapi_text *text, const struct config_tunnel *tunnel,
					 const struct config_peer *before, const struct config_peer *peer) {
	uapi_put_key(text, "public_key", peer->public_key);
	if (tunnel->carries_streams)
		plan_streams_put_peer(before, peer, text);
	/* Zeros take a pre-shared key away. */
	if (before ? memcmp(before->preshared_key, peer->preshared_key, TEXT_KEY_SIZE) != 0
			   : !is_zero(peer->preshared_key))
		uapi_put_key(text, "preshared_key", peer->preshared_key);
	if (!before || !hosts_equal(&before->endpoint, &peer->endpoint))
		put_endpoint(text, &peer->endpoint);
	if (before ? before->persistent_keepalive != peer->persistent_keepalive
			   : peer->persistent_keepalive > 0)
		uapi_put_number(text, "persistent_keepalive_interval", peer->persistent_keepalive);
	if (before ? before->umbra != peer->umbra : peer->umbra)
		uapi_put_number(text, "umbra", peer->umbra);
	if (!before || !prefixes_equal(&before->allowed_ips, &peer->allowed_ips))
		put_allowed_ips(text, peer);
}

void plan_device_text(const struct config_tunnel *tunnel, uint16_t slot,
					  struct uapi_text *out_text) {
	if (tunnel->carries_streams) {
		plan_streams_put_options(tunnel, out_text);
	} else if (config_has_shared(tunnel)) {
		plan_shared_put(NULL, tunnel, slot, out_text);
	} else {
		uapi_put_key(out_text, "private_key", tunnel->private_key);
		uapi_put_number(out_text, "fwmark", plan_mark(tunnel, slot));
		uapi_put_number(out_text, "listen_port", tunnel->listen.port);
	}
	for (size_t i = 0; i < tunnel->peer_count; i++)
		if (config_has_shared(tunnel))
			plan_shared_put_peer(NULL, NULL, tunnel, &tunnel->peers[i], out_text);
		else
			put_peer(out_text, tunnel, NULL, &tunnel->peers[i]);
}

static bool peers_equal(const struct config_peer *left, const struct config_peer *right) {
	return memcmp(left->preshared_key, right->preshared_key, TEXT_KEY_SIZE) == 0 &&
		   hosts_equal(&left->endpoint, &right->endpoint) &&
		   left->persistent_keepalive == right->persistent_keepalive &&
		   left->umbra == right->umbra && prefixes_equal(&left->allowed_ips, &right->allowed_ips);
}

static int compare_keys(const void *left, const void *right) {
	const struct config_peer *const *first = left, *const *second = right;
	return memcmp((*first)->public_key, (*second)->public_key, TEXT_KEY_SIZE);
}

/* The peers by key; with room for one, as malloc(0) may be NULL. */
static enum err sorted(const struct config_tunnel *tunnel, const struct config_peer ***out_peers) {
	const struct config_peer **peers = malloc((tunnel->peer_count + 1) * sizeof(*peers));
	if (!peers)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < tunnel->peer_count; i++)
		peers[i] = &tunnel->peers[i];
	if (tunnel->peer_count > 0)
		qsort(peers, tunnel->peer_count, sizeof(*peers), compare_keys);
	*out_peers = peers;
	return ERR_OK;
}

static const struct config_peer *find(const struct config_peer *const *peers, size_t count,
									  const struct config_peer *key) {
	const struct config_peer *const *found =
		count > 0 ? bsearch(&key, peers, count, sizeof(*peers), compare_keys) : NULL;
	return found ? *found : NULL;
}

static enum err put_peers(const struct config_tunnel *before, const struct config_tunnel *after,
						  struct uapi_text *text) {
	const struct config_peer **old = NULL, **new = NULL;
	enum err error = sorted(before, &old);
	if (!error)
		error = sorted(after, &new);
	/* First those that go: their prefixes may be others' from now on. */
	for (size_t i = 0; !error && i < before->peer_count; i++) {
		if (find(new, after->peer_count, &before->peers[i]))
			continue;
		uapi_put_key(text, "public_key", before->peers[i].public_key);
		uapi_put_line(text, "remove=true");
	}
	for (size_t i = 0; !error && i < after->peer_count; i++) {
		const struct config_peer *known = find(old, before->peer_count, &after->peers[i]);
		if (config_has_shared(after)) {
			plan_shared_put_peer(before, known, after, &after->peers[i], text);
			continue;
		}
		bool same = known && peers_equal(known, &after->peers[i]);
		if (same && after->carries_streams)
			same = plan_streams_peers_equal(known, &after->peers[i]);
		if (!same)
			put_peer(text, after, known, &after->peers[i]);
	}
	free(old);
	free(new);
	return error;
}

/* Of a tunnel that carries packets. */
static void put_own_changes(const struct config_tunnel *before, const struct config_tunnel *after,
							uint16_t slot, struct uapi_text *text) {
	if (memcmp(before->private_key, after->private_key, TEXT_KEY_SIZE) != 0)
		uapi_put_key(text, "private_key", after->private_key);
	if (plan_mark(before, slot) != plan_mark(after, slot))
		uapi_put_number(text, "fwmark", plan_mark(after, slot));
	if (before->listen.port != after->listen.port)
		uapi_put_number(text, "listen_port", after->listen.port);
}

enum err plan_device_changes(const struct config_tunnel *before, const struct config_tunnel *after,
							 uint16_t slot, struct uapi_text *out_text) {
	if (after->carries_streams)
		plan_streams_put_changes(before, after, out_text);
	else if (config_has_shared(after))
		plan_shared_put(before, after, slot, out_text);
	else
		put_own_changes(before, after, slot, out_text);
	enum err error = put_peers(before, after, out_text);
	return error ? error : out_text->error;
}
