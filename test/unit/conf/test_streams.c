#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/both_kinds.h"
#include "conf/config_same.h"
#include "conf/loading.h"

#define PIN "sha256/" KEY_A

static const char text[] =
	"tunnels:\n"
	"  web:\n"
	"    protocol: phantom\n"
	"    role: server\n"
	"    listen: \"[::]:443\"\n"
	"    private_key_file: keys/web.key\n"
	"    tls: { certificate_file: tls/web.pem, key_file: tls/web.key }\n"
	"    decoy: { proxy: \"http://127.0.0.1:8080\" }\n"
	"    streams: { padding: stealth, cookie: sid, path: \"/a?b=%20\", limit: 7, memory: 99 }\n"
	"    policy: { otherwise: deny, rules: [\"allow 10.1.0.0/16 tcp 22\", \"deny any tcp 25\"] }\n"
	"    clients: { endpoint: \"vpn.example.org:443\" }\n"
	"    peers:\n"
	"      - { name: alice, public_key: " KEY_A ", rules: [\"allow 10.9.0.0/16\"] }\n"
	"      - { name: bob, public_key: " KEY_B " }\n"
	"  out:\n"
	"    protocol: phantom\n"
	"    role: client\n"
	"    private_key_file: keys/out.key\n"
	"    addresses: [10.80.0.2/24]\n"
	"    kill_switch: false\n"
	"    tls: { server_name: VPN.example.org., pins: [" PIN "] }\n"
	"    proxy:\n"
	"      listen: 1080\n"
	"      users:\n"
	"        - { name: u, password_file: f }\n"
	"        - { name: v, password_file: /g }\n"
	"    forwards:\n"
	"      - { listen: 5201, target: \"10.1.1.1:5201\" }\n"
	"      - { protocol: udp, listen: \"127.0.0.2:53\", target: \"[2001:db8::1]:53\" }\n"
	"    streams: { connections: 6 }\n"
	"    peers:\n"
	"      - { name: gw, public_key: " KEY_B ", endpoint: \"vpn.example.org:443\",\n"
	"          allowed_ips: [0.0.0.0/0] }\n"
	"  um0:\n"
	"    private_key_file: keys/um0.key\n"
	"    listen: 443\n";

static void check_server(const struct config_tunnel *web) {
	assert_true(web->carries_streams);
	assert_int_equal(web->role, CONFIG_SERVER);
	assert_false(web->role_absent);
	assert_int_equal(web->listen.port, 443);
	assert_string_equal(web->tls.certificate_file, "/etc/umbra/tls/web.pem");
	assert_string_equal(web->tls.key_file, "/etc/umbra/tls/web.key");
	assert_null(web->tls.certificates);
	assert_null(web->decoy.folder);
	assert_int_equal(web->decoy.proxy.port, 8080);
	assert_int_equal(web->streams.padding, CONFIG_PADDING_STEALTH);
	assert_string_equal(web->streams.cookie, "sid");
	assert_string_equal(web->streams.path, "/a?b=%20");
	assert_int_equal(web->streams.limit.value, 7);
	assert_false(web->streams.memory.automatic);
	assert_int_equal(web->streams.memory.value, 99);
	assert_int_equal(web->policy.otherwise, CONFIG_DENY);
	assert_int_equal(web->policy.rules.count, 2);
	assert_string_equal(web->policy.rules.items[1], "deny any tcp 25");
	assert_int_equal(web->peers[0].rules.count, 1);
	assert_string_equal(web->peers[0].rules.items[0], "allow 10.9.0.0/16");
	assert_int_equal(web->peers[1].rules.count, 0);
	assert_int_equal(web->addresses.count, 0);
}

static void check_client(const struct config_tunnel *out) {
	assert_int_equal(out->role, CONFIG_CLIENT);
	assert_string_equal(out->tls.server_name, "vpn.example.org");
	assert_int_equal(out->tls.pins.count, 1);
	assert_memory_equal(out->tls.pins.items[0].bytes, "\x85\x20\xf0\x09", 4);
	assert_null(out->tls.ca_file);
	assert_int_equal(out->proxy.listen.port, 1080);
	assert_int_equal(out->proxy.listen.address.bytes[0], 127);
	assert_int_equal(out->proxy.user_count, 2);
	assert_string_equal(out->proxy.users[0].name, "u");
	assert_string_equal(out->proxy.users[0].password_file, "/etc/umbra/f");
	assert_string_equal(out->proxy.users[1].password_file, "/g");
	assert_null(out->proxy.users[0].password);
	assert_int_equal(out->forward_count, 2);
	assert_int_equal(out->forwards[0].protocol, CONFIG_TCP);
	assert_int_equal(out->forwards[0].listen.address.bytes[0], 127);
	assert_string_equal(out->forwards[0].target.name, "10.1.1.1");
	assert_int_equal(out->forwards[1].protocol, CONFIG_UDP);
	assert_string_equal(out->forwards[1].target.name, "2001:db8::1");
	assert_int_equal(out->streams.connections.value, 6);
	assert_int_equal(out->streams.padding, CONFIG_PADDING_BALANCED);
	assert_string_equal(out->streams.cookie, "session");
	assert_string_equal(out->streams.path, "/");
}

static void test_values(void **state) {
	struct config *config = loading_good(text);
	assert_int_equal(config->tunnel_count, 3);
	check_server(&config->tunnels[0]);
	check_client(&config->tunnels[1]);
	assert_false(config->tunnels[2].carries_streams);
	config_free(config);
}

/* What *control* learns is what was read; a dump of a dump has not changed. */
static void test_dump(void **state) {
	struct config *config = loading_good(text), *again;
	char *dumped, *dumped_again;
	size_t size, size_again;
	assert_int_equal(config_dump(config, &dumped, &size), ERR_OK);
	again = loading_good(dumped);
	same_config(config, again);
	check_server(&again->tunnels[0]);
	check_client(&again->tunnels[1]);
	assert_int_equal(config_dump(again, &dumped_again, &size_again), ERR_OK);
	assert_string_equal(dumped, dumped_again);
	/* Of each tunnel only what it can have. */
	assert_null(strstr(strstr(dumped, "\"um0\""), "tls"));
	assert_null(strstr(strstr(dumped, "\"um0\""), "role"));
	assert_null(strstr(strstr(dumped, "\"web\""), "preshared_key_file"));
	config_free(config);
	config_free(again);
	free(dumped);
	free(dumped_again);
}

static void test_overrides(void **state) {
	static const struct config_override overrides[] = {
		{"tunnels.out.proxy.listen", "127.0.0.1:8888"},
		{"tunnels.out.proxy.users.v.password_file", "/h"},
		{"tunnels.out.forwards.2.target", "a.example:53"},
		{"tunnels.web.policy.rules", "allow any tcp 80, deny any"},
		{"tunnels.web.streams.padding", "none"},
	};
	struct config *config = loading_source(&(struct config_source){
		.path = "/etc/umbra/umbra.yaml",
		.text = text,
		.text_size = strlen(text),
		.overrides = overrides,
		.override_count = sizeof overrides / sizeof overrides[0],
	});
	assert_int_equal(config->tunnels[1].proxy.listen.port, 8888);
	assert_string_equal(config->tunnels[1].proxy.users[1].password_file, "/h");
	assert_string_equal(config->tunnels[1].forwards[1].target.name, "a.example");
	assert_int_equal(config->tunnels[0].policy.rules.count, 2);
	assert_string_equal(config->tunnels[0].policy.rules.items[0], "allow any tcp 80");
	assert_int_equal(config->tunnels[0].streams.padding, CONFIG_PADDING_NONE);
	config_free(config);
}

static void test_empty_groups(void **state) {
	struct config *config = loading_good("tunnels:\n"
										 "  web:\n"
										 "    protocol: phantom\n"
										 "    role: server\n"
										 "    listen: 443\n"
										 "    private_key_file: k\n"
										 "    tls: { certificate_file: c, key_file: k }\n"
										 "    decoy:\n"
										 "    streams:\n"
										 "    policy: { rules: [] }\n"
										 "    peers: []\n");
	const struct config_tunnel *web = &config->tunnels[0];
	assert_int_equal(web->decoy.proxy.port, 0);
	assert_int_equal(web->policy.otherwise, CONFIG_ALLOW);
	assert_int_equal(web->streams.connections.value, 2);
	assert_int_equal(web->streams.limit.value, 1024);
	assert_true(web->streams.memory.automatic);
	config_free(config);
}

/* Of every tunnel that has no use for them. */
static void test_reference_has_them(void **state) {
	static const char *const paths[] = {
		"tunnels.*.role",          "tunnels.*.tls.pins",           "tunnels.*.decoy.folder",
		"tunnels.*.streams.path",  "tunnels.*.proxy.users.*.name", "tunnels.*.forwards.*.target",
		"tunnels.*.peers.*.rules",
	};
	char *reference;
	size_t size;
	assert_int_equal(config_reference(CONFIG_REFERENCE_TEXT, &reference, &size), ERR_OK);
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		assert_non_null(strstr(reference, paths[i]));
	free(reference);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_empty_groups),
		cmocka_unit_test(test_reference_has_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
