#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "conf/config.h"
#include "daemon/control_view.h"
#include "store/store.h"
#include "wire/interface_settings.h"

#define KEY_1 "0101010101010101010101010101010101010101010101010101010101010101"
#define KEY_2 "0202020202020202020202020202020202020202020202020202020202020202"
#define KEY_9 "0909090909090909090909090909090909090909090909090909090909090909"

enum { NOW = 10000 };

/* A tunnel with phone in the file, and tablet and a second phone in the store. */
struct bench {
	struct config_peer peer;
	struct prefix prefixes[3], address;
	struct address dns;
	struct config_tunnel config;
	struct directory *directory;
	struct control_view view;
};

static void set_up(struct bench *bench) {
	*bench = (struct bench){.peer = {.name = "phone"}};
	assert_int_equal(prefix_parse("10.66.0.2/32", &bench->prefixes[0]), ERR_OK);
	assert_int_equal(prefix_parse("10.66.0.3/32", &bench->prefixes[1]), ERR_OK);
	assert_int_equal(prefix_parse("10.66.0.4/32", &bench->prefixes[2]), ERR_OK);
	assert_int_equal(address_parse("10.66.0.1", &bench->address.address), ERR_OK);
	assert_int_equal(address_parse("9.9.9.9", &bench->dns), ERR_OK);
	bench->address.length = 24;
	memset(bench->peer.public_key, 1, TEXT_KEY_SIZE);
	bench->peer.endpoint = (struct config_host){.name = "2001:db8::1", .port = 51820};
	bench->peer.allowed_ips = (struct config_prefixes){.items = bench->prefixes, .count = 1};
	bench->config = (struct config_tunnel){
		.name = "um0",
		.protocol = "toy",
		.listen = {.port = 51820},
		.mtu = {.automatic = true},
		.addresses = {.items = &bench->address, .count = 1},
		.peers = &bench->peer,
		.peer_count = 1,
		.clients = {.endpoint = {.name = "vpn.example.org", .port = 4500},
					.dns = &bench->dns,
					.dns_count = 1,
					.persistent_keepalive = 25},
	};
	assert_int_equal(directory_new(&bench->config, &bench->directory), ERR_OK);
	for (uint8_t i = 2; i <= 3; i++) {
		struct store_peer peer = {.tunnel = "um0",
								  .name = i == 2 ? "tablet" : "phone",
								  .allowed_ips = &bench->prefixes[i - 1],
								  .allowed_ip_count = 1};
		memset(peer.public_key, i, TEXT_KEY_SIZE);
		assert_int_equal(directory_add(bench->directory, &peer, NULL), ERR_OK);
	}
	bench->view = (struct control_view){
		.config = &bench->config,
		.directory = bench->directory,
		.file = "/etc/umbra/umbra.yaml",
		.mtu = 1440,
		.state = PROCESS_STATE_UP,
		.reason = "",
		.now = NOW,
	};
}

static void update(struct bench *bench, const char *text) {
	assert_int_equal(directory_update(bench->directory, slice_of_text(text)), ERR_OK);
}

static struct view_peer view_of(struct bench *bench, struct directory_peer *peer) {
	struct view_peer shown;
	assert_non_null(peer);
	assert_int_equal(control_view_peer(&bench->view, peer, &shown), ERR_OK);
	return shown;
}

static void test_a_peer_of_the_file(void **state) {
	struct bench bench;
	set_up(&bench);
	update(&bench, "public_key=" KEY_1 "\nendpoint=192.0.2.1:4500\nrx_bytes=7\ntx_bytes=8\n"
				   "path_mtu=1300\n"
				   "last_handshake_time_sec=9900\n");
	struct view_peer peer = view_of(&bench, directory_find(bench.directory, "phone"));
	assert_string_equal(peer.tunnel, "um0");
	assert_string_equal(peer.name, "phone");
	assert_string_equal(peer.origin, "file");
	assert_int_equal(peer.state, VIEW_PEER_CONNECTED);
	assert_null(peer.reason);
	assert_string_equal(peer.endpoint_name, "[2001:db8::1]:51820");
	assert_int_equal(peer.endpoint.port, 4500);
	assert_int_equal(peer.received, 7);
	assert_int_equal(peer.sent, 8);
	assert_int_equal(peer.path_mtu, 1300);
	assert_int_equal(peer.latest_handshake, 9900);
	assert_int_equal(peer.allowed_ip_count, 1);
	view_peer_done(&peer);
	directory_free(bench.directory);
}

static void test_states(void **state) {
	struct bench bench;
	set_up(&bench);
	struct directory_peer *phone = directory_find(bench.directory, "phone");
	struct view_peer peer = view_of(&bench, phone);
	assert_int_equal(peer.state, VIEW_PEER_IDLE);
	view_peer_done(&peer);
	phone->watched.unanswered = 3;
	peer = view_of(&bench, phone);
	assert_int_equal(peer.state, VIEW_PEER_CONNECTING);
	assert_string_equal(peer.reason, "no answer from [2001:db8::1]:51820");
	view_peer_done(&peer);
	phone->watched.unanswered = 0;
	/* Said as long as it may still hold. */
	phone->watched.unreachable_at = 100 * CLOCK_SECOND;
	bench.view.clock = 109 * CLOCK_SECOND;
	peer = view_of(&bench, phone);
	assert_int_equal(peer.state, VIEW_PEER_CONNECTING);
	assert_string_equal(peer.reason, "no route to [2001:db8::1]:51820");
	view_peer_done(&peer);
	bench.view.clock = 111 * CLOCK_SECOND;
	peer = view_of(&bench, phone);
	assert_int_equal(peer.state, VIEW_PEER_IDLE);
	view_peer_done(&peer);
	update(&bench, "public_key=" KEY_1 "\nlast_handshake_time_sec=1\n");
	peer = view_of(&bench, phone);
	assert_int_equal(peer.state, VIEW_PEER_QUIET);
	view_peer_done(&peer);
	bench.view.state = PROCESS_STATE_DOWN;
	peer = view_of(&bench, phone);
	assert_int_equal(peer.state, VIEW_PEER_IDLE);
	view_peer_done(&peer);
	directory_free(bench.directory);
}

static void test_a_peer_that_is_not_used(void **state) {
	struct bench bench;
	set_up(&bench);
	struct view_peer peer = view_of(&bench, directory_find_shadowed(bench.directory, "phone"));
	assert_string_equal(peer.origin, "store");
	assert_int_equal(peer.state, VIEW_PEER_IDLE);
	assert_string_equal(peer.reason, "not used: phone in /etc/umbra/umbra.yaml has the same name");
	view_peer_done(&peer);
	directory_free(bench.directory);
}

static void test_all_peers(void **state) {
	struct bench bench;
	set_up(&bench);
	update(&bench, "public_key=" KEY_9 "\nallowed_ip=10.9.0.0/16\n");
	struct view_peer *peers;
	size_t count;
	assert_int_equal(control_view_peers(&bench.view, &peers, &count), ERR_OK);
	assert_int_equal(count, 4);
	const char *const origins[] = {"file", "store", "store", "wg"};
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(peers[i].origin, origins[i]);
		view_peer_done(&peers[i]);
	}
	free(peers);
	directory_free(bench.directory);
}

static void test_the_tunnel(void **state) {
	struct bench bench;
	set_up(&bench);
	update(&bench, "listen_port=7000\nfwmark=5\npublic_key=" KEY_1 "\nrx_bytes=7\n"
				   "public_key=" KEY_2 "\nrx_bytes=5\nlast_handshake_time_sec=9999\n");
	struct view_tunnel tunnel;
	assert_int_equal(control_view_tunnel(&bench.view, 1, &tunnel), ERR_OK);
	assert_string_equal(tunnel.name, "um0");
	assert_string_equal(tunnel.protocol, "toy");
	assert_int_equal(tunnel.state, VIEW_UP);
	assert_null(tunnel.reason);
	assert_int_equal(tunnel.listen_port, 7000);
	assert_int_equal(tunnel.fwmark, 5);
	assert_int_equal(tunnel.mtu, 1440);
	assert_true(tunnel.mtu_from_route);
	assert_false(tunnel.has_public_key);
	assert_int_equal(tunnel.peer_count, 3);
	assert_int_equal(tunnel.connected_count, 1);
	assert_int_equal(tunnel.received, 12);
	assert_int_equal(tunnel.shown, 1);
	assert_string_equal(tunnel.peers[0].name, "tablet");
	assert_int_equal(tunnel.address_count, 1);
	assert_int_equal(tunnel.addresses[0].address.bytes[3], 1);
	assert_string_equal(tunnel.clients_endpoint, "vpn.example.org:4500");
	assert_int_equal(tunnel.clients_dns_count, 1);
	assert_int_equal(tunnel.clients_keepalive, 25);
	view_tunnel_done(&tunnel);

	bench.view.state = PROCESS_STATE_DOWN;
	directory_forget(bench.directory);
	assert_int_equal(control_view_tunnel(&bench.view, 0, &tunnel), ERR_OK);
	assert_int_equal(tunnel.state, VIEW_DOWN);
	assert_string_equal(tunnel.reason, "autostart is off");
	assert_int_equal(tunnel.listen_port, 51820);
	assert_int_equal(tunnel.shown, 0);
	view_tunnel_done(&tunnel);
	bench.view.held = true;
	assert_int_equal(control_view_tunnel(&bench.view, 0, &tunnel), ERR_OK);
	assert_string_equal(tunnel.reason, "somebody took it down");
	view_tunnel_done(&tunnel);
	bench.view.state = PROCESS_STATE_FAILED;
	bench.view.reason = "port in use";
	assert_int_equal(control_view_tunnel(&bench.view, 0, &tunnel), ERR_OK);
	assert_int_equal(tunnel.state, VIEW_FAILED);
	assert_string_equal(tunnel.reason, "port in use");
	view_tunnel_done(&tunnel);
	directory_free(bench.directory);
}

static void test_the_data_path(void **state) {
	struct bench bench;
	struct view_tunnel shown;
	const uint64_t drops = 77;
	set_up(&bench);
	/* Before anything was told. */
	assert_int_equal(control_view_tunnel(&bench.view, 0, &shown), ERR_OK);
	assert_null(shown.data_path);
	view_tunnel_done(&shown);
	update(&bench, "aead=openssl\nshard=0\nturns=4\nshard=1\nturns=5\npeers=2\n");
	bench.view.tun_queue_drops = &drops;
	assert_int_equal(control_view_tunnel(&bench.view, 0, &shown), ERR_OK);
	assert_string_equal(shown.data_path->aead, "openssl");
	assert_int_equal(shown.data_path->shard_count, 2);
	assert_int_equal(view_data_path_sum(shown.data_path).of[FIGURE_TURNS], 9);
	assert_true(shown.data_path->has_tun_queue_drops);
	assert_int_equal(shown.data_path->tun_queue_drops, 77);
	view_tunnel_done(&shown);
	/* The interface cannot be asked; then the tunnel is down, or gone and here again. */
	bench.view.tun_queue_drops = NULL;
	assert_int_equal(control_view_tunnel(&bench.view, 0, &shown), ERR_OK);
	assert_false(shown.data_path->has_tun_queue_drops);
	view_tunnel_done(&shown);
	bench.view.state = PROCESS_STATE_DOWN;
	assert_int_equal(control_view_tunnel(&bench.view, 0, &shown), ERR_OK);
	assert_null(shown.data_path);
	view_tunnel_done(&shown);
	directory_forget(bench.directory);
	bench.view.state = PROCESS_STATE_UP;
	assert_int_equal(control_view_tunnel(&bench.view, 0, &shown), ERR_OK);
	assert_null(shown.data_path);
	view_tunnel_done(&shown);
	directory_free(bench.directory);
}

/* Copies, and nothing of a tunnel that is down. */
static void test_what_a_server_gives(void **state) {
	struct bench bench;
	struct view_tunnel tunnel;
	struct interface_settings pushed = {
		.mtu = 1300,
		.address_count = 1,
		.route_count = 1,
		.server_count = 1,
		.domain_count = 2,
		.domains = {"corp.example.org", "example.com"},
	};
	set_up(&bench);
	assert_int_equal(control_view_tunnel(&bench.view, 0, &tunnel), ERR_OK);
	assert_null(tunnel.pushed);
	view_tunnel_done(&tunnel);
	pushed.addresses[0] = bench.address;
	pushed.routes[0] = bench.prefixes[0];
	pushed.servers[0] = bench.dns;
	bench.view.pushed = &pushed;
	assert_int_equal(control_view_tunnel(&bench.view, 0, &tunnel), ERR_OK);
	assert_non_null(tunnel.pushed);
	assert_int_equal(tunnel.pushed->address_count, 1);
	assert_true(prefix_equal(&tunnel.pushed->addresses[0], &bench.address));
	assert_int_equal(tunnel.pushed->route_count, 1);
	assert_true(prefix_equal(&tunnel.pushed->routes[0], &bench.prefixes[0]));
	assert_int_equal(tunnel.pushed->dns_count, 1);
	assert_true(address_equal(&tunnel.pushed->dns[0], &bench.dns));
	assert_string_equal(tunnel.pushed->search, "corp.example.org\nexample.com");
	assert_int_equal(tunnel.pushed->mtu, 1300);
	view_tunnel_done(&tunnel);
	bench.view.state = PROCESS_STATE_DOWN;
	assert_int_equal(control_view_tunnel(&bench.view, 0, &tunnel), ERR_OK);
	assert_null(tunnel.pushed);
	view_tunnel_done(&tunnel);
	bench.view.state = PROCESS_STATE_UP;
	pushed = (struct interface_settings){.mtu = 0};
	assert_int_equal(control_view_tunnel(&bench.view, 0, &tunnel), ERR_OK);
	assert_null(tunnel.pushed);
	view_tunnel_done(&tunnel);
	directory_free(bench.directory);
}

static void test_a_login_that_is_due(void **state) {
	struct bench bench;
	set_up(&bench);
	assert_string_equal(control_view_condition(&bench.view).reason, "");
	bench.config.logs_in = true;
	bench.config.role = CONFIG_SERVER;
	assert_string_equal(control_view_condition(&bench.view).reason, "");
	update(&bench, "problem=its list is out of date\n");
	assert_string_equal(control_view_condition(&bench.view).reason, "its list is out of date");
	update(&bench, "");
	bench.config.role = CONFIG_CLIENT;
	const struct condition_result idle = control_view_condition(&bench.view);
	assert_int_equal(idle.condition, CONDITION_IDLE);
	assert_string_equal(idle.reason, "'umbra login um0' is due");
	update(&bench, "public_key=" KEY_1 "\nlast_handshake_time_sec=9900\n");
	assert_string_equal(control_view_condition(&bench.view).reason, "");
	directory_free(bench.directory);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_login_that_is_due),
		cmocka_unit_test(test_what_a_server_gives),
		cmocka_unit_test(test_the_data_path),
		cmocka_unit_test(test_a_peer_of_the_file),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_a_peer_that_is_not_used),
		cmocka_unit_test(test_all_peers),
		cmocka_unit_test(test_the_tunnel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
