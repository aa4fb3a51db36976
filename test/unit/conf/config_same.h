#pragma once

#include "conf/config.h"

/* Compares all values of two configurations, not where they stood. After cmocka. */

static inline void same_text(const char *left, const char *right) {
	assert_int_equal(left == NULL, right == NULL);
	if (left)
		assert_string_equal(left, right);
}

static inline void same_prefixes(const struct config_prefixes *left,
								 const struct config_prefixes *right) {
	assert_int_equal(left->count, right->count);
	for (size_t i = 0; i < left->count; i++)
		assert_true(prefix_equal(&left->items[i], &right->items[i]));
}

static inline void same_host(const struct config_host *left, const struct config_host *right) {
	same_text(left->name, right->name);
	assert_int_equal(left->port, right->port);
}

static inline void same_hosts(const struct config_hosts *left, const struct config_hosts *right) {
	assert_int_equal(left->count, right->count);
	for (size_t i = 0; i < left->count; i++)
		same_host(&left->items[i], &right->items[i]);
}

static inline void same_texts(const struct config_texts *left, const struct config_texts *right) {
	assert_int_equal(left->count, right->count);
	for (size_t i = 0; i < left->count; i++)
		assert_string_equal(left->items[i], right->items[i]);
}

static inline void same_choice(const struct config_choice *left,
							   const struct config_choice *right) {
	assert_int_equal(left->automatic, right->automatic);
	assert_int_equal(left->off, right->off);
	assert_int_equal(left->value, right->value);
}

static inline void same_peer(const struct config_peer *left, const struct config_peer *right) {
	assert_string_equal(left->name, right->name);
	assert_memory_equal(left->public_key, right->public_key, sizeof left->public_key);
	same_text(left->preshared_key_file, right->preshared_key_file);
	same_host(&left->endpoint, &right->endpoint);
	same_prefixes(&left->allowed_ips, &right->allowed_ips);
	assert_int_equal(left->persistent_keepalive, right->persistent_keepalive);
	assert_int_equal(left->umbra, right->umbra);
	same_hosts(&left->others, &right->others);
	same_prefixes(&left->told, &right->told);
	same_texts(&left->rules, &right->rules);
}

static inline void same_clients(const struct config_clients *left,
								const struct config_clients *right) {
	same_host(&left->endpoint, &right->endpoint);
	assert_int_equal(left->dns_count, right->dns_count);
	for (size_t i = 0; i < left->dns_count; i++)
		assert_true(address_equal(&left->dns[i], &right->dns[i]));
	same_prefixes(&left->allowed_ips, &right->allowed_ips);
	assert_int_equal(left->persistent_keepalive, right->persistent_keepalive);
}

static inline void same_names(const struct config_names *left, const struct config_names *right) {
	assert_int_equal(left->count, right->count);
	for (size_t i = 0; i < left->count; i++)
		assert_string_equal(left->items[i], right->items[i]);
}

static inline void same_dns(const struct config_dns *left, const struct config_dns *right) {
	assert_int_equal(left->server_count, right->server_count);
	for (size_t i = 0; i < left->server_count; i++)
		assert_true(address_equal(&left->servers[i], &right->servers[i]));
	assert_int_equal(left->servers_absent, right->servers_absent);
	same_names(&left->domains, &right->domains);
	same_names(&left->search, &right->search);
	assert_int_equal(left->leak_protection_absent, right->leak_protection_absent);
	assert_int_equal(left->leak_protection, right->leak_protection);
	assert_int_equal(left->manager, right->manager);
}

static inline void same_shared(const struct config_shared *left,
							   const struct config_shared *right) {
	same_hosts(&left->endpoints, &right->endpoints);
	same_text(left->psk_file, right->psk_file);
	assert_memory_equal(left->identity, right->identity, sizeof left->identity);
	same_texts(&left->ciphers, &right->ciphers);
	same_choice(&left->rekey.seconds, &right->rekey.seconds);
	same_choice(&left->rekey.packets, &right->rekey.packets);
	same_choice(&left->keepalive, &right->keepalive);
	assert_int_equal(left->client_to_client, right->client_to_client);
	assert_int_equal(left->push.routes_absent, right->push.routes_absent);
	same_prefixes(&left->push.routes, &right->push.routes);
	assert_int_equal(left->push.dns_count, right->push.dns_count);
	for (size_t i = 0; i < left->push.dns_count; i++)
		assert_true(address_equal(&left->push.dns[i], &right->push.dns[i]));
	same_names(&left->push.domains, &right->push.domains);
	same_choice(&left->push.mtu, &right->push.mtu);
}

static inline void same_login(const struct config_login *left, const struct config_login *right) {
	same_text(left->username, right->username);
	same_text(left->password_file, right->password_file);
	assert_int_equal(left->pin.count, right->pin.count);
	if (left->pin.count > 0)
		assert_memory_equal(left->pin.items, right->pin.items, sizeof *left->pin.items);
	same_text(left->server_name, right->server_name);
	same_text(left->ca_file, right->ca_file);
	same_text(left->crl_file, right->crl_file);
	same_text(left->certificate_file, right->certificate_file);
	same_text(left->key_file, right->key_file);
	same_text(left->ticket_key_file, right->ticket_key_file);
	assert_int_equal(left->transport, right->transport);
	same_texts(&left->transports, &right->transports);
	same_texts(&left->demands, &right->demands);
	same_texts(&left->groups, &right->groups);
	same_choice(&left->tickets, &right->tickets);
}

static inline void same_tunnel(const struct config_tunnel *left,
							   const struct config_tunnel *right) {
	assert_string_equal(left->name, right->name);
	assert_string_equal(left->protocol, right->protocol);
	assert_int_equal(left->autostart, right->autostart);
	assert_true(endpoint_equal(&left->listen, &right->listen));
	same_text(left->private_key_file, right->private_key_file);
	same_prefixes(&left->addresses, &right->addresses);
	same_choice(&left->mtu, &right->mtu);
	same_choice(&left->fwmark, &right->fwmark);
	assert_int_equal(left->masquerade, right->masquerade);
	assert_int_equal(left->forward, right->forward);
	assert_int_equal(left->kill_switch, right->kill_switch);
	assert_int_equal(left->kill_switch_absent, right->kill_switch_absent);
	assert_int_equal(left->allow_lan, right->allow_lan);
	assert_int_equal(left->routes.from_peers, right->routes.from_peers);
	same_prefixes(&left->routes.include, &right->routes.include);
	same_prefixes(&left->routes.exclude, &right->routes.exclude);
	assert_int_equal(left->routes.accept_absent, right->routes.accept_absent);
	same_prefixes(&left->routes.accept, &right->routes.accept);
	same_choice(&left->routes.table, &right->routes.table);
	same_names(&left->routes.include_domains, &right->routes.include_domains);
	same_names(&left->routes.exclude_domains, &right->routes.exclude_domains);
	same_dns(&left->dns, &right->dns);
	assert_int_equal(left->peer_count, right->peer_count);
	for (size_t i = 0; i < left->peer_count; i++)
		same_peer(&left->peers[i], &right->peers[i]);
	same_clients(&left->clients, &right->clients);
	assert_int_equal(left->role, right->role);
	same_shared(&left->shared, &right->shared);
	same_login(&left->login, &right->login);
}

static inline void same_config(const struct config *left, const struct config *right) {
	assert_string_equal(left->node.name, right->node.name);
	assert_string_equal(left->node.state_dir, right->node.state_dir);
	assert_string_equal(left->node.user, right->node.user);
	assert_int_equal(left->node.sandbox, right->node.sandbox);
	assert_int_equal(left->node.resolvers_absent, right->node.resolvers_absent);
	assert_int_equal(left->node.resolver_count, right->node.resolver_count);
	for (size_t i = 0; i < left->node.resolver_count; i++)
		assert_true(address_equal(&left->node.resolvers[i], &right->node.resolvers[i]));
	assert_int_equal(left->node.log.level, right->node.log.level);
	assert_int_equal(left->node.log.format, right->node.log.format);
	same_choice(&left->node.shards, &right->node.shards);
	assert_string_equal(left->node.aead, right->node.aead);
	assert_true(endpoint_equal(&left->node.dns_step, &right->node.dns_step));
	assert_memory_equal(&left->node.offload, &right->node.offload, sizeof left->node.offload);
	assert_string_equal(left->control.socket, right->control.socket);
	assert_true(endpoint_equal(&left->control.metrics, &right->control.metrics));
	assert_int_equal(left->tunnel_count, right->tunnel_count);
	for (size_t i = 0; i < left->tunnel_count; i++)
		same_tunnel(&left->tunnels[i], &right->tunnels[i]);
}
