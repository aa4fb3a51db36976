#include <string.h>

#include "conf/wg_quick.h"
#include "conf/wg_quick_reader.h"
#include "conf/wg_quick_text.h"

/* A scalar in double quotes, YAML 1.1 section 5.6; control characters become \xNN. */
static void put_quoted(struct wg_quick_text *text, const char *value) {
	wg_quick_text_add(text, "\"");
	for (; *value; value++) {
		unsigned char character = (unsigned char)*value;
		if (character == '"' || character == '\\')
			wg_quick_text_format(text, "\\%c", character);
		else if (character < ' ' || character == 0x7f)
			wg_quick_text_format(text, "\\x%02x", character);
		else
			wg_quick_text_format(text, "%c", character);
	}
	wg_quick_text_add(text, "\"");
}

/* A v6 address may look like a mapping's key to YAML. */
static void put_prefix(struct wg_quick_text *text, const struct prefix *prefix) {
	char piece[ADDRESS_TEXT_SIZE];
	prefix_format(prefix, piece);
	wg_quick_text_format(text, prefix->address.family == ADDRESS_V6 ? "\"%s\"" : "%s", piece);
}

static void put_prefixes(struct wg_quick_text *text, const char *indent, const char *key,
						 const struct config_prefixes *prefixes) {
	wg_quick_text_format(text, "%s%s: [", indent, key);
	for (size_t i = 0; i < prefixes->count; i++) {
		if (i > 0)
			wg_quick_text_add(text, ", ");
		put_prefix(text, &prefixes->items[i]);
	}
	wg_quick_text_add(text, "]\n");
}

static void put_host(struct wg_quick_text *text, const char *indent,
					 const struct config_host *host) {
	wg_quick_text_format(text, "%sendpoint: \"", indent);
	wg_quick_text_host(text, host);
	wg_quick_text_add(text, "\"\n");
}

static void put_choice(struct wg_quick_text *text, const char *key,
					   const struct config_choice *choice) {
	if (choice->off)
		wg_quick_text_format(text, "%s: off\n", key);
	else if (!choice->automatic)
		wg_quick_text_format(text, "%s: %u\n", key, choice->value);
}

static void put_routes(struct wg_quick_text *text, const struct config_tunnel *tunnel) {
	const struct config_choice *table = &tunnel->routes.table;
	if (tunnel->routes.from_peers && tunnel->routes.exclude.count == 0 && table->automatic)
		return;
	wg_quick_text_add(text, "    routes:\n");
	if (!tunnel->routes.from_peers)
		put_prefixes(text, "      ", "include", &tunnel->routes.include);
	if (tunnel->routes.exclude.count > 0)
		put_prefixes(text, "      ", "exclude", &tunnel->routes.exclude);
	put_choice(text, "      table", table);
}

static void put_names(struct wg_quick_text *text, const char *key,
					  const struct config_names *names) {
	for (size_t i = 0; i < names->count; i++) {
		if (i == 0)
			wg_quick_text_format(text, "      %s: [", key);
		else
			wg_quick_text_add(text, ", ");
		put_quoted(text, names->items[i]);
	}
	if (names->count > 0)
		wg_quick_text_add(text, "]\n");
}

static void put_addresses(struct wg_quick_text *text, const char *key,
						  const struct address *addresses, size_t count) {
	for (size_t i = 0; i < count; i++) {
		char piece[ADDRESS_TEXT_SIZE];
		address_format(&addresses[i], piece);
		if (i == 0)
			wg_quick_text_format(text, "      %s: [\"", key);
		else
			wg_quick_text_add(text, "\", \"");
		wg_quick_text_add(text, piece);
	}
	if (count > 0)
		wg_quick_text_add(text, "\"]\n");
}

/* What the two kinds of file have in common: no domains, no manager. */
static void put_dns(struct wg_quick_text *text, const struct config_dns *dns) {
	if (dns->server_count == 0 && dns->search.count == 0)
		return;
	wg_quick_text_add(text, "    dns:\n");
	put_addresses(text, "servers", dns->servers, dns->server_count);
	put_names(text, "search", &dns->search);
}

static void put_clients(struct wg_quick_text *text, const struct config_clients *clients) {
	if (!clients->endpoint.name && clients->dns_count == 0 && clients->allowed_ips.count == 0 &&
		clients->persistent_keepalive == 0)
		return;
	wg_quick_text_add(text, "    clients:\n");
	if (clients->endpoint.name)
		put_host(text, "      ", &clients->endpoint);
	put_addresses(text, "dns", clients->dns, clients->dns_count);
	if (clients->allowed_ips.count > 0)
		put_prefixes(text, "      ", "allowed_ips", &clients->allowed_ips);
	if (clients->persistent_keepalive)
		wg_quick_text_format(text, "      persistent_keepalive: %u\n",
							 clients->persistent_keepalive);
}

static void put_peer(struct wg_quick_text *text, const struct config_peer *peer) {
	char name[WG_QUICK_KEY_NAME + 1];
	wg_quick_name_of_key(peer->public_key, name);
	wg_quick_text_add(text, "      - ");
	if (peer->name && strcmp(peer->name, name) != 0) {
		wg_quick_text_add(text, "name: ");
		put_quoted(text, peer->name);
		wg_quick_text_add(text, "\n        ");
	}
	wg_quick_text_add(text, "public_key: \"");
	wg_quick_text_key(text, peer->public_key);
	wg_quick_text_add(text, "\"\n");
	if (peer->preshared_key_file) {
		wg_quick_text_add(text, "        preshared_key_file: ");
		put_quoted(text, peer->preshared_key_file);
		wg_quick_text_add(text, "\n");
	}
	if (peer->endpoint.name)
		put_host(text, "        ", &peer->endpoint);
	if (peer->allowed_ips.count > 0)
		put_prefixes(text, "        ", "allowed_ips", &peer->allowed_ips);
	if (peer->persistent_keepalive)
		wg_quick_text_format(text, "        persistent_keepalive: %u\n",
							 peer->persistent_keepalive);
	if (peer->umbra)
		wg_quick_text_add(text, "        umbra: true\n");
}

static bool is_any(const struct address *address) {
	static const uint8_t zeros[ADDRESS_V6_SIZE];
	return address->family == ADDRESS_V6 && memcmp(address->bytes, zeros, sizeof zeros) == 0;
}

static void put_tunnel(struct wg_quick_text *text, const struct config_tunnel *tunnel) {
	wg_quick_text_format(text, "  %s:\n    protocol: %s\n", tunnel->name, tunnel->protocol);
	if (!tunnel->autostart)
		wg_quick_text_add(text, "    autostart: false\n");
	if (tunnel->listen.port || !is_any(&tunnel->listen.address)) {
		char listen[ENDPOINT_TEXT_SIZE];
		endpoint_format(&tunnel->listen, listen);
		wg_quick_text_format(text, "    listen: \"%s\"\n", listen);
	}
	if (tunnel->private_key_file) {
		wg_quick_text_add(text, "    private_key_file: ");
		put_quoted(text, tunnel->private_key_file);
		wg_quick_text_add(text, "\n");
	}
	if (tunnel->addresses.count > 0)
		put_prefixes(text, "    ", "addresses", &tunnel->addresses);
	put_choice(text, "    mtu", &tunnel->mtu);
	put_choice(text, "    fwmark", &tunnel->fwmark);
	if (tunnel->masquerade)
		wg_quick_text_add(text, "    masquerade: true\n");
	if (tunnel->forward)
		wg_quick_text_add(text, "    forward: true\n");
	put_routes(text, tunnel);
	put_dns(text, &tunnel->dns);
	put_clients(text, &tunnel->clients);
	if (tunnel->peer_count > 0)
		wg_quick_text_add(text, "    peers:\n");
	for (size_t i = 0; i < tunnel->peer_count; i++)
		put_peer(text, &tunnel->peers[i]);
}

enum err wg_quick_to_yaml(const struct config_tunnel *tunnel, char **out_text, size_t *out_size) {
	struct wg_quick_text text = {0};
	put_tunnel(&text, tunnel);
	return wg_quick_text_take(&text, out_text, out_size);
}
