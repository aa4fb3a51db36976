#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "conf/all_kinds.h"
#include "conf/config_same.h"
#include "conf/loading.h"
#include "conf/shared.h"

static const char server[] = "tunnels:\n"
							 "  vpn:\n"
							 "    protocol: mighty\n"
							 "    role: server\n"
							 "    listen: \"[::]:51820\"\n"
							 "    addresses: [10.66.0.1/24, \"fd66::1/64\"]\n"
							 "    ciphers: [chacha20-poly1305, aes-256-gcm]\n"
							 "    rekey: { seconds: 60, packets: 1000 }\n"
							 "    keepalive: 5\n"
							 "    client_to_client: true\n"
							 "    push: { routes: [10.66.0.0/24, 192.168.7.0/24], dns: "
							 "[10.66.0.1], domains: [Corp.Example],\n"
							 "            mtu: 1400 }\n"
							 "    peers:\n"
							 "      - name: phone\n"
							 "        psk_file: keys/phone.psk\n"
							 "        allowed_ips: [10.66.0.2/32, 10.9.0.0/24, \"fd66::2/128\"]\n"
							 "      - name: laptop\n"
							 "        psk_file: keys/laptop.psk\n"
							 "        identity: " KEY_A "\n"
							 "        allowed_ips: [10.66.0.3/32]\n"
							 "        addresses: [10.66.0.3/24]\n"
							 "        rules: [allow 10.66.0.0/24 tcp 22, deny any icmp]\n";

static const char client[] =
	"tunnels:\n"
	"  out:\n"
	"    protocol: mighty\n"
	"    role: client\n"
	"    auth: { psk_file: out.psk, identity: " KEY_B " }\n"
	"    endpoints: [\"vpn.example.org:51820\", \"192.0.2.1:51821\", \"[2001:db8::1]:1\"]\n";

static void test_of_a_server(void **state) {
	struct config *config = loading_good(server);
	const struct config_tunnel *tunnel = &config->tunnels[0];
	assert_true(tunnel->shares_keys && !tunnel->carries_streams && tunnel->role == CONFIG_SERVER);
	assert_string_equal(tunnel->shared.ciphers.items[0], "chacha20-poly1305");
	assert_int_equal(tunnel->shared.rekey.seconds.value, 60);
	assert_int_equal(tunnel->shared.rekey.packets.value, 1000);
	assert_int_equal(tunnel->shared.keepalive.value, 5);
	assert_true(tunnel->shared.client_to_client && !tunnel->shared.push.routes_absent);
	assert_int_equal(tunnel->shared.push.mtu.value, 1400);
	assert_string_equal(tunnel->shared.push.domains.items[0], "corp.example");
	assert_int_equal(tunnel->peer_count, 2);
	assert_string_equal(tunnel->peers[0].preshared_key_file, "/etc/umbra/keys/phone.psk");
	assert_int_equal(tunnel->peers[1].public_key[0], 0x85);
	assert_int_equal(tunnel->peers[1].rules.count, 2);
	config_free(config);
}

/* Tunnels of different protocols may have one port, however it is written. */
static void test_one_port(void **state) {
	config_free(loading_good("tunnels:\n"
							 "  one: { protocol: mighty, role: server, listen: 51820 }\n"
							 "  two: { private_key_file: k, listen: \"[::]:51820\", fwmark: off }\n"
							 "  three: { private_key_file: k, listen: \"192.0.2.1:1\", fwmark: 7,\n"
							 "           routes: { include: [\"::/0\"] } }\n"
							 "  four: { protocol: mighty, role: server,\n"
							 "          listen: \"192.0.2.1:1\", fwmark: 7 }\n"));
}

/* The first endpoint is where other parts of the program look. */
static void test_a_client_has_one_peer(void **state) {
	struct config *config = loading_good(client);
	const struct config_tunnel *tunnel = &config->tunnels[0];
	assert_int_equal(tunnel->peer_count, 1);
	const struct config_peer *peer = &tunnel->peers[0];
	assert_string_equal(peer->name, "server");
	assert_string_equal(peer->endpoint.name, "vpn.example.org");
	assert_int_equal(peer->others.count, 2);
	assert_string_equal(peer->others.items[1].name, "2001:db8::1");
	assert_int_equal(peer->public_key[0], 0x77);
	assert_string_equal(peer->preshared_key_file, "/etc/umbra/out.psk");
	assert_int_equal(peer->allowed_ips.count, 0);
	assert_true(tunnel->routes.from_peers);
	config_free(config);
}

static void test_what_a_client_sends_there(void **state) {
	char text[2048];
	strcpy(text, client);
	strcat(text, "    addresses: [10.66.0.2/24]\n"
				 "    routes: { include: [0.0.0.0/0, \"::/0\"] }\n");
	struct config *config = loading_good(text);
	const struct config_prefixes *allowed = &config->tunnels[0].peers[0].allowed_ips;
	static const char *const expected[] = {"0.0.0.0/0", "::/0", "10.66.0.0/24"};
	assert_int_equal(allowed->count, 3);
	for (size_t i = 0; i < 3; i++) {
		char prefix[ADDRESS_TEXT_SIZE];
		prefix_format(&allowed->items[i], prefix);
		assert_string_equal(prefix, expected[i]);
	}
	config_free(config);
}

/* What a client takes of what its server says: the word for it is as good as none. */
static void test_what_a_client_takes(void **state) {
	static const struct {
		const char *lines;
		bool servers_absent, accept_absent;
		size_t accepted;
	} rows[] = {
		{"", true, true, 0},
		{"    dns: { servers: push, search: [a.example] }\n    routes: { accept: [] }\n", true,
		 false, 0},
		{"    dns: { servers: [] }\n    routes: { accept: [10.0.0.0/8, \"fd00::/8\"] }\n", false,
		 false, 2},
		{"    dns: { servers: 10.0.0.1 }\n", false, true, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[2048], *dumped;
		size_t size;
		(void)snprintf(text, sizeof text, "%s%s", client, rows[i].lines);
		struct config *config = loading_good(text);
		const struct config_tunnel *tunnel = &config->tunnels[0];
		assert_true(config_takes_settings(tunnel));
		assert_int_equal(tunnel->dns.servers_absent, rows[i].servers_absent);
		assert_int_equal(tunnel->routes.accept_absent, rows[i].accept_absent);
		assert_int_equal(tunnel->routes.accept.count, rows[i].accepted);
		assert_int_equal(config_dump(config, &dumped, &size), ERR_OK);
		struct config *again = loading_source(
			&(struct config_source){.path = "/elsewhere", .text = dumped, .text_size = size});
		same_config(config, again);
		free(dumped);
		config_free(config);
		config_free(again);
	}
	struct config *config = loading_good(server);
	assert_false(config_takes_settings(&config->tunnels[0]));
	config_free(config);
}

static void test_defaults(void **state) {
	struct config *config = loading_good(client);
	const struct config_shared *shared = &config->tunnels[0].shared;
	assert_int_equal(shared->ciphers.count, 2);
	assert_string_equal(shared->ciphers.items[0], "aes-256-gcm");
	assert_string_equal(shared->ciphers.items[1], "chacha20-poly1305");
	assert_int_equal(shared->rekey.seconds.value, 600);
	assert_int_equal(shared->rekey.packets.value, 1 << 24);
	assert_int_equal(shared->keepalive.value, 10);
	assert_false(shared->client_to_client);
	assert_true(shared->push.mtu.off);
	config_free(config);
}

static void test_what_clients_are_told(void **state) {
	struct prefix addresses[INTERFACE_SETTINGS_ADDRESSES_MAX];
	struct prefix routes[INTERFACE_SETTINGS_ROUTES_MAX];
	char text[ADDRESS_TEXT_SIZE];
	struct config *config = loading_good(server);
	struct config_tunnel *tunnel = &config->tunnels[0];
	assert_int_equal(shared_addresses(&tunnel->peers[0], addresses), 2);
	prefix_format(&addresses[1], text);
	assert_string_equal(text, "fd66::2/128");
	assert_int_equal(shared_addresses(&tunnel->peers[1], addresses), 1);
	prefix_format(&addresses[0], text);
	assert_string_equal(text, "10.66.0.3/24");
	assert_int_equal(shared_routes(tunnel, routes), 2);
	tunnel->shared.push.routes_absent = true;
	assert_int_equal(shared_routes(tunnel, routes), 2);
	prefix_format(&routes[1], text);
	assert_string_equal(text, "fd66::/64");
	config_free(config);
}

/* The control process learns a configuration from its dump, which has the identities. */
static void test_dumps(void **state) {
	static const char *const texts[] = {server, client};
	for (size_t i = 0; i < 2; i++) {
		char *dumped;
		size_t size;
		struct config *config = loading_good(texts[i]);
		assert_int_equal(config_dump(config, &dumped, &size), ERR_OK);
		struct config *again = loading_source(
			&(struct config_source){.path = "/elsewhere", .text = dumped, .text_size = size});
		same_config(config, again);
		assert_non_null(strstr(dumped, i == 0 ? KEY_A : KEY_B));
		assert_null(strstr(dumped, "AAAAAAAA"));
		assert_null(strstr(dumped, i == 0 ? "endpoints" : "peers:"));
		free(dumped);
		config_free(config);
		config_free(again);
	}
}

/* Not inline: GCC 12 takes the text for its own pointer then. */
static __attribute__((noinline)) char *reference(enum config_reference form) {
	char *text;
	size_t size;
	assert_int_equal(config_reference(form, &text, &size), ERR_OK);
	return text;
}

static void test_the_example_loads(void **state) {
	char *text = reference(CONFIG_REFERENCE_YAML);
	struct config *config = loading_good(text);
	assert_int_equal(config->tunnel_count, 7);
	const struct config_tunnel *office = &config->tunnels[3], *home = &config->tunnels[4];
	assert_string_equal(office->protocol, "mighty");
	assert_string_equal(office->peers[0].preshared_key_file, "/etc/umbra/keys/phone.psk");
	assert_int_equal(home->role, CONFIG_CLIENT);
	assert_string_equal(home->peers[0].endpoint.name, "vpn.example.org");
	config_free(config);
	free(text);
}

/* The words behind a key, of which tunnels it is. */
static const char *find_tunnels(const char *text, const char *key) {
	static const char mark[] = "    Tunnels: ";
	char line[128];
	(void)snprintf(line, sizeof line, "\n%s\n", key);
	const char *at = strstr(text, line);
	const char *found = at ? strstr(at, mark) : NULL;
	assert_non_null(found);
	return found + strlen(mark);
}

/* What a key is of, in words. */
static void test_of_what_tunnels_keys_are(void **state) {
	static const char *const rows[][2] = {
		{"tunnels.*.private_key_file",
		 "those that carry packets by pairs of keys, and those that carry streams"},
		{"tunnels.*.role",
		 "those that carry streams, and those with shared keys, and those with logins"},
		{"tunnels.*.listen", "those that carry packets by pairs of keys, and servers of streams, "
							 "and servers with shared keys, and servers with logins"},
		{"tunnels.*.peers", "those that carry packets by pairs of keys, and those that carry "
							"streams, and servers with shared keys"},
		{"tunnels.*.peers.*.psk_file", "servers with shared keys"},
		{"tunnels.*.endpoints", "clients with shared keys, and clients with logins"},
		{"tunnels.*.rekey.seconds", "those with shared keys, and those with logins"},
		{"tunnels.*.tls.pins", "clients of streams"},
	};
	char *text = reference(CONFIG_REFERENCE_TEXT);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *tunnels = find_tunnels(text, rows[i][0]);
		assert_int_equal(strncmp(tunnels, rows[i][1], strlen(rows[i][1])), 0);
		assert_int_equal(tunnels[strlen(rows[i][1])], '\n');
	}
	free(text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_client_has_one_peer),
		cmocka_unit_test(test_what_a_client_takes),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_dumps),
		cmocka_unit_test(test_of_a_server),
		cmocka_unit_test(test_one_port),
		cmocka_unit_test(test_of_what_tunnels_keys_are),
		cmocka_unit_test(test_the_example_loads),
		cmocka_unit_test(test_what_a_client_sends_there),
		cmocka_unit_test(test_what_clients_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
