#include <string.h>

#include "base/wipe.h"
#include "conf/wg_quick.h"
#include "conf/wg_quick_reader.h"
#include "conf/wg_quick_text.h"

/* "Key = 10.0.0.1/24, fd00::1/64"; no line for an empty list. */
static void put_prefixes(struct wg_quick_text *text, const char *key,
						 const struct config_prefixes *prefixes) {
	for (size_t i = 0; i < prefixes->count; i++) {
		if (i == 0)
			wg_quick_text_format(text, "%s = ", key);
		else
			wg_quick_text_add(text, ", ");
		wg_quick_text_prefix(text, &prefixes->items[i]);
	}
	if (prefixes->count > 0)
		wg_quick_text_add(text, "\n");
}

/* Servers, then search domains. */
static void put_dns(struct wg_quick_text *text, const struct config_dns *dns) {
	const char *before = "DNS = ";
	for (size_t i = 0; i < dns->server_count; i++, before = ", ") {
		wg_quick_text_add(text, before);
		wg_quick_text_address(text, &dns->servers[i]);
	}
	for (size_t i = 0; i < dns->search.count; i++, before = ", ") {
		wg_quick_text_add(text, before);
		wg_quick_text_add(text, dns->search.items[i]);
	}
	if (dns->server_count + dns->search.count > 0)
		wg_quick_text_add(text, "\n");
}

static void put_interface(struct wg_quick_text *text, const struct config_tunnel *tunnel) {
	const struct config_choice *table = &tunnel->routes.table;
	wg_quick_text_add(text, "[Interface]\n");
	if (wipe_is_zero(tunnel->private_key, sizeof tunnel->private_key)) {
		wg_quick_text_add(text, "# The private key is missing; whoever has it adds the line\n"
								"# PrivateKey = ...\n");
	} else {
		wg_quick_text_add(text, "PrivateKey = ");
		wg_quick_text_key(text, tunnel->private_key);
		wg_quick_text_add(text, "\n");
	}
	put_prefixes(text, "Address", &tunnel->addresses);
	if (tunnel->listen.port)
		wg_quick_text_format(text, "ListenPort = %u\n", tunnel->listen.port);
	put_dns(text, &tunnel->dns);
	if (!tunnel->mtu.automatic && !tunnel->mtu.off)
		wg_quick_text_format(text, "MTU = %u\n", tunnel->mtu.value);
	if (tunnel->fwmark.off)
		wg_quick_text_add(text, "FwMark = off\n");
	else if (!tunnel->fwmark.automatic)
		wg_quick_text_format(text, "FwMark = 0x%x\n", tunnel->fwmark.value);
	bool no_routes = !tunnel->routes.from_peers && tunnel->routes.include.count == 0;
	if (table->off || no_routes)
		wg_quick_text_add(text, "Table = off\n");
	else if (!table->automatic)
		wg_quick_text_format(text, "Table = %u\n", table->value);
}

static bool is_called_by_key(const struct config_peer *peer) {
	char name[WG_QUICK_KEY_NAME + 1];
	wg_quick_name_of_key(peer->public_key, name);
	return strcmp(peer->name, name) == 0;
}

static void put_peer(struct wg_quick_text *text, const struct config_peer *peer) {
	wg_quick_text_add(text, "\n[Peer]\n");
	if (peer->name && !is_called_by_key(peer) &&
		wg_quick_name_is_good((struct wg_quick_span){peer->name, strlen(peer->name)}))
		wg_quick_text_format(text, "# Name = %s\n", peer->name);
	/* For `umbra init client`; all others take it for a remark. */
	if (peer->umbra)
		wg_quick_text_add(text, "# Umbra = true\n");
	wg_quick_text_add(text, "PublicKey = ");
	wg_quick_text_key(text, peer->public_key);
	wg_quick_text_add(text, "\n");
	if (!wipe_is_zero(peer->preshared_key, sizeof peer->preshared_key)) {
		wg_quick_text_add(text, "PresharedKey = ");
		wg_quick_text_key(text, peer->preshared_key);
		wg_quick_text_add(text, "\n");
	}
	put_prefixes(text, "AllowedIPs", &peer->allowed_ips);
	if (peer->endpoint.name) {
		wg_quick_text_add(text, "Endpoint = ");
		wg_quick_text_host(text, &peer->endpoint);
		wg_quick_text_add(text, "\n");
	}
	if (peer->persistent_keepalive)
		wg_quick_text_format(text, "PersistentKeepalive = %u\n", peer->persistent_keepalive);
}

enum err wg_quick_format(const struct config_tunnel *tunnel, char **out_text, size_t *out_size) {
	struct wg_quick_text text = {0};
	put_interface(&text, tunnel);
	for (size_t i = 0; i < tunnel->peer_count; i++)
		put_peer(&text, &tunnel->peers[i]);
	return wg_quick_text_take(&text, out_text, out_size);
}
