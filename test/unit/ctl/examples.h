#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/view_user.h"

/* Objects with every member set, and such with none. */

static inline char *example_text(const char *text) {
	char *copy = strdup(text);
	if (!copy)
		abort();
	return copy;
}

static inline struct prefix example_prefix(const char *text) {
	struct prefix prefix;
	if (prefix_parse(text, &prefix))
		abort();
	return prefix;
}

static inline struct prefix *example_prefixes(const char *first, const char *second) {
	struct prefix *items = calloc(2, sizeof *items);
	if (!items)
		abort();
	items[0] = example_prefix(first);
	items[1] = example_prefix(second);
	return items;
}

/* All empty but what must be there. number makes it one of many. */
static inline struct view_peer example_bare_peer(unsigned number) {
	struct view_peer peer = {.state = VIEW_PEER_IDLE};
	char name[32];
	(void)snprintf(name, sizeof name, "peer-%u", number);
	peer.tunnel = example_text("um0");
	peer.name = example_text(name);
	peer.origin = example_text("file");
	memcpy(peer.public_key, &number, sizeof number);
	return peer;
}

static inline struct view_peer example_peer(unsigned number) {
	struct view_peer peer = example_bare_peer(number);
	peer.has_preshared_key = peer.is_identity = true;
	peer.state = VIEW_PEER_CONNECTED;
	peer.reason = example_text("said \"yes\" \\ and\nmore");
	peer.endpoint_name = example_text("vpn.example.org:51820");
	if (endpoint_parse("[2001:db8::1]:51820", &peer.endpoint))
		abort();
	peer.allowed_ips = example_prefixes("10.66.0.2/32", "fd66::/64");
	peer.allowed_ip_count = 2;
	peer.persistent_keepalive = 25;
	peer.path_mtu = 1288;
	peer.path_count = 2;
	peer.paths[0].round_trip = 1500;
	if (endpoint_parse("192.0.2.1:51820", &peer.paths[0].endpoint) ||
		endpoint_parse("[2001:db8::1]:1", &peer.paths[1].endpoint))
		abort();
	peer.latest_handshake = 1700000000 + number;
	peer.received = UINT64_C(1) << 40;
	peer.sent = 12;
	peer.rules = example_text("allow 10.9.0.0/16\ndeny any udp");
	peer.streams =
		(struct stream_peer_figure_set){.are_known = true, .of = {1, 20, 300, 4000, 5000, 6000}};
	return peer;
}

static inline struct view_tunnel example_bare_tunnel(const char *name) {
	return (struct view_tunnel){
		.name = example_text(name), .protocol = example_text("toy"), .state = VIEW_DOWN};
}

/* Two shards; figure i of the first is i + 1, of the second i + 102, flags apart. */
static inline struct view_data_path *example_data_path(void) {
	struct view_data_path *path = calloc(1, sizeof *path);
	if (!path)
		abort();
	path->aead = example_text("ipsec-mb");
	path->has_tun_queue_drops = true;
	path->tun_queue_drops = 9;
	path->shard_count = 2;
	for (enum figure i = 0; i < FIGURE_COUNT; i++) {
		bool flag = figure_kind(i) == FIGURE_FLAG;
		path->shards[0].of[i] = flag ? 1 : (uint64_t)i + 1;
		path->shards[1].of[i] = flag ? i != FIGURE_TUN_UDP : (uint64_t)i + 102;
	}
	return path;
}

static inline struct view_pushed *example_pushed(void) {
	struct view_pushed *pushed = calloc(1, sizeof *pushed);
	if (!pushed)
		abort();
	pushed->addresses = example_prefixes("10.66.0.7/32", "fd66::/64");
	pushed->addresses[1].address.bytes[15] = 7; /* host bits */
	pushed->address_count = 2;
	pushed->routes = example_prefixes("10.9.0.0/16", "fd09::/48");
	pushed->route_count = 2;
	pushed->dns = calloc(1, sizeof *pushed->dns);
	if (!pushed->dns || address_parse("10.66.0.1", pushed->dns))
		abort();
	pushed->dns_count = 1;
	pushed->search = example_text("corp.example.org\nexample.com");
	pushed->mtu = 1400;
	return pushed;
}

static inline struct view_tunnel example_tunnel(const char *name, unsigned peers) {
	struct view_tunnel tunnel = example_bare_tunnel(name);
	tunnel.state = VIEW_UP;
	tunnel.condition = example_text("reconnecting");
	tunnel.condition_since = 1700000000;
	tunnel.reason = example_text("because");
	tunnel.autostart = true;
	tunnel.kill_switch = VIEW_KILL_SWITCH_BLOCKING;
	tunnel.kill_switch_restored = 3;
	tunnel.logins = (struct view_logins){true, {9, 8, 7, 6, 5, 4, 3}, 2};
	tunnel.has_public_key = true;
	memset(tunnel.public_key, 0xab, sizeof tunnel.public_key);
	tunnel.listen_port = 51820;
	tunnel.fwmark = 0xca6c;
	tunnel.mtu = 1420;
	tunnel.mtu_from_route = true;
	tunnel.addresses = example_prefixes("10.66.0.1/24", "fd66::1/64");
	tunnel.addresses[0].address.bytes[3] = 1; /* host bits */
	tunnel.addresses[1].address.bytes[15] = 1;
	tunnel.address_count = 2;
	tunnel.pushed = example_pushed();
	tunnel.clients_endpoint = example_text("vpn.example.org:51820");
	tunnel.clients_dns = calloc(1, sizeof *tunnel.clients_dns);
	if (!tunnel.clients_dns || address_parse("10.66.0.1", tunnel.clients_dns))
		abort();
	tunnel.clients_dns_count = 1;
	tunnel.clients_allowed_ips = example_prefixes("0.0.0.0/0", "::/0");
	tunnel.clients_allowed_ip_count = 2;
	tunnel.clients_keepalive = 25;
	tunnel.peer_count = peers + 3;
	tunnel.connected_count = peers;
	tunnel.received = 100;
	tunnel.sent = 200;
	tunnel.data_path = example_data_path();
	tunnel.streams.are_known = true;
	for (size_t i = 0; i < STREAM_FIGURE_COUNT; i++)
		tunnel.streams.of[i] = 500 + i;
	tunnel.peers = calloc(peers + 1, sizeof *tunnel.peers);
	if (!tunnel.peers)
		abort();
	for (unsigned i = 0; i < peers; i++)
		tunnel.peers[tunnel.shown++] = example_peer(i);
	return tunnel;
}

static inline struct view_status example_status(void) {
	struct view_status status = {
		.api = VIEW_API_VERSION,
		.version = example_text("0.1.0"),
		.node = example_text("gw1"),
		.configuration = example_text("/etc/umbra/umbra.yaml"),
		.log_level = example_text("info"),
		.pid = 4711,
		.started = 1700000000,
		.net_restarts = 2,
		.dns_step = {.of = {{101, 102, 103}, {104, 105, 106}}, .refused = 107, .strange = 108},
		.tunnel_count = 2,
	};
	status.tunnels = calloc(2, sizeof *status.tunnels);
	if (!status.tunnels)
		abort();
	status.tunnels[0] = example_tunnel("um0", 2);
	status.tunnels[1] = example_bare_tunnel("um1");
	return status;
}

static inline struct view_user example_user(void) {
	struct view_user user = {
		.name = example_text("alice"),
		.has_password = true,
		.groups = example_text("admins\nstaff"),
		.disabled = true,
		.expires = 1798761599,
		.quota = UINT64_C(10) << 30,
		.used = 123456,
		.rate = 5 << 20,
		.devices = 3,
		.created = 1700000000,
		.seen = 1700000123,
		.leases = calloc(2, sizeof *user.leases),
		.lease_count = 2,
	};
	struct address *addresses = calloc(2, sizeof *addresses);
	if (!user.leases || !addresses || address_parse("10.66.0.2", &addresses[0]) ||
		address_parse("fd66::2", &addresses[1]))
		abort();
	user.leases[0] = (struct view_lease){.tunnel = example_text("um0"),
										 .peer = example_text("alice/2"),
										 .addresses = addresses,
										 .address_count = 2,
										 .used = 1700000123};
	user.leases[1] =
		(struct view_lease){.tunnel = example_text("um1"), .peer = example_text("alice")};
	return user;
}
