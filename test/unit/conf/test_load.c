#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "conf/loading.h"

static void check_prefixes(const struct config_prefixes *prefixes, const char *const *texts) {
	size_t i = 0;
	for (; texts[i]; i++) {
		char text[ADDRESS_TEXT_SIZE];
		assert_true(i < prefixes->count);
		prefix_format(&prefixes->items[i], text);
		assert_string_equal(text, texts[i]);
	}
	assert_int_equal(prefixes->count, i);
}

#define PREFIXES(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void check_endpoint(const struct endpoint *endpoint, const char *expected) {
	char text[ENDPOINT_TEXT_SIZE];
	endpoint_format(endpoint, text);
	assert_string_equal(text, expected);
}

static void test_every_default(void **state) {
	struct config *config = loading_good("tunnels: { um0: { private_key_file: um0.key } }\n");
	assert_string_equal(config->path, "/etc/umbra/umbra.yaml");
	assert_true(config->node.name[0]);
	assert_string_equal(config->node.state_dir, "/var/lib/umbra");
	assert_string_equal(config->node.user, "umbra");
	assert_int_equal(config->node.sandbox, CONFIG_SANDBOX_ON);
	assert_int_equal(config->node.log.level, LOG_INFO);
	assert_int_equal(config->node.log.format, CONFIG_LOG_TEXT);
	assert_true(config->node.shards.automatic);
	assert_string_equal(config->node.aead, "auto");
	assert_true(config->node.offload.tun && config->node.offload.tun_udp &&
				config->node.offload.udp_send && config->node.offload.udp_receive);
	assert_string_equal(config->control.socket, "/run/umbra/control.sock");
	assert_int_equal(config->control.metrics.port, 0);
	assert_int_equal(config->tunnel_count, 1);
	const struct config_tunnel *tunnel = &config->tunnels[0];
	assert_string_equal(tunnel->name, "um0");
	assert_string_equal(tunnel->protocol, config_default_protocol());
	assert_true(tunnel->autostart);
	check_endpoint(&tunnel->listen, "[::]:0");
	assert_string_equal(tunnel->private_key_file, "/etc/umbra/um0.key");
	assert_int_equal(tunnel->addresses.count, 0);
	assert_true(tunnel->mtu.automatic && tunnel->fwmark.automatic);
	assert_false(tunnel->masquerade || tunnel->forward);
	assert_true(tunnel->kill_switch_absent && !tunnel->kill_switch && !tunnel->allow_lan);
	assert_true(config->node.resolvers_absent && config->node.resolver_count == 0);
	assert_true(tunnel->routes.from_peers && tunnel->routes.table.automatic);
	assert_int_equal(tunnel->peer_count, 0);
	assert_null(tunnel->clients.endpoint.name);
	assert_int_equal(tunnel->clients.dns_count, 0);
	assert_int_equal(tunnel->clients.allowed_ips.count, 0);
	assert_int_equal(tunnel->clients.persistent_keepalive, 0);
	config_free(config);
}

static void test_nothing_at_all(void **state) {
	static const char *const texts[] = {"",
										"\n",
										"# nothing\n",
										"---\n",
										"{}",
										"tunnels:\n",
										"tunnels: {}\nnode:\ncontrol:\ninclude:\n"};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct config *config = loading_good(texts[i]);
		assert_int_equal(config->tunnel_count, 0);
		assert_string_equal(config->node.aead, "auto");
		config_free(config);
	}
}

static const char everything[] =
	"node:\n"
	"  name: gw 1\n"
	"  state_dir: ../state\n"
	"  log: { level: debug, format: json }\n"
	"  shards: 16\n"
	"  aead: ipsec-mb\n"
	"  offload: { tun: false, tun_udp: false, udp_send: false, udp_receive: false }\n"
	"control:\n"
	"  socket: ./run/control.sock\n"
	"  metrics: 9090\n"
	"tunnels:\n"
	"  um0:\n"
	"    autostart: false\n"
	"    listen: 192.0.2.1:51820\n"
	"    private_key_file: /keys/um0.key\n"
	"    addresses: [10.66.0.1/24, \"fd66::1/64\", 10.66.1.1/32]\n"
	"    mtu: 1280\n"
	"    fwmark: 0xFFFFffff\n"
	"    masquerade: true\n"
	"    forward: true\n"
	"    kill_switch: false\n"
	"    allow_lan: true\n"
	"    routes:\n"
	"      include: [10.1.2.3/8]\n"
	"      table: 254\n"
	"    peers:\n"
	"      - name: phone\n"
	"        public_key: " KEY_A "\n"
	"        preshared_key_file: phone.psk\n"
	"        endpoint: \"[2001:db8::1]:51820\"\n"
	"        allowed_ips: [10.66.0.2/32, \"fd66::2\", 10.77.1.2/16]\n"
	"        persistent_keepalive: 65535\n"
	"      - { public_key: " KEY_B ", allowed_ips: 10.66.0.3 }\n"
	"    clients:\n"
	"      endpoint: vpn.example.org:443\n"
	"      dns: [10.66.0.1, \"fd66::1\"]\n"
	"      allowed_ips: [0.0.0.0/0, \"::/0\"]\n"
	"      persistent_keepalive: 25\n"
	"    dns:\n"
	"      servers: [10.66.0.1, \"fd66::1\"]\n"
	"      domains: Corp.Example.\n"
	"      search: [home, _x.example]\n"
	"      leak_protection: false\n"
	"      manager: file\n"
	"  um1:\n"
	"    private_key_file: um1.key\n"
	"    listen: 51820\n"
	"    fwmark: off\n"
	"    routes: { include: [], table: off }\n";

static void test_every_value_of_the_node(void **state) {
	char text[sizeof everything];
	strcpy(text, everything);
	strstr(text, "listen: 51820")[8] = '4'; /* the first tunnel has that port */
	struct config *config = loading_good(text);
	assert_string_equal(config->node.name, "gw 1");
	assert_string_equal(config->node.state_dir, "/etc/umbra/../state");
	assert_int_equal(config->node.log.level, LOG_DEBUG);
	assert_int_equal(config->node.log.format, CONFIG_LOG_JSON);
	assert_false(config->node.shards.automatic);
	assert_int_equal(config->node.shards.value, 16);
	assert_string_equal(config->node.aead, "ipsec-mb");
	assert_false(config->node.offload.tun || config->node.offload.tun_udp ||
				 config->node.offload.udp_send || config->node.offload.udp_receive);
	assert_string_equal(config->control.socket, "/etc/umbra/run/control.sock");
	/* Alone it is a port of this host, other than a tunnel's. */
	assert_int_equal(config->control.metrics.port, 9090);
	assert_int_equal(config->control.metrics.address.family, ADDRESS_V4);
	assert_memory_equal(config->control.metrics.address.bytes, ((uint8_t[]){127, 0, 0, 1}), 4);
	assert_int_equal(config->tunnel_count, 2);
	assert_ptr_equal(config_find(config, "um1"), &config->tunnels[1]);
	assert_null(config_find(config, "um2"));
	const struct config_tunnel *tunnel = config_find(config, "um1");
	assert_true(tunnel->fwmark.off && tunnel->routes.table.off);
	assert_false(tunnel->routes.from_peers);
	assert_int_equal(tunnel->routes.include.count, 0);
	assert_int_equal(tunnel->position.line, 45);
	assert_int_equal(tunnel->dns.server_count, 0);
	assert_true(tunnel->dns.leak_protection_absent);
	assert_int_equal(tunnel->dns.manager, CONFIG_DNS_AUTO);
	assert_string_equal(tunnel->position.file, "/etc/umbra/umbra.yaml");
	check_endpoint(&tunnel->listen, "[::]:41820");
	config_free(config);
}

static void test_every_value_of_a_tunnel(void **state) {
	char text[sizeof everything];
	strcpy(text, everything);
	*strstr(text, "  um1:") = '\0';
	struct config *config = loading_good(text);
	const struct config_tunnel *tunnel = &config->tunnels[0];
	assert_false(tunnel->autostart);
	check_endpoint(&tunnel->listen, "192.0.2.1:51820");
	assert_string_equal(tunnel->private_key_file, "/keys/um0.key");
	check_prefixes(&tunnel->addresses, PREFIXES("10.66.0.1/24", "fd66::1/64", "10.66.1.1/32"));
	assert_int_equal(tunnel->mtu.value, 1280);
	assert_int_equal(tunnel->fwmark.value, UINT32_MAX);
	assert_true(tunnel->masquerade && tunnel->forward && tunnel->allow_lan);
	assert_false(tunnel->kill_switch_absent || tunnel->kill_switch);
	assert_false(tunnel->routes.from_peers);
	check_prefixes(&tunnel->routes.include, PREFIXES("10.0.0.0/8"));
	assert_int_equal(tunnel->routes.table.value, 254);
	assert_int_equal(tunnel->peer_count, 2);
	const struct config_peer *peer = &tunnel->peers[0];
	assert_string_equal(peer->name, "phone");
	assert_int_equal(peer->position.line, 27);
	char key[TEXT_KEY_BASE64_SIZE];
	text_key_encode(peer->public_key, key);
	assert_string_equal(key, KEY_A);
	assert_string_equal(peer->preshared_key_file, "/etc/umbra/phone.psk");
	assert_string_equal(peer->endpoint.name, "2001:db8::1");
	assert_int_equal(peer->endpoint.port, 51820);
	check_prefixes(&peer->allowed_ips, PREFIXES("10.66.0.2/32", "fd66::2/128", "10.77.0.0/16"));
	assert_int_equal(peer->persistent_keepalive, 65535);
	assert_string_equal(peer[1].name, "dwdtCnMY");
	assert_null(peer[1].endpoint.name);
	check_prefixes(&peer[1].allowed_ips, PREFIXES("10.66.0.3/32"));
	assert_string_equal(tunnel->clients.endpoint.name, "vpn.example.org");
	assert_int_equal(tunnel->clients.endpoint.port, 443);
	assert_int_equal(tunnel->clients.dns_count, 2);
	assert_int_equal(tunnel->clients.dns[1].family, ADDRESS_V6);
	check_prefixes(&tunnel->clients.allowed_ips, PREFIXES("0.0.0.0/0", "::/0"));
	assert_int_equal(tunnel->clients.persistent_keepalive, 25);
	assert_int_equal(tunnel->dns.server_count, 2);
	assert_int_equal(tunnel->dns.servers[1].family, ADDRESS_V6);
	assert_int_equal(tunnel->dns.domains.count, 1);
	assert_string_equal(tunnel->dns.domains.items[0], "corp.example");
	assert_int_equal(tunnel->dns.search.count, 2);
	assert_string_equal(tunnel->dns.search.items[1], "_x.example");
	assert_false(tunnel->dns.leak_protection_absent || tunnel->dns.leak_protection);
	assert_int_equal(tunnel->dns.manager, CONFIG_DNS_FILE);
	config_free(config);
}

static void test_forms_of_values(void **state) {
	static const struct {
		const char *listen, *expected;
	} rows[] = {
		{"51820", "[::]:51820"},
		{"\"51820\"", "[::]:51820"},
		{"0", "[::]:0"},
		{"\"[::]:51820\"", "[::]:51820"},
		{"0.0.0.0:51820", "0.0.0.0:51820"},
		{"'192.0.2.1:0'", "192.0.2.1:0"},
		{"\"[2001:DB8::1]:65535\"", "[2001:db8::1]:65535"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[128];
		(void)snprintf(text, sizeof text, "tunnels:\n  a: { private_key_file: k, listen: %s }\n",
					   rows[i].listen);
		struct config *config = loading_good(text);
		check_endpoint(&config->tunnels[0].listen, rows[i].expected);
		config_free(config);
	}
}

static void test_hosts(void **state) {
	static const struct {
		const char *text, *name;
	} rows[] = {
		{"vpn.example.org:1", "vpn.example.org"},
		{"gate_way-1:1", "gate_way-1"},
		{"192.0.2.1:1", "192.0.2.1"},
		{"1.2.3.4.5.org:1", "1.2.3.4.5.org"},
		{"\"[2001:db8::1]:1\"", "2001:db8::1"},
		{"\"[fe80::1%eth0]:1\"", "fe80::1%eth0"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[160];
		(void)snprintf(text, sizeof text,
					   "tunnels: { a: { private_key_file: k, clients: { endpoint: %s } } }\n",
					   rows[i].text);
		struct config *config = loading_good(text);
		assert_string_equal(config->tunnels[0].clients.endpoint.name, rows[i].name);
		assert_int_equal(config->tunnels[0].clients.endpoint.port, 1);
		config_free(config);
	}
}

static void test_sockets_that_do_not_collide(void **state) {
	static const char *const pairs[][2] = {
		{"0", "0"},
		{"192.0.2.1:51820", "192.0.2.2:51820"},
		{"0.0.0.0:51820", "\"[2001:db8::1]:51820\""},
		{"51820", "51821"},
		{"\"[2001:db8::1]:51820\"", "192.0.2.1:51820"},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		char text[256];
		(void)snprintf(text, sizeof text,
					   "tunnels:\n  a: { private_key_file: k, listen: %s }\n"
					   "  b: { private_key_file: k, listen: %s }\n",
					   pairs[i][0], pairs[i][1]);
		config_free(loading_good(text));
	}
}

/* The same peer may be at two tunnels, and a prefix twice at one peer. */
static void test_what_may_repeat(void **state) {
	config_free(loading_good("tunnels:\n"
							 "  a: { private_key_file: k, peers: [{ name: x, public_key: " KEY_A
							 ", allowed_ips: [10.0.0.1, 10.0.0.1/32] }] }\n"
							 "  b: { private_key_file: k, peers: [{ name: x, public_key: " KEY_A
							 ", allowed_ips: 10.0.0.1 }] }\n"));
}

static void test_nothing_to_free(void **state) {
	config_free(NULL);
	config_errors_done(&(struct config_errors){0});
}

static void test_mtu_below_that_of_v6(void **state) {
	struct config *config =
		loading_good("tunnels: { a: { private_key_file: k, mtu: 576, addresses: 10.0.0.1/24 } }\n");
	assert_int_equal(config->tunnels[0].mtu.value, 576);
	config_free(config);
}

static void test_many_peers_quickly(void **state) {
	enum { PEERS = 20000, LINE = 160 };
	char *text = malloc(PEERS * LINE), *dumped;
	assert_non_null(text);
	size_t used = (size_t)sprintf(text, "tunnels:\n  a:\n    private_key_file: k\n    peers:\n");
	for (unsigned i = 0; i < PEERS; i++) {
		uint8_t key[TEXT_KEY_SIZE] = {(uint8_t)i, (uint8_t)(i >> 8), 1};
		char encoded[TEXT_KEY_BASE64_SIZE];
		text_key_encode(key, encoded);
		used += (size_t)sprintf(text + used,
								"      - { name: p%u, public_key: \"%s\", allowed_ips: "
								"[10.%u.%u.%u/32, \"fd66::%x/128\"] }\n",
								i, encoded, i >> 16, i >> 8 & 255, i & 255, i + 1);
	}
	const struct config_source source = {.path = "u", .text = text, .text_size = used};
	clock_t start = clock();
	struct config *config = loading_source(&source);
	clock_t loaded = clock();
	assert_int_equal(config->tunnels[0].peer_count, PEERS);
	assert_int_equal(config_dump(config, &dumped, &used), ERR_OK);
	clock_t end = clock();
	/* Far more than it takes, as machines and sanitizers are slow; quadratic would be minutes. */
	assert_true(loaded - start < 5 * CLOCKS_PER_SEC);
	assert_true(end - loaded < 5 * CLOCKS_PER_SEC);
	print_message("20000 peers: %ld ms to load, %ld ms to dump\n",
				  (loaded - start) * 1000 / CLOCKS_PER_SEC, (end - loaded) * 1000 / CLOCKS_PER_SEC);
	free(dumped);
	free(text);
	config_free(config);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_default),
		cmocka_unit_test(test_nothing_at_all),
		cmocka_unit_test(test_every_value_of_the_node),
		cmocka_unit_test(test_every_value_of_a_tunnel),
		cmocka_unit_test(test_forms_of_values),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_sockets_that_do_not_collide),
		cmocka_unit_test(test_what_may_repeat),
		cmocka_unit_test(test_mtu_below_that_of_v6),
		cmocka_unit_test(test_nothing_to_free),
		cmocka_unit_test(test_many_peers_quickly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
