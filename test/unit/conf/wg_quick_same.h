#pragma once

#include <stdbool.h>
#include <string.h>

#include "conf/config.h"

/* Whether two tunnels are the same but for their places in files and their key files. */

static inline bool same_text(const char *left, const char *right) {
	return left && right ? strcmp(left, right) == 0 : left == right;
}

static inline bool same_prefixes(const struct config_prefixes *left,
								 const struct config_prefixes *right) {
	if (left->count != right->count)
		return false;
	for (size_t i = 0; i < left->count; i++)
		if (!prefix_equal(&left->items[i], &right->items[i]))
			return false;
	return true;
}

static inline bool same_choice(const struct config_choice *left,
							   const struct config_choice *right) {
	return left->automatic == right->automatic && left->off == right->off &&
		   (left->automatic || left->off || left->value == right->value);
}

static inline bool same_host(const struct config_host *left, const struct config_host *right) {
	return same_text(left->name, right->name) && left->port == right->port;
}

static inline bool same_peer(const struct config_peer *left, const struct config_peer *right) {
	return same_text(left->name, right->name) &&
		   memcmp(left->public_key, right->public_key, TEXT_KEY_SIZE) == 0 &&
		   memcmp(left->preshared_key, right->preshared_key, TEXT_KEY_SIZE) == 0 &&
		   same_host(&left->endpoint, &right->endpoint) &&
		   same_prefixes(&left->allowed_ips, &right->allowed_ips) &&
		   left->persistent_keepalive == right->persistent_keepalive && left->umbra == right->umbra;
}

static inline bool same_dns(const struct config_dns *left, const struct config_dns *right) {
	if (left->server_count != right->server_count || left->search.count != right->search.count ||
		left->domains.count != right->domains.count ||
		left->leak_protection_absent != right->leak_protection_absent ||
		left->manager != right->manager)
		return false;
	for (size_t i = 0; i < left->server_count; i++)
		if (!address_equal(&left->servers[i], &right->servers[i]))
			return false;
	for (size_t i = 0; i < left->search.count; i++)
		if (!same_text(left->search.items[i], right->search.items[i]))
			return false;
	return true;
}

static inline bool same_tunnel(const struct config_tunnel *left,
							   const struct config_tunnel *right) {
	if (!same_text(left->protocol, right->protocol) || left->autostart != right->autostart ||
		!endpoint_equal(&left->listen, &right->listen) ||
		memcmp(left->private_key, right->private_key, TEXT_KEY_SIZE) != 0 ||
		!same_prefixes(&left->addresses, &right->addresses) ||
		!same_choice(&left->mtu, &right->mtu) || !same_choice(&left->fwmark, &right->fwmark) ||
		left->masquerade != right->masquerade || left->forward != right->forward ||
		left->routes.from_peers != right->routes.from_peers ||
		!same_prefixes(&left->routes.include, &right->routes.include) ||
		!same_prefixes(&left->routes.exclude, &right->routes.exclude) ||
		!same_choice(&left->routes.table, &right->routes.table) ||
		!same_dns(&left->dns, &right->dns) || left->peer_count != right->peer_count)
		return false;
	for (size_t i = 0; i < left->peer_count; i++)
		if (!same_peer(&left->peers[i], &right->peers[i]))
			return false;
	return true;
}
