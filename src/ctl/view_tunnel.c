#include "ctl/view_tunnel.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/view_data_path.h"
#include "ctl/view_peer.h"
#include "ctl/view_pushed.h"
#include "ctl/view_streams.h"

#define FROM_ROUTE "route"

static const char *const STATE_NAMES[VIEW_TUNNEL_STATE_COUNT] = {
	[VIEW_DOWN] = "down",
	[VIEW_STARTING] = "starting",
	[VIEW_UP] = "up",
	[VIEW_FAILED] = "failed",
};

static const char *const KILL_SWITCH_NAMES[VIEW_KILL_SWITCH_COUNT] = {
	[VIEW_KILL_SWITCH_OFF] = "off",
	[VIEW_KILL_SWITCH_ON] = "on",
	[VIEW_KILL_SWITCH_BLOCKING] = "blocking",
};

const char *view_tunnel_kill_switch_name(enum view_kill_switch kill_switch) {
	return kill_switch < VIEW_KILL_SWITCH_COUNT ? KILL_SWITCH_NAMES[kill_switch] : "unknown";
}

const char *view_tunnel_state_name(enum view_tunnel_state state) {
	return state < VIEW_TUNNEL_STATE_COUNT ? STATE_NAMES[state] : "unknown";
}

static const char *state_name(unsigned index) {
	return view_tunnel_state_name((enum view_tunnel_state)index);
}

void view_tunnel_done(struct view_tunnel *tunnel) {
	if (!tunnel)
		return;
	free(tunnel->name);
	free(tunnel->protocol);
	free(tunnel->username);
	free(tunnel->condition);
	free(tunnel->reason);
	free(tunnel->addresses);
	view_pushed_free(tunnel->pushed);
	free(tunnel->clients_endpoint);
	free(tunnel->clients_dns);
	free(tunnel->clients_allowed_ips);
	view_data_path_free(tunnel->data_path);
	for (size_t i = 0; i < tunnel->shown; i++)
		view_peer_done(&tunnel->peers[i]);
	free(tunnel->peers);
	*tunnel = (struct view_tunnel){0};
}

void view_tunnel_put(const struct view_tunnel *tunnel, struct view_text *text) {
	static const char peers[] = ",\"peers\":";
	struct view_writer w = view_writer_new();
	view_put_text(&w, "name", tunnel->name);
	view_put_text(&w, "protocol", tunnel->protocol);
	view_put_text(&w, "username", tunnel->username);
	view_put_text(&w, "state", view_tunnel_state_name(tunnel->state));
	view_put_text(&w, "condition", tunnel->condition);
	view_put_number_or_null(&w, "since", tunnel->condition_since);
	view_put_text(&w, "reason", tunnel->reason);
	view_put_bool(&w, "autostart", tunnel->autostart);
	view_put_text(&w, "kill_switch", view_tunnel_kill_switch_name(tunnel->kill_switch));
	view_put_number(&w, "kill_switch_restored", tunnel->kill_switch_restored);
	if (tunnel->has_public_key)
		view_put_key(&w, "public_key", tunnel->public_key);
	else
		view_put_text(&w, "public_key", NULL);
	view_put_number_or_null(&w, "listen_port", tunnel->listen_port);
	view_put_number(&w, "fwmark", tunnel->fwmark);
	view_put_number_or_null(&w, "mtu", tunnel->mtu);
	view_put_text(&w, "mtu_source", tunnel->mtu_from_route ? FROM_ROUTE : "configured");
	view_put_prefixes(&w, "addresses", tunnel->addresses, tunnel->address_count);
	view_pushed_put(&w, tunnel->pushed);
	view_put_text(&w, "clients_endpoint", tunnel->clients_endpoint);
	view_put_addresses(&w, "clients_dns", tunnel->clients_dns, tunnel->clients_dns_count);
	view_put_prefixes(&w, "clients_allowed_ips", tunnel->clients_allowed_ips,
					  tunnel->clients_allowed_ip_count);
	view_put_number(&w, "clients_keepalive", tunnel->clients_keepalive);
	view_put_number(&w, "peer_count", tunnel->peer_count);
	view_put_number(&w, "connected_count", tunnel->connected_count);
	view_put_number(&w, "received", tunnel->received);
	view_put_number(&w, "sent", tunnel->sent);
	view_data_path_put(&w, tunnel->data_path);
	view_streams_put(&w, &tunnel->streams);
	view_writer_end(&w, text, true);
	view_text_add(text, peers, sizeof peers - 1);
	view_peers_put(tunnel->peers, tunnel->shown, text);
	view_text_add(text, "}", 1);
}

/* Daemons of before have none. */
static enum view_kill_switch get_kill_switch(struct view_reader *r) {
	char *text = view_get_text(r, "kill_switch", VIEW_TEXT_MAX, false);
	enum view_kill_switch found = VIEW_KILL_SWITCH_OFF;
	for (unsigned i = 0; text && i < VIEW_KILL_SWITCH_COUNT; i++)
		if (strcmp(text, KILL_SWITCH_NAMES[i]) == 0)
			found = (enum view_kill_switch)i;
	free(text);
	return found;
}

enum err view_tunnel_get(const json_t *object, struct view_tunnel *out_tunnel) {
	struct view_reader r = view_reader_of(object);
	struct view_tunnel t = {0};
	t.name = view_get_text(&r, "name", VIEW_TEXT_MAX, true);
	t.protocol = view_get_text(&r, "protocol", VIEW_TEXT_MAX, true);
	t.username = view_get_text(&r, "username", VIEW_TEXT_MAX, false);
	t.state =
		(enum view_tunnel_state)view_get_word(&r, "state", state_name, VIEW_TUNNEL_STATE_COUNT);
	t.condition = view_get_text(&r, "condition", VIEW_TEXT_MAX, false);
	t.condition_since = view_get_number(&r, "since", UINT64_MAX);
	t.reason = view_get_text(&r, "reason", VIEW_TEXT_MAX, false);
	t.autostart = view_get_bool(&r, "autostart");
	t.kill_switch = get_kill_switch(&r);
	t.kill_switch_restored = (uint32_t)view_get_number(&r, "kill_switch_restored", UINT32_MAX);
	t.has_public_key = view_get_key(&r, "public_key", t.public_key, false);
	t.listen_port = (uint16_t)view_get_number(&r, "listen_port", UINT16_MAX);
	t.fwmark = (uint32_t)view_get_number(&r, "fwmark", UINT32_MAX);
	t.mtu = (uint32_t)view_get_number(&r, "mtu", UINT32_MAX);
	char *source = view_get_text(&r, "mtu_source", VIEW_TEXT_MAX, false);
	t.mtu_from_route = source && strcmp(source, FROM_ROUTE) == 0;
	free(source);
	t.addresses = view_get_prefixes(&r, "addresses", false, &t.address_count);
	t.pushed = view_pushed_get(&r);
	t.clients_endpoint = view_get_text(&r, "clients_endpoint", VIEW_TEXT_MAX, false);
	t.clients_dns = view_get_addresses(&r, "clients_dns", &t.clients_dns_count);
	t.clients_allowed_ips =
		view_get_prefixes(&r, "clients_allowed_ips", true, &t.clients_allowed_ip_count);
	t.clients_keepalive = (uint16_t)view_get_number(&r, "clients_keepalive", UINT16_MAX);
	t.peer_count = view_get_number(&r, "peer_count", UINT64_MAX);
	t.connected_count = view_get_number(&r, "connected_count", UINT64_MAX);
	t.received = view_get_number(&r, "received", UINT64_MAX);
	t.sent = view_get_number(&r, "sent", UINT64_MAX);
	t.data_path = view_data_path_get(&r);
	t.streams = view_streams_get(&r);
	enum err error = view_peers_get(&r, "peers", &t.peers, &t.shown);
	if (!error && t.peer_count < t.shown)
		error = ERR_MALFORMED; /* readers count those that are left out */
	if (error) {
		view_tunnel_done(&t);
		return error;
	}
	*out_tunnel = t;
	return ERR_OK;
}

enum err view_tunnel_encode(const struct view_tunnel *tunnel, char **out_text, size_t *out_size) {
	struct view_text text = {0};
	view_tunnel_put(tunnel, &text);
	return view_text_take(&text, out_text, out_size);
}

enum err view_tunnel_decode(const char *text, size_t size, struct view_tunnel *out_tunnel) {
	json_t *object;
	enum err error = view_json_parse(text, size, &object);
	if (error)
		return error;
	error = view_tunnel_get(object, out_tunnel);
	json_decref(object);
	return error;
}
