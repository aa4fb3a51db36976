#include "tunnel/plan_shared.h"

#include <string.h>

#include "conf/shared.h"
#include "tunnel/plan.h"
#include "tunnel/plan_login.h"
#include "tunnel/plan_part.h"

static bool is_client(const struct config_tunnel *tunnel) {
	return tunnel->role == CONFIG_CLIENT;
}

static void put_ciphers(const struct config_tunnel *tunnel, const struct config_peer *peer,
						struct uapi_text *text) {
	const struct config_texts *ciphers = &tunnel->shared.ciphers;
	char value[UAPI_TEXT_MAX] = "";
	for (size_t i = 0; i < ciphers->count && i < CONFIG_CIPHERS_MAX; i++) {
		strcat(value, i > 0 ? "," : "");
		strcat(value, ciphers->items[i]);
	}
	uapi_put_text(text, "ciphers", value);
}

static void put_client_to_client(const struct config_tunnel *tunnel, const struct config_peer *peer,
								 struct uapi_text *text) {
	uapi_put_text(text, "client_to_client", tunnel->shared.client_to_client ? "true" : "false");
}

static void put_push(const struct config_tunnel *tunnel, const struct config_peer *peer,
					 struct uapi_text *text) {
	struct prefix routes[INTERFACE_SETTINGS_ROUTES_MAX];
	char address[ADDRESS_TEXT_SIZE];
	const size_t count = shared_routes(tunnel, routes);
	uapi_put_line(text, "replace_push=true");
	for (size_t i = 0; i < count; i++)
		uapi_put_prefix(text, "push_route", &routes[i]);
	for (size_t i = 0; i < tunnel->shared.push.dns_count; i++) {
		address_format(&tunnel->shared.push.dns[i], address);
		uapi_put_text(text, "push_dns", address);
	}
	for (size_t i = 0; i < tunnel->shared.push.domains.count; i++)
		uapi_put_text(text, "push_domain", tunnel->shared.push.domains.items[i]);
	if (!tunnel->shared.push.mtu.off)
		uapi_put_number(text, "push_mtu", tunnel->shared.push.mtu.value);
}

/* Names are resolved elsewhere, and reach the device from there, with these. */
static void put_endpoints(const struct config_tunnel *tunnel, const struct config_peer *peer,
						  struct uapi_text *text) {
	struct endpoint endpoint;
	uapi_put_line(text, "replace_endpoints=true");
	if (plan_endpoint(&peer->endpoint, &endpoint))
		uapi_put_endpoint(text, "endpoint", &endpoint);
	for (size_t i = 0; i < peer->others.count; i++)
		if (plan_endpoint(&peer->others.items[i], &endpoint))
			uapi_put_endpoint(text, "endpoint", &endpoint);
}

/* Then a new list is what names stand for as well, which is known there: none here takes it away.
 */
static bool has_names(const struct config_peer *peer) {
	struct endpoint endpoint;
	bool found = peer->endpoint.name && !plan_endpoint(&peer->endpoint, &endpoint);
	for (size_t i = 0; i < peer->others.count; i++)
		found |= !plan_endpoint(&peer->others.items[i], &endpoint);
	return found;
}

/* Also what the client is told: the first line begins that list as well. */
static void put_addresses(const struct config_tunnel *tunnel, const struct config_peer *peer,
						  struct uapi_text *text) {
	struct prefix addresses[INTERFACE_SETTINGS_ADDRESSES_MAX];
	const size_t count = is_client(tunnel) ? 0 : shared_addresses(peer, addresses);
	uapi_put_line(text, "replace_allowed_ips=true");
	for (size_t i = 0; i < peer->allowed_ips.count; i++)
		uapi_put_prefix(text, "allowed_ip", &peer->allowed_ips.items[i]);
	for (size_t i = 0; i < count; i++)
		uapi_put_prefix(text, "address", &addresses[i]);
	/* What is led by name may have any address. */
	if (is_client(tunnel) && tunnel->routes.include_domains.count > 0) {
		uapi_put_line(text, "allowed_ip=0.0.0.0/0");
		uapi_put_line(text, "allowed_ip=::/0");
	}
}

static void put_rules(const struct config_tunnel *tunnel, const struct config_peer *peer,
					  struct uapi_text *text) {
	uapi_put_line(text, "replace_rules=true");
	for (size_t i = 0; i < peer->rules.count; i++)
		uapi_put_text(text, "rule", peer->rules.items[i]);
}

static void put_numbers(const struct config_tunnel *before, const struct config_tunnel *tunnel,
						struct uapi_text *text) {
	const struct config_shared *old = before ? &before->shared : NULL, *new = &tunnel->shared;
	const struct {
		const char *key;
		const struct config_choice *old, *new;
	} rows[] = {
		{"rekey_seconds", old ? &old->rekey.seconds : NULL, &new->rekey.seconds},
		{"rekey_packets", old ? &old->rekey.packets : NULL, &new->rekey.packets},
		{"keepalive", old ? &old->keepalive : NULL, &new->keepalive},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (!old || rows[i].old->value != rows[i].new->value)
			uapi_put_number(text, rows[i].key, rows[i].new->value);
}

void plan_shared_put(const struct config_tunnel *before, const struct config_tunnel *tunnel,
					 uint16_t slot, struct uapi_text *text) {
	const uint32_t mark = plan_mark(tunnel, slot);
	if (!before)
		uapi_put_text(text, "role", is_client(tunnel) ? "client" : "server");
	if (!before || before->listen.port != tunnel->listen.port)
		uapi_put_number(text, "listen_port", tunnel->listen.port);
	if (!before || plan_mark(before, slot) != mark)
		uapi_put_number(text, "fwmark", mark);
	plan_part_put(put_ciphers, before, NULL, tunnel, NULL, text);
	put_numbers(before, tunnel, text);
	if (!is_client(tunnel)) {
		plan_part_put(put_client_to_client, before, NULL, tunnel, NULL, text);
		plan_part_put(put_push, before, NULL, tunnel, NULL, text);
	}
	if (tunnel->logs_in)
		plan_login_put(before, tunnel, text);
}

static void put_key(const struct config_tunnel *tunnel, const struct config_peer *peer,
					struct uapi_text *text) {
	uapi_put_key(text, "preshared_key", peer->preshared_key);
}

void plan_shared_put_peer(const struct config_tunnel *before, const struct config_peer *known,
						  const struct config_tunnel *tunnel, const struct config_peer *peer,
						  struct uapi_text *text) {
	plan_part *const key = tunnel->shares_keys ? put_key : plan_login_put_user;
	plan_part *const endpoints = is_client(tunnel) ? put_endpoints : NULL;
	plan_part *const rules = is_client(tunnel) ? NULL : put_rules;
	plan_part *const parts[] = {key, endpoints, put_addresses, rules};
	struct uapi_text lines = {0};
	/* The list of names is known elsewhere, and comes from there once it is another one. */
	const bool leave = known && has_names(peer);
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (parts[i] && !(leave && parts[i] == put_endpoints) &&
			(known || parts[i] != put_rules || peer->rules.count > 0))
			plan_part_put(parts[i], known ? before : NULL, known, tunnel, peer, &lines);
	if (lines.error)
		plan_part_fail(text, lines.error);
	else if (lines.size > 0) {
		uapi_put_key(text, "public_key", peer->public_key);
		uapi_put_lines(text, slice_of(lines.data, lines.size));
	}
	uapi_text_done(&lines);
}
