#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/loading.h"

static const char text[] = "node:\n"
						   "control:\n"
						   "tunnels:\n"
						   "  um0:\n"
						   "    private_key_file: k\n"
						   "    mtu: big\n"
						   "    addresses: 10.0.0.1/24\n"
						   "    peers:\n"
						   "      - { name: lap.top, public_key: " KEY_A " }\n"
						   "      - { public_key: " KEY_B ", endpoint: a.example:1 }\n"
						   "  um0.x:\n"
						   "    private_key_file: k\n"
						   "  um2:\n";

static struct config_source source_of(const struct config_override *overrides, size_t count) {
	return (struct config_source){
		.path = "umbra.yaml",
		.text = text,
		.text_size = sizeof text - 1,
		.overrides = overrides,
		.override_count = count,
	};
}

static void test_values_in_place_of_the_files(void **state) {
	static const struct config_override overrides[] = {
		{"tunnels.um0.mtu", "1280"}, /* also of what is wrong */
		{"tunnels.um0.addresses", "10.0.0.2/24, fd66::1/64"},
		{"tunnels.um0.listen", "[::]:51820"},
		{"tunnels.um0.routes.include", ""},
		{"tunnels.um0.peers.lap.top.endpoint", "b.example:2"},
		{"tunnels.um0.peers.2.endpoint", "c.example:3"},
		{"tunnels.um0.x.mtu", "1300"},
		{"tunnels.um2.private_key_file", "/k"},
		{"node.log.level", "error"},
		{"node.log.level", "debug"}, /* the last one counts */
		{"node.name", "gw1"},
		{"control.socket", "/s"},
		{"control.metrics", "[::1]:9090"},
	};
	const struct config_source source =
		source_of(overrides, sizeof overrides / sizeof overrides[0]);
	struct config *config = loading_source(&source);
	assert_int_equal(config->tunnel_count, 3);
	const struct config_tunnel *tunnel = &config->tunnels[0];
	assert_int_equal(tunnel->mtu.value, 1280);
	assert_int_equal(tunnel->addresses.count, 2);
	assert_int_equal(tunnel->addresses.items[1].address.family, ADDRESS_V6);
	assert_int_equal(tunnel->listen.port, 51820);
	assert_false(tunnel->routes.from_peers);
	assert_int_equal(tunnel->routes.include.count, 0);
	assert_string_equal(tunnel->peers[0].endpoint.name, "b.example");
	assert_string_equal(tunnel->peers[1].endpoint.name, "c.example");
	assert_int_equal(tunnel[1].mtu.value, 1300);
	assert_string_equal(tunnel[2].private_key_file, "/k");
	assert_int_equal(config->node.log.level, LOG_DEBUG);
	assert_string_equal(config->node.name, "gw1");
	assert_string_equal(config->control.socket, "/s");
	assert_int_equal(config->control.metrics.port, 9090);
	assert_int_equal(config->control.metrics.address.family, ADDRESS_V6);
	config_free(config);
}

/* What is said of one more override. */
static void refuses(const char *path, const char *value, const char *line) {
	const struct config_override overrides[] = {
		{"tunnels.um0.mtu", "auto"},
		{"tunnels.um2.private_key_file", "/k"},
		{path, value},
	};
	const struct config_source source = source_of(overrides, 3);
	loading_refuses(&source, line);
}

static void test_bad_overrides(void **state) {
	refuses("tunnels.um0.mut", "1", "--set tunnels.um0.mut: unknown key; did you mean mtu?");
	refuses("tunels.um0.mtu", "1", "--set tunels.um0.mtu: unknown key; did you mean tunnels?");
	refuses("", "1", "--set : unknown key; include, node, control or tunnels");
	refuses("node.", "1",
			"--set node.: unknown key; name, state_dir, user, sandbox, resolvers, log, shards, "
			"aead, offload or dns_step");
	refuses("tunnels.um1.mtu", "1",
			"--set tunnels.um1.mtu: no such tunnel; one of um0, um0.x, um2");
	refuses("tunnels.um0", "1",
			"--set tunnels.um0: no single value; the path of one, like tunnels.um0.mtu");
	refuses("tunnels", "1",
			"--set tunnels: no single value; the path of one, like tunnels.um0.mtu");
	refuses("tunnels.um0.peers.desk.name", "x",
			"--set tunnels.um0.peers.desk.name: no such peer; the name of a peer of the file, or "
			"its number from 1");
	refuses("tunnels.um0.mtu.x", "1",
			"--set tunnels.um0.mtu.x: mtu is a value and has no keys; the path as far as that");
	refuses("include", "x",
			"--set include: no single value; the path of one, like tunnels.um0.mtu");
	refuses("tunnels.um0.mtu", "huge",
			"--set tunnels.um0.mtu: \"huge\" is no number; auto, or 576 to 65475");
	refuses("tunnels.um0.mtu", "", "--set tunnels.um0.mtu: empty; auto, or 576 to 65475");
	refuses("tunnels.um0.addresses", "10.0.0.1/24,,",
			"--set tunnels.um0.addresses: empty; a list of addresses with lengths like "
			"[10.66.0.1/24, \"fd66::1/64\"]");
	refuses("tunnels.um0.private_key_file", "k",
			"--set tunnels.um0.private_key_file: \"k\" is relative to no file; a path like "
			"keys/um0.key, at most 4095 characters");
	refuses("tunnels.um0.peers.2.public_key", KEY_A,
			"--set tunnels.um0.peers.2.public_key: the peer at umbra.yaml:9 has the same key; each "
			"peer its own");
	refuses("\x1b[2J", "1", "--set ?[2J: unknown key; include, node, control or tunnels");
}

static void test_no_tunnels(void **state) {
	const struct config_override override = {"tunnels.um0.mtu", "auto"};
	loading_refuses(&(struct config_source){.path = "u",
											.text = "node: {}\n",
											.text_size = 9,
											.overrides = &override,
											.override_count = 1},
					"--set tunnels.um0.mtu: no such tunnel; the file has none");
}

static void test_long_values(void **state) {
	static char value[8192];
	memset(value, 'x', sizeof value - 1);
	refuses("node.name", value, "--set node.name: the value is too long; at most 4096");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_in_place_of_the_files),
		cmocka_unit_test(test_bad_overrides),
		cmocka_unit_test(test_no_tunnels),
		cmocka_unit_test(test_long_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
