#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "conf/all_kinds.h"
#include "conf/config_same.h"
#include "conf/loading.h"
#include "crypto/member.h"

static const char server[] =
	"tunnels:\n"
	"  vpn:\n"
	"    protocol: phaze\n"
	"    role: server\n"
	"    listen: \"[::]:51820\"\n"
	"    addresses: [10.66.0.1/24, \"fd66::1/64\"]\n"
	"    ciphers: [chacha20-poly1305]\n"
	"    client_to_client: true\n"
	"    transports: [udp]\n"
	"    push: { routes: [10.66.0.0/24], dns: [10.66.0.1], domains: [Corp.Example], mtu: 1400 }\n"
	"    auth:\n"
	"      certificate_file: vpn.pem\n"
	"      key_file: vpn.key\n"
	"      ca_file: ca.pem\n"
	"      crl_file: crl.pem\n"
	"      demands: [certificate, password]\n"
	"      groups: [staff, The others]\n"
	"      tickets: 3600\n"
	"      ticket_key_file: t.key\n";

static const char client[] = "tunnels:\n"
							 "  out:\n"
							 "    protocol: phaze\n"
							 "    role: client\n"
							 "    endpoints: [\"VPN.example.org:51820\", \"192.0.2.1:51821\"]\n"
							 "    transport: auto\n"
							 "    auth:\n"
							 "      username: alice@example.org\n"
							 "      password_file: p\n"
							 "      pin: \"sha256/" KEY_A "\"\n"
							 "      certificate_file: a.pem\n"
							 "      key_file: a.key\n";

static void test_of_a_server(void **state) {
	struct config *config = loading_good(server);
	const struct config_tunnel *tunnel = &config->tunnels[0];
	const struct config_login *login = &tunnel->login;
	assert_true(tunnel->logs_in && !tunnel->shares_keys && !tunnel->carries_streams);
	assert_true(config_has_shared(tunnel) && !config_takes_settings(tunnel));
	assert_int_equal(tunnel->peer_count, 0);
	assert_string_equal(login->certificate_file, "/etc/umbra/vpn.pem");
	assert_string_equal(login->crl_file, "/etc/umbra/crl.pem");
	assert_true(config_goes_over(tunnel, CONFIG_UDP) && !config_goes_over(tunnel, CONFIG_TCP));
	assert_int_equal(login->demands.count, 2);
	assert_string_equal(login->demands.items[0], "certificate");
	assert_int_equal(login->groups.count, 2);
	assert_string_equal(login->groups.items[1], "The others");
	assert_int_equal(login->tickets.value, 3600);
	assert_string_equal(login->ticket_key_file, "/etc/umbra/t.key");
	assert_int_equal(tunnel->shared.push.mtu.value, 1400);
	config_free(config);
}

/* The name is the first endpoint's, in lower case, and the identity follows from it. */
static void test_a_client_has_one_peer(void **state) {
	uint8_t identity[TEXT_KEY_SIZE];
	struct config *config = loading_good(client);
	const struct config_tunnel *tunnel = &config->tunnels[0];
	const struct config_peer *peer = &tunnel->peers[0];
	assert_true(config_takes_settings(tunnel));
	assert_string_equal(tunnel->login.username, "alice@example.org");
	assert_string_equal(tunnel->login.server_name, "vpn.example.org");
	assert_int_equal(tunnel->login.pin.items[0].bytes[0], 0x85);
	assert_int_equal(tunnel->peer_count, 1);
	assert_string_equal(peer->name, "server");
	assert_string_equal(peer->endpoint.name, "VPN.example.org");
	assert_int_equal(peer->others.count, 1);
	assert_null(peer->preshared_key_file);
	assert_int_equal(member_server_identity("vpn.example.org", identity), ERR_OK);
	assert_memory_equal(peer->public_key, identity, sizeof identity);
	config_free(config);
}

static void test_names_of_servers(void **state) {
	static const char *const rows[][3] = {
		{"\"192.0.2.1:1\"", "", "192.0.2.1"},
		{"\"[2001:DB8::0:1]:1\"", "", "2001:db8::1"},
		{"\"192.0.2.1:1\"", ", server_name: VPN.Example", "vpn.example"},
		{"\"[fe80::1%eth0]:1\"", ", server_name: \"FE80::1\"", "fe80::1"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[512];
		(void)snprintf(text, sizeof text,
					   "tunnels:\n  out: { protocol: phaze, role: client, endpoints: [%s],\n"
					   "         auth: { ca_file: c%s } }\n",
					   rows[i][0], rows[i][1]);
		struct config *config = loading_good(text);
		assert_string_equal(config->tunnels[0].login.server_name, rows[i][2]);
		config_free(config);
	}
}

static void test_defaults(void **state) {
	struct config *config = loading_good(
		"tunnels:\n"
		"  vpn: { protocol: phaze, role: server, listen: 1, addresses: [10.0.0.1/24],\n"
		"         auth: { certificate_file: c, key_file: k } }\n"
		"  old: { protocol: mighty, role: server, listen: 1 }\n");
	const struct config_tunnel *tunnel = &config->tunnels[0];
	assert_int_equal(tunnel->shared.ciphers.count, 2);
	assert_int_equal(tunnel->shared.rekey.seconds.value, 120);
	assert_int_equal(tunnel->shared.rekey.packets.value, 1 << 30);
	assert_int_equal(tunnel->shared.keepalive.value, 10);
	assert_true(config_goes_over(tunnel, CONFIG_UDP) && config_goes_over(tunnel, CONFIG_TCP));
	assert_int_equal(tunnel->login.demands.count, 1);
	assert_string_equal(tunnel->login.demands.items[0], "password");
	assert_int_equal(tunnel->login.groups.count, 0);
	assert_int_equal(tunnel->login.tickets.value, 7 * 24 * 60 * 60);
	assert_int_equal(config->tunnels[1].shared.rekey.seconds.value, 600);
	assert_false(config->tunnels[1].logs_in);
	config_free(config);
}

/* By what a client goes. */
static void test_transports_of_clients(void **state) {
	static const struct {
		const char *line;
		bool udp, tcp;
	} rows[] = {
		{"", true, false},
		{"    transport: udp\n", true, false},
		{"    transport: tcp\n", false, true},
		{"    transport: auto\n", true, true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[512];
		(void)snprintf(text, sizeof text,
					   "tunnels:\n  out:\n    protocol: phaze\n    role: client\n"
					   "    endpoints: [\"192.0.2.1:1\"]\n"
					   "    auth: { username: a, password_file: p, ca_file: c }\n%s",
					   rows[i].line);
		struct config *config = loading_good(text);
		assert_int_equal(config_goes_over(&config->tunnels[0], CONFIG_UDP), rows[i].udp);
		assert_int_equal(config_goes_over(&config->tunnels[0], CONFIG_TCP), rows[i].tcp);
		config_free(config);
	}
}

/* The control process learns a configuration from its dump. */
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
		assert_null(strstr(dumped, "identity"));
		assert_null(strstr(dumped, "psk_file"));
		assert_null(strstr(dumped, "peers:"));
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
	const struct config_tunnel *staff = &config->tunnels[5], *work = &config->tunnels[6];
	assert_string_equal(staff->protocol, "phaze");
	assert_string_equal(staff->login.certificate_file, "/etc/umbra/keys/vpn.pem");
	assert_int_equal(work->role, CONFIG_CLIENT);
	assert_string_equal(work->peers[0].endpoint.name, "vpn.example.org");
	config_free(config);
	free(text);
}

/* What a key is of, in words. */
static void test_of_what_tunnels_keys_are(void **state) {
	static const char *const rows[][2] = {
		{"tunnels.*.auth", "clients with shared keys, and those with logins"},
		{"tunnels.*.auth.username", "clients with logins"},
		{"tunnels.*.auth.demands", "servers with logins"},
		{"tunnels.*.auth.ca_file", "those with logins"},
		{"tunnels.*.push", "servers with shared keys, and servers with logins"},
	};
	char *text = reference(CONFIG_REFERENCE_TEXT);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char line[128];
		(void)snprintf(line, sizeof line, "\n%s\n", rows[i][0]);
		const char *at = strstr(text, line), *found = at ? strstr(at, "Tunnels: ") : NULL;
		assert_non_null(found);
		found += strlen("Tunnels: ");
		assert_int_equal(strncmp(found, rows[i][1], strlen(rows[i][1])), 0);
		assert_int_equal(found[strlen(rows[i][1])], '\n');
	}
	free(text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_client_has_one_peer),    cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_transports_of_clients),    cmocka_unit_test(test_dumps),
		cmocka_unit_test(test_names_of_servers),         cmocka_unit_test(test_of_a_server),
		cmocka_unit_test(test_of_what_tunnels_keys_are), cmocka_unit_test(test_the_example_loads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
