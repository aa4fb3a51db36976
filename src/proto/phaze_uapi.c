/* Answers about a device, and its configuration as lines: the part of phaze_control.h for that. */
#include <string.h>

#include "base/text.h"
#include "base/wipe.h"
#include "engine/figures.h"
#include "proto/device_lines.h"
#include "proto/device_words.h"
#include "proto/phaze_control.h"
#include "proto/phaze_dial.h"

static const struct device_word ciphers[PHAZE_CIPHERS_KNOWN] = {
	{"chacha20-poly1305", PHAZE_CHACHA20_POLY1305},
	{"aes-256-gcm", PHAZE_AES_256_GCM},
};

static const struct device_word demands[] = {
	{"password", PHAZE_BY_PASSWORD},
	{"certificate", PHAZE_BY_CERTIFICATE},
};
enum { DEMANDS = sizeof demands / sizeof *demands };

static const struct device_word transports[] = {
	{"udp", PHAZE_OVER_UDP},
	{"tcp", PHAZE_OVER_TCP},
};
enum { TRANSPORTS = sizeof transports / sizeof *transports };

enum err phaze_uapi_parse_ciphers(const char *text, struct phaze_settings *settings) {
	uint8_t values[PHAZE_CIPHERS_KNOWN];
	size_t count;
	enum err error = device_words_parse(text, ciphers, PHAZE_CIPHERS_KNOWN, values, &count);
	if (error)
		return error;
	settings->cipher_count = count;
	memcpy(settings->ciphers, values, sizeof settings->ciphers);
	return ERR_OK;
}

/* Words that stand for bits. */
static enum err parse_bits(const char *text, const struct device_word *words, size_t word_count,
						   uint8_t *out_bits) {
	uint8_t values[DEMANDS + TRANSPORTS], all = 0;
	size_t count;
	enum err error = device_words_parse(text, words, word_count, values, &count);
	if (error)
		return error;
	for (size_t i = 0; i < count; i++)
		all |= values[i];
	*out_bits = all;
	return ERR_OK;
}

enum err phaze_uapi_parse_demands(const char *text, struct phaze_settings *settings) {
	return parse_bits(text, demands, DEMANDS, &settings->demands);
}

enum err phaze_uapi_parse_transport(const char *text, struct phaze_settings *settings) {
	return parse_bits(text, transports, TRANSPORTS, &settings->transports);
}

static void put_words(const struct phaze_settings *settings, struct uapi_text *out_text) {
	char demanded[UAPI_TEXT_MAX] = "";
	for (size_t i = 0; i < DEMANDS; i++)
		if (settings->demands & demands[i].value)
			device_words_add(demanded, demands[i].name);
	device_words_put(ciphers, PHAZE_CIPHERS_KNOWN, settings->ciphers, settings->cipher_count,
					 "ciphers", out_text);
	if (settings->role == PHAZE_SERVER)
		uapi_put_text(out_text, "demands", demanded);
}

static void put_interface(const struct device *device, struct uapi_text *out_text) {
	const struct phaze_settings *settings = &device->settings;
	const bool is_client = settings->role == PHAZE_CLIENT;
	uapi_put_text(out_text, "role", is_client ? "client" : "server");
	device_sockets_put(&device->sockets, out_text);
	put_words(settings, out_text);
	uapi_put_number(out_text, "rekey_seconds", settings->rekey_seconds);
	uapi_put_number(out_text, "rekey_packets", settings->rekey_packets);
	uapi_put_number(out_text, "keepalive", settings->keepalive);
	if (settings->server_name[0] != '\0')
		uapi_put_text(out_text, "server_name", settings->server_name);
	if (is_client)
		return;
	uapi_put_number(out_text, "ticket_seconds", settings->ticket_seconds);
	uapi_put_text(out_text, "client_to_client", settings->client_to_client ? "true" : "false");
	device_lines_put_push(&settings->tells.interface, out_text);
}

/* What is configured of a peer, but for secrets; a client's endpoints are its paths. */
static void put_profile(const struct phaze_member *member, struct uapi_text *out_text) {
	const struct phaze_profile *profile = &member->profile;
	if (profile->name[0] != '\0')
		uapi_put_text(out_text, "name", profile->name);
	list_for_each (link, &member->allowed_ips) {
		const struct device_prefix *allowed = list_item(link, struct device_prefix, link);
		uapi_put_prefix(out_text, "allowed_ip", &allowed->prefix);
	}
	for (size_t i = 0; i < profile->address_count; i++)
		uapi_put_prefix(out_text, "address", &profile->addresses[i]);
	if (profile->rate > 0)
		uapi_put_number(out_text, "rate", profile->rate);
	if (profile->until > 0)
		uapi_put_number(out_text, "until", profile->until);
	if (member->quota_end != PHAZE_NO_QUOTA)
		uapi_put_number(
			out_text, "quota",
			member->quota_end > member->told_bytes ? member->quota_end - member->told_bytes : 0);
}

static void put_peer(const struct device *device, const struct phaze_member *member,
					 struct uapi_text *out_text) {
	uapi_put_key(out_text, "public_key", member->shared.identity);
	uapi_put_number(out_text, "session",
					atomic_load_explicit(&member->shared.connected, memory_order_relaxed));
	device_lines_put_figures(&member->shared.peer, out_text);
	put_profile(member, out_text);
	if (device->settings.role != PHAZE_CLIENT)
		return;
	for (size_t i = 0; i < member->profile.endpoint_count; i++)
		uapi_put_endpoint(out_text, "path", &member->profile.endpoints[i]);
	if (phaze_dial_refused(device))
		uapi_put_text(out_text, "refused", phaze_dial_refused(device));
}

static void put_peers(const struct device *device, struct uapi_text *out_text) {
	list_for_each (link, &device->members)
		put_peer(device, list_item(link, struct phaze_member, link), out_text);
}

/* What is configured and does not show in what a tunnel does: its status has it not. */
static void put_transports(const struct phaze_settings *settings, struct uapi_text *out_text) {
	char text[UAPI_TEXT_MAX] = "";
	for (size_t i = 0; i < TRANSPORTS; i++)
		if (settings->transports & transports[i].value)
			device_words_add(text, transports[i].name);
	uapi_put_text(out_text, "transport", text);
}

void phaze_uapi_get(const struct device *device, struct uapi_text *out_text) {
	put_interface(device, out_text);
	put_transports(&device->settings, out_text);
	put_peers(device, out_text);
}

void phaze_uapi_status(const struct device *device, struct uapi_text *out_text) {
	put_interface(device, out_text);
	figures_put(device->interface, out_text);
	if (phaze_trust_problem(device->trust))
		uapi_put_text(out_text, "problem", phaze_trust_problem(device->trust));
	put_peers(device, out_text);
}

static void dump_text(const struct uapi_text *text, const char *key, struct uapi_text *out_text) {
	struct slice left = slice_of(text->data, text->size), line;
	while (uapi_next_line(&left, &line)) {
		char value[UAPI_TEXT_MAX + 1];
		memcpy(value, line.data, line.size);
		value[line.size] = '\0';
		uapi_put_text(out_text, key, value);
	}
}

static void dump_key(const uint8_t key[static X25519_KEY_SIZE], const char *name,
					 struct uapi_text *out_text) {
	if (!wipe_is_zero(key, X25519_KEY_SIZE))
		uapi_put_key(out_text, name, key);
}

static void dump_identity(const struct device *device, struct uapi_text *out_text) {
	static const struct {
		const char *replace, *key;
	} texts[PHAZE_TEXTS] = {
		[PHAZE_AUTHORITIES] = {"replace_authorities=true", "authority"},
		[PHAZE_REVOKED] = {"replace_revoked=true", "revoked"},
		[PHAZE_CERTIFICATES] = {"replace_certificates=true", "certificate"},
	};
	const struct phaze_settings *settings = &device->settings;
	for (size_t i = 0; i < PHAZE_TEXTS; i++) {
		uapi_put_line(out_text, texts[i].replace);
		dump_text(&device->texts[i], texts[i].key, out_text);
	}
	dump_key(settings->signing_key, "signing_key", out_text);
	dump_key(settings->pin, "pin", out_text);
	dump_key(settings->ticket_key, "ticket_key", out_text);
}

void phaze_uapi_dump(const struct device *device, struct uapi_text *out_text) {
	const struct uapi_password *password = phaze_dial_password(device);
	put_interface(device, out_text);
	put_transports(&device->settings, out_text);
	dump_identity(device, out_text);
	uapi_put_line(out_text, "replace_peers=true");
	list_for_each (link, &device->members) {
		const struct phaze_member *member = list_item(link, struct phaze_member, link);
		uapi_put_key(out_text, "public_key", member->shared.identity);
		for (size_t i = 0; i < member->profile.endpoint_count; i++)
			uapi_put_endpoint(out_text, "endpoint", &member->profile.endpoints[i]);
		put_profile(member, out_text);
		if (password)
			uapi_put_bytes(out_text, "password", slice_of(password->bytes, password->size));
	}
}
