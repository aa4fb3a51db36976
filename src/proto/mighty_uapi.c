/* Answers about a device, and its configuration as lines: the part of mighty_control.h for that. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/wipe.h"
#include "engine/figures.h"
#include "proto/device_lines.h"
#include "proto/device_words.h"
#include "proto/mighty_control.h"
#include "wire/policy_rule.h"

static const struct device_word ciphers[MIGHTY_CIPHERS_KNOWN] = {
	{"aes-256-gcm", MIGHTY_AES_256_GCM},
	{"chacha20-poly1305", MIGHTY_CHACHA20_POLY1305},
};

enum err mighty_uapi_parse_ciphers(const char *text, struct mighty_config *config) {
	uint8_t values[MIGHTY_CIPHERS_KNOWN] = {0};
	size_t count;
	enum err error = device_words_parse(text, ciphers, MIGHTY_CIPHERS_KNOWN, values, &count);
	if (error)
		return error;
	config->cipher_count = count;
	memcpy(config->ciphers, values, sizeof config->ciphers);
	return ERR_OK;
}

void mighty_uapi_put_instance(const struct mighty_config *config, struct uapi_text *out_text) {
	char text[2 * MIGHTY_INSTANCE_SIZE + 1];
	if (wipe_is_zero(config->instance, sizeof config->instance))
		return;
	text_hex_encode(config->instance, sizeof config->instance, text);
	uapi_put_text(out_text, "instance", text);
}

static void put_interface(const struct device *device, struct uapi_text *out_text) {
	const struct mighty_config *config = &device->config;
	uapi_put_text(out_text, "role", config->role == MIGHTY_CLIENT ? "client" : "server");
	mighty_uapi_put_instance(config, out_text);
	device_sockets_put(&device->sockets, out_text);
	device_words_put(ciphers, MIGHTY_CIPHERS_KNOWN, config->ciphers, config->cipher_count,
					 "ciphers", out_text);
	uapi_put_number(out_text, "rekey_seconds", config->rekey_seconds);
	uapi_put_number(out_text, "rekey_packets", config->rekey_packets);
	uapi_put_number(out_text, "keepalive", config->keepalive);
	uapi_put_text(out_text, "client_to_client", config->client_to_client ? "true" : "false");
	device_lines_put_push(&config->tells.interface, out_text);
}

/* What is configured of a peer, behind its keys; a client's endpoints are its paths. */
static void put_settings(const struct mighty_peer *peer, struct uapi_text *out_text) {
	list_for_each (link, &peer->control.allowed_ips) {
		const struct device_prefix *allowed = list_item(link, struct device_prefix, link);
		uapi_put_prefix(out_text, "allowed_ip", &allowed->prefix);
	}
	for (size_t i = 0; i < peer->control.address_count; i++)
		uapi_put_prefix(out_text, "address", &peer->control.addresses[i]);
	for (size_t i = 0; i < peer->control.rule_count; i++) {
		char rule[POLICY_RULE_TEXT_MAX + 1];
		policy_rule_format(&peer->control.rules[i], rule);
		uapi_put_text(out_text, "rule", rule);
	}
}

static void put_paths(const struct mighty_peer *peer, struct uapi_text *out_text) {
	for (size_t i = 0; i < peer->control.endpoint_count; i++) {
		char value[ENDPOINT_TEXT_SIZE + 24], endpoint[ENDPOINT_TEXT_SIZE];
		endpoint_format(&peer->control.endpoints[i], endpoint);
		(void)snprintf(value, sizeof value, "%s rtt_us=%u", endpoint,
					   atomic_load_explicit(&peer->news.round_trips[i], memory_order_relaxed));
		uapi_put_text(out_text, "path", value);
	}
}

static void put_peer(const struct mighty_peer *peer, struct uapi_text *out_text) {
	uapi_put_key(out_text, "public_key", peer->psk.identity);
	uapi_put_line(out_text, "preshared=true");
	uapi_put_number(out_text, "session",
					atomic_load_explicit(&peer->news.connected, memory_order_relaxed));
	device_lines_put_figures(&peer->peer, out_text);
	put_settings(peer, out_text);
	put_paths(peer, out_text);
}

static void put_peers(const struct device *device, struct uapi_text *out_text) {
	list_for_each (link, &device->peers)
		put_peer(list_item(link, struct mighty_peer, control.link), out_text);
}

void mighty_uapi_get(const struct device *device, struct uapi_text *out_text) {
	put_interface(device, out_text);
	put_peers(device, out_text);
}

void mighty_uapi_status(const struct device *device, struct uapi_text *out_text) {
	put_interface(device, out_text);
	figures_put(device->interface, out_text);
	put_peers(device, out_text);
}

void mighty_uapi_dump(const struct device *device, struct uapi_text *out_text) {
	put_interface(device, out_text);
	uapi_put_line(out_text, "replace_peers=true");
	list_for_each (link, &device->peers) {
		const struct mighty_peer *peer = list_item(link, struct mighty_peer, control.link);
		uapi_put_key(out_text, "public_key", peer->psk.identity);
		uapi_put_key(out_text, "preshared_key", peer->psk.secret);
		for (size_t i = 0; i < peer->control.endpoint_count; i++)
			uapi_put_endpoint(out_text, "endpoint", &peer->control.endpoints[i]);
		put_settings(peer, out_text);
	}
}
