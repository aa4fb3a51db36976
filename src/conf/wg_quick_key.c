#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/wipe.h"
#include "conf/wg_quick_reader.h"

enum { MTU_MIN = 576, MTU_MAX = 65475, TABLE_MAIN = 254 };

struct key {
	const char *name;
	enum wg_quick_section section;
	bool repeats; /* may stand in a section several times */
	enum err (*take)(struct wg_quick_reader *reader, struct wg_quick_span value);
};

static enum err fail_value(struct wg_quick_reader *reader, const char *what) {
	return wg_quick_reader_fail(reader, reader->line, "%s", what);
}

static enum err take_private_key(struct wg_quick_reader *reader, struct wg_quick_span value) {
	struct wg_quick *file = reader->file;
	if (text_key_decode(value.data, value.size, file->tunnel.private_key))
		return fail_value(reader, "PrivateKey is not the base64 of 32 bytes");
	file->has_private_key =
		!wipe_is_zero(file->tunnel.private_key, sizeof file->tunnel.private_key);
	return ERR_OK;
}

static enum err take_listen_port(struct wg_quick_reader *reader, struct wg_quick_span value) {
	uint64_t port;
	if (wg_quick_value_number(value, UINT16_MAX, &port))
		return fail_value(reader, "ListenPort is no number from 0 to 65535");
	reader->file->tunnel.listen.port = (uint16_t)port;
	return ERR_OK;
}

static enum err take_fwmark(struct wg_quick_reader *reader, struct wg_quick_span value) {
	struct config_choice *fwmark = &reader->file->tunnel.fwmark;
	uint64_t mark = 0;
	if (!wg_quick_value_is(value, "off") && wg_quick_value_number(value, UINT32_MAX, &mark))
		return fail_value(reader, "FwMark is off, or a number of 32 bits (0x… is hexadecimal)");
	*fwmark = (struct config_choice){.off = mark == 0, .value = (uint32_t)mark};
	return ERR_OK;
}

static enum err grow_addresses(struct wg_quick_reader *reader) {
	if (reader->address_count < reader->address_capacity)
		return ERR_OK;
	size_t capacity = reader->address_capacity ? 2 * reader->address_capacity : 8;
	if (capacity > WG_QUICK_ADDRESSES_MAX)
		return wg_quick_reader_fail(reader, reader->line, "more than %d addresses",
									WG_QUICK_ADDRESSES_MAX);
	struct prefix *items = reallocarray(reader->memory->addresses, capacity, sizeof items[0]);
	if (!items)
		return ERR_NO_MEMORY;
	reader->memory->addresses = items;
	reader->address_capacity = capacity;
	return ERR_OK;
}

static enum err take_address(struct wg_quick_reader *reader, struct wg_quick_span value) {
	struct wg_quick_span item;
	while (wg_quick_value_next(&value, &item)) {
		struct prefix prefix;
		bool host_bits;
		if (wg_quick_value_prefix(item, &prefix, &host_bits))
			return fail_value(reader, "Address has an item that is no IP address; write it as "
									  "10.0.0.1/24 or fd00::1/64");
		enum err error = grow_addresses(reader);
		if (error)
			return error;
		reader->memory->addresses[reader->address_count++] = prefix;
	}
	return ERR_OK;
}

static enum err take_mtu(struct wg_quick_reader *reader, struct wg_quick_span value) {
	uint64_t mtu;
	if (wg_quick_value_number(value, MTU_MAX, &mtu) || mtu < MTU_MIN)
		return wg_quick_reader_fail(reader, reader->line, "MTU is no number from %d to %d", MTU_MIN,
									MTU_MAX);
	reader->file->tunnel.mtu = (struct config_choice){.value = (uint32_t)mtu};
	return ERR_OK;
}

static enum err take_table(struct wg_quick_reader *reader, struct wg_quick_span value) {
	struct config_choice *table = &reader->file->tunnel.routes.table;
	uint64_t number;
	*table = (struct config_choice){0};
	if (wg_quick_value_is(value, "auto")) {
		table->automatic = true;
		return ERR_OK;
	}
	if (wg_quick_value_is(value, "off")) {
		table->off = true;
		return ERR_OK;
	}
	number = TABLE_MAIN;
	if (!wg_quick_value_is(value, "main") &&
		(wg_quick_value_number(value, UINT32_MAX, &number) || number == 0))
		return fail_value(reader, "Table is auto, off, main, or the number of a routing table");
	table->value = (uint32_t)number;
	return ERR_OK;
}

/* What a line of shell is usually there for, and what does that job here. */
static const char *replacement(struct wg_quick_span command) {
	static const struct {
		const char *part, *text;
	} jobs[] = {
		{"masquerade", "masquerade: true does this job"},
		{"private-key", "the key belongs into the file that private_key_file names"},
		{"resolv", "dns: { servers: [...] } does this job"},
		{"output", "a kill switch is not there yet"},
		{"forward", "forward: true does this job"},
		{" input ", "opening the port in the firewall stays with you"},
		{" route ", "routes: { include: [...] } does this job"},
	};
	for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++)
		if (wg_quick_value_has(command, jobs[i].part))
			return jobs[i].text;
	return "masquerade, forward and routes are for the usual jobs";
}

static enum err take_command(struct wg_quick_reader *reader, struct wg_quick_span value,
							 const char *name) {
	wg_quick_reader_note(reader, reader->line,
						 "%s is not taken over: umbra runs no shell commands; %s", name,
						 replacement(value));
	return ERR_OK;
}

static enum err take_pre_up(struct wg_quick_reader *reader, struct wg_quick_span value) {
	return take_command(reader, value, "PreUp");
}

static enum err take_post_up(struct wg_quick_reader *reader, struct wg_quick_span value) {
	return take_command(reader, value, "PostUp");
}

static enum err take_down(struct wg_quick_reader *reader, const char *name) {
	wg_quick_reader_note(reader, reader->line,
						 "%s is not taken over: umbra runs no shell commands, and takes away by "
						 "itself what it has set",
						 name);
	return ERR_OK;
}

static enum err take_pre_down(struct wg_quick_reader *reader, struct wg_quick_span value) {
	return take_down(reader, "PreDown");
}

static enum err take_post_down(struct wg_quick_reader *reader, struct wg_quick_span value) {
	return take_down(reader, "PostDown");
}

static enum err take_save_config(struct wg_quick_reader *reader, struct wg_quick_span value) {
	if (wg_quick_value_is(value, "true"))
		wg_quick_reader_note(reader, reader->line,
							 "SaveConfig is not taken over: the configuration is yours and never "
							 "rewritten; umbra keeps peers of 'umbra peer add' elsewhere");
	else if (!wg_quick_value_is(value, "false"))
		return fail_value(reader, "SaveConfig is true or false");
	return ERR_OK;
}

static enum err take_applications(struct wg_quick_reader *reader, struct wg_quick_span value) {
	wg_quick_reader_note(reader, reader->line,
						 "lists of applications are not taken over: they are for phones; umbra "
						 "chooses what goes through the tunnel by address");
	return ERR_OK;
}

static enum err take_public_key(struct wg_quick_reader *reader, struct wg_quick_span value) {
	uint8_t *key = reader->peer->public_key;
	if (text_key_decode(value.data, value.size, key) || wipe_is_zero(key, TEXT_KEY_SIZE))
		return fail_value(reader, "PublicKey is not the base64 of 32 bytes");
	return ERR_OK;
}

static enum err take_preshared_key(struct wg_quick_reader *reader, struct wg_quick_span value) {
	if (text_key_decode(value.data, value.size, reader->peer->preshared_key))
		return fail_value(reader, "PresharedKey is not the base64 of 32 bytes");
	return ERR_OK;
}

static enum err add_claim(struct wg_quick_reader *reader, const struct prefix *prefix) {
	if (reader->claim_count == reader->claim_capacity) {
		size_t capacity = reader->claim_capacity ? 2 * reader->claim_capacity : 64;
		if (capacity > WG_QUICK_PREFIXES_MAX)
			return wg_quick_reader_fail(reader, reader->line, "more than %d AllowedIPs",
										WG_QUICK_PREFIXES_MAX);
		struct wg_quick_claim *claims = reallocarray(reader->claims, capacity, sizeof claims[0]);
		if (!claims)
			return ERR_NO_MEMORY;
		reader->claims = claims;
		reader->claim_capacity = capacity;
	}
	reader->claims[reader->claim_count] = (struct wg_quick_claim){
		.prefix = *prefix,
		.peer = (uint32_t)(reader->file->tunnel.peer_count - 1),
		.order = (uint32_t)reader->claim_count,
		.line = reader->line,
	};
	reader->claim_count++;
	return ERR_OK;
}

static enum err take_allowed_ips(struct wg_quick_reader *reader, struct wg_quick_span value) {
	struct wg_quick_span item;
	while (wg_quick_value_next(&value, &item)) {
		struct prefix prefix;
		bool host_bits;
		if (item.data[0] == '+' || item.data[0] == '-')
			return fail_value(reader, "AllowedIPs with + or - change a tunnel that runs; a "
									  "configuration names all of them, without a sign");
		if (wg_quick_value_prefix(item, &prefix, &host_bits))
			return fail_value(reader, "AllowedIPs has an item that is no IP address; write it as "
									  "10.0.0.0/24 or fd00::/64");
		prefix_mask(&prefix);
		if (host_bits) {
			char text[ADDRESS_TEXT_SIZE];
			prefix_format(&prefix, text);
			wg_quick_reader_note(reader, reader->line,
								 "AllowedIPs %.*s is the whole network %s; for the one address "
								 "write /%d",
								 (int)item.size, item.data, text,
								 prefix.address.family == ADDRESS_V4 ? 32 : 128);
		}
		enum err error = add_claim(reader, &prefix);
		if (error)
			return error;
	}
	return ERR_OK;
}

static enum err take_endpoint(struct wg_quick_reader *reader, struct wg_quick_span value) {
	struct wg_quick_span host;
	uint16_t port;
	if (wg_quick_value_host(value, &host, &port))
		return fail_value(reader, "Endpoint is a host, a colon and a port, such as "
								  "vpn.example.org:51820 or [2001:db8::1]:51820");
	reader->peer->endpoint.name = wg_quick_reader_text(reader, host);
	reader->peer->endpoint.port = port;
	return ERR_OK;
}

static enum err take_keepalive(struct wg_quick_reader *reader, struct wg_quick_span value) {
	uint64_t seconds = 0;
	if (!wg_quick_value_is(value, "off") && wg_quick_value_number(value, UINT16_MAX, &seconds))
		return fail_value(reader, "PersistentKeepalive is off, or seconds up to 65535");
	reader->peer->persistent_keepalive = (uint16_t)seconds;
	return ERR_OK;
}

static const struct key keys[] = {
	{"PrivateKey", WG_QUICK_INTERFACE, false, take_private_key},
	{"ListenPort", WG_QUICK_INTERFACE, false, take_listen_port},
	{"FwMark", WG_QUICK_INTERFACE, false, take_fwmark},
	{"Address", WG_QUICK_INTERFACE, true, take_address},
	{"DNS", WG_QUICK_INTERFACE, true, wg_quick_dns_read},
	{"MTU", WG_QUICK_INTERFACE, false, take_mtu},
	{"Table", WG_QUICK_INTERFACE, false, take_table},
	{"PreUp", WG_QUICK_INTERFACE, true, take_pre_up},
	{"PostUp", WG_QUICK_INTERFACE, true, take_post_up},
	{"PreDown", WG_QUICK_INTERFACE, true, take_pre_down},
	{"PostDown", WG_QUICK_INTERFACE, true, take_post_down},
	{"SaveConfig", WG_QUICK_INTERFACE, false, take_save_config},
	{"IncludedApplications", WG_QUICK_INTERFACE, true, take_applications},
	{"ExcludedApplications", WG_QUICK_INTERFACE, true, take_applications},
	{"PublicKey", WG_QUICK_PEER, false, take_public_key},
	{"PresharedKey", WG_QUICK_PEER, false, take_preshared_key},
	{"AllowedIPs", WG_QUICK_PEER, true, take_allowed_ips},
	{"Endpoint", WG_QUICK_PEER, false, take_endpoint},
	{"PersistentKeepalive", WG_QUICK_PEER, false, take_keepalive},
};
enum { KEY_COUNT = sizeof keys / sizeof keys[0], REPEATED_NAME_MAX = 20 };
_Static_assert((int)KEY_COUNT <= (int)WG_QUICK_KEYS_MAX, "the reader notes the line of each key");

/* Short words of letters and digits are repeated; longer ones could be a part of a secret. */
static enum err fail_unknown(struct wg_quick_reader *reader, struct wg_quick_span name) {
	bool plain = name.size > 0 && name.size <= REPEATED_NAME_MAX;
	for (size_t i = 0; plain && i < name.size; i++)
		plain = (name.data[i] >= 'a' && name.data[i] <= 'z') ||
				(name.data[i] >= 'A' && name.data[i] <= 'Z') ||
				(name.data[i] >= '0' && name.data[i] <= '9');
	if (!plain)
		return wg_quick_reader_fail(reader, reader->line, "an unknown key");
	return wg_quick_reader_fail(reader, reader->line, "an unknown key \"%.*s\"", (int)name.size,
								name.data);
}

static enum err check_place(struct wg_quick_reader *reader, const struct key *key) {
	if (reader->section != key->section)
		return wg_quick_reader_fail(reader, reader->line, "%s belongs into %s", key->name,
									key->section == WG_QUICK_PEER ? "a [Peer] section"
																  : "the [Interface] section");
	unsigned *line = &reader->key_lines[key - keys];
	if (*line && !key->repeats)
		return wg_quick_reader_fail(reader, reader->line,
									"%s for the second time; line %u has it already", key->name,
									*line);
	*line = reader->line;
	return ERR_OK;
}

enum err wg_quick_key_read(struct wg_quick_reader *reader, struct wg_quick_span line) {
	const char *equals = memchr(line.data, '=', line.size);
	if (!equals)
		return wg_quick_reader_fail(reader, reader->line, "neither a [section] nor Key = value");
	struct wg_quick_span name = {line.data, (size_t)(equals - line.data)};
	struct wg_quick_span value = {equals + 1, line.size - name.size - 1};
	name = wg_quick_value_trim(name);
	value = wg_quick_value_trim(value);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct key *key = &keys[i];
		if (!wg_quick_value_is(name, key->name))
			continue;
		enum err error = check_place(reader, key);
		if (error)
			return error;
		if (value.size == 0 && !key->repeats)
			return wg_quick_reader_fail(reader, reader->line, "%s has no value", key->name);
		return key->take(reader, value);
	}
	return fail_unknown(reader, name);
}
