#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/plan.h"
#include "tunnel/plan_dns.h"
#include "tunnel/plan_pushed.h"
#include "tunnel/plan_pushed_table.h"

enum { LIST_MAX = 300, LINE_SIZE = 512 };

static const uint8_t server_key[TEXT_KEY_SIZE] = {1, [31] = 2};

/* This host is in 192.168.7.0/24 and 10.77.0.0/16; the tunnel's server is at 198.51.100.9, and a
 * name of it was found at 203.0.113.9. */
struct scene {
	struct config_tunnel tunnel;
	struct config_peer peer;
	struct config_host other;
	struct prefix addresses[LIST_MAX], allowed[LIST_MAX], include[LIST_MAX], accept[LIST_MAX],
		networks[LIST_MAX];
	struct address servers[LIST_MAX], endpoint;
	const char *search[1];
	struct plan_pushed_host host;
	struct interface_settings said;
	struct plan_pushed *plan;
};

static struct address address_of(const char *text) {
	struct address address;
	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

/* With its host bits. */
static struct prefix prefix_of(const char *text) {
	char copy[ADDRESS_TEXT_SIZE];
	struct prefix prefix;
	assert_int_equal(prefix_parse(text, &prefix), ERR_OK);
	(void)snprintf(copy, sizeof copy, "%s", text);
	copy[strcspn(copy, "/")] = '\0';
	prefix.address = address_of(copy);
	return prefix;
}

/* Words between single spaces. */
static size_t split(const char *text, char words[LIST_MAX][ADDRESS_TEXT_SIZE]) {
	size_t count = 0;
	for (const char *at = text; at && *at; count++) {
		size_t size = strcspn(at, " ");
		(void)snprintf(words[count], ADDRESS_TEXT_SIZE, "%.*s", (int)size, at);
		at += size + (at[size] == ' ');
	}
	return count;
}

static size_t prefixes_of(const char *text, struct prefix *out_prefixes) {
	static char words[LIST_MAX][ADDRESS_TEXT_SIZE];
	size_t count = split(text, words);
	for (size_t i = 0; i < count; i++)
		out_prefixes[i] = prefix_of(words[i]);
	return count;
}

static size_t addresses_of(const char *text, struct address *out_addresses) {
	static char words[LIST_MAX][ADDRESS_TEXT_SIZE];
	size_t count = split(text, words);
	for (size_t i = 0; i < count; i++)
		out_addresses[i] = address_of(words[i]);
	return count;
}

static void assert_prefixes(const char *what, const struct config_prefixes *prefixes,
							const char *expected) {
	char line[LINE_SIZE] = "", text[ADDRESS_TEXT_SIZE];
	size_t used = 0;
	for (size_t i = 0; i < prefixes->count; i++) {
		prefix_format(&prefixes->items[i], text);
		used += (size_t)snprintf(line + used, sizeof line - used, "%s%s", i > 0 ? " " : "", text);
	}
	if (strcmp(line, expected) != 0)
		fail_msg("%s: \"%s\", not \"%s\"", what, line, expected);
}

static void assert_addresses(const char *what, const struct address *addresses, size_t count,
							 const char *expected) {
	char line[LINE_SIZE] = "", text[ADDRESS_TEXT_SIZE];
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		address_format(&addresses[i], text);
		used += (size_t)snprintf(line + used, sizeof line - used, "%s%s", i > 0 ? " " : "", text);
	}
	if (strcmp(line, expected) != 0)
		fail_msg("%s: \"%s\", not \"%s\"", what, line, expected);
}

static void build(struct scene *scene, const struct row *row) {
	const struct file *file = &row->file;
	*scene = (struct scene){.endpoint = address_of("203.0.113.9")};
	struct config_tunnel *tunnel = &scene->tunnel;
	memcpy(tunnel->name, "um0", sizeof "um0");
	tunnel->role = CONFIG_CLIENT;
	tunnel->peers = &scene->peer;
	tunnel->peer_count = 1;
	tunnel->mtu.automatic = tunnel->fwmark.automatic = tunnel->routes.table.automatic = true;
	tunnel->kill_switch_absent = tunnel->dns.leak_protection_absent = true;
	memcpy(scene->peer.public_key, server_key, sizeof scene->peer.public_key);
	scene->peer.endpoint = (struct config_host){.name = "vpn.example.org", .port = 51820};
	scene->other = (struct config_host){.name = "198.51.100.9", .port = 51820};
	scene->peer.others = (struct config_hosts){.items = &scene->other, .count = 1};
	tunnel->addresses.items = scene->addresses;
	tunnel->addresses.count = prefixes_of(file->addresses, scene->addresses);
	scene->peer.allowed_ips.items = scene->allowed;
	scene->peer.allowed_ips.count = prefixes_of(file->allowed, scene->allowed);
	tunnel->routes.from_peers = !file->include;
	tunnel->routes.include.items = scene->include;
	tunnel->routes.include.count = prefixes_of(file->include, scene->include);
	tunnel->routes.accept_absent = !file->accept;
	tunnel->routes.accept.items = scene->accept;
	tunnel->routes.accept.count = prefixes_of(file->accept, scene->accept);
	tunnel->dns.servers_absent = !file->servers;
	tunnel->dns.servers = scene->servers;
	tunnel->dns.server_count = addresses_of(file->servers, scene->servers);
	tunnel->dns.manager = file->no_dns ? CONFIG_DNS_OFF : CONFIG_DNS_AUTO;
	scene->search[0] = file->search;
	tunnel->dns.search = (struct config_names){scene->search, file->search ? 1 : 0};
	scene->host.network_count =
		prefixes_of("127.0.0.1/8 192.168.7.20/24 10.77.1.1/16 ::1/128 fd77::1/64", scene->networks);
	scene->host.networks = scene->networks;
	scene->host.endpoints = &scene->endpoint;
	scene->host.endpoint_count = 1;
	struct interface_settings *said = &scene->said;
	said->address_count = prefixes_of(row->addresses, said->addresses);
	said->route_count = prefixes_of(row->routes, said->routes);
	said->server_count = addresses_of(row->servers, said->servers);
	said->domain_count = row->domain ? 1 : 0;
	(void)snprintf(said->domains[0], sizeof said->domains[0], "%s", row->domain ? row->domain : "");
}

static void make(struct scene *scene) {
	assert_int_equal(
		plan_pushed_new(&scene->tunnel, server_key, &scene->said, &scene->host, &scene->plan),
		ERR_OK);
	assert_ptr_equal(scene->plan->base, &scene->tunnel);
}

static const char *or_empty(const char *text) {
	return text ? text : "";
}

static void test_table(void **state) {
	static struct scene scene;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		build(&scene, row);
		make(&scene);
		const struct config_tunnel *got = &scene.plan->tunnel;
		assert_prefixes(row->name, &got->addresses, or_empty(row->taken));
		assert_prefixes(row->name, &got->peers[0].allowed_ips, or_empty(row->allowed));
		assert_prefixes(row->name, &got->routes.include, or_empty(row->include));
		assert_addresses(row->name, got->dns.servers, got->dns.server_count, or_empty(row->dns));
		if ((got->dns.search.count > 0) != (row->search != NULL) ||
			(row->search && strcmp(got->dns.search.items[0], row->search) != 0))
			fail_msg("%s: search domains", row->name);
		if (scene.plan->refused != row->refused ||
			strcmp(scene.plan->problem, or_empty(row->problem)) != 0)
			fail_msg("%s: %zu refused, %s", row->name, scene.plan->refused, scene.plan->problem);
		/* What decides about default routes, marks and kill switches is the file alone. */
		assert_int_equal(plan_takes_default(got), plan_takes_default(&scene.tunnel));
		assert_int_equal(plan_mark(got, 3), plan_mark(&scene.tunnel, 3));
		assert_true(interface_settings_are_valid(&scene.plan->taken));
		plan_pushed_free(scene.plan);
	}
}

/* What the kernel is given is as if the file said it. */
static void test_network(void **state) {
	static struct scene scene;
	struct plan_network plan;
	build(&scene, &rows[0]);
	make(&scene);
	assert_int_equal(plan_network_new(&scene.plan->tunnel, 3, NULL, 0, &plan), ERR_OK);
	const struct config_prefixes routes = {plan.routes, plan.network.route_count};
	assert_prefixes("routes", &routes, "10.9.0.0/16 fd09::/48");
	assert_int_equal(plan.network.address_count, 2);
	plan_network_done(&plan);
	struct uapi_text lines = {.data = NULL};
	assert_int_equal(plan_device_changes(&scene.tunnel, &scene.plan->tunnel, 3, &lines), ERR_OK);
	char text[1024];
	assert_true(lines.size < sizeof text);
	(void)snprintf(text, sizeof text, "%.*s", (int)lines.size, lines.data);
	assert_non_null(strstr(text, "replace_allowed_ips=true\n"
								 "allowed_ip=10.9.0.0/16\n"
								 "allowed_ip=fd09::/48\n"
								 "allowed_ip=10.66.0.0/24\n"
								 "allowed_ip=fd66::/64\n"));
	assert_null(strstr(text, "endpoint="));
	uapi_text_done(&lines);
	plan_pushed_free(scene.plan);
}

/* With a default route by the file the servers bring leak protection along. */
static void test_leak_protection(void **state) {
	static const struct row all = {.file = {.allowed = "0.0.0.0/0 ::/0"}, .servers = "10.66.0.1"};
	static struct scene scene;
	build(&scene, &all);
	make(&scene);
	assert_true(plan_dns_protects(&scene.plan->tunnel));
	const struct dns_guard_tunnel guard = plan_dns_guard(&scene.plan->tunnel, 3);
	assert_addresses("guard", guard.servers, guard.server_count, "10.66.0.1");
	assert_true(plan_kill_switch(&scene.plan->tunnel));
	plan_pushed_free(scene.plan);
}

/* Questions wait for what the server says; it may give none, and the file may take none. */
static void test_leak_protection_before(void **state) {
	static const struct row none = {.file = {.allowed = "0.0.0.0/0 ::/0"}},
							refused = {.file = {.allowed = "0.0.0.0/0 ::/0", .no_dns = true}},
							some = {.file = {.allowed = "10.0.0.0/8"}},
							own = {.file = {.allowed = "0.0.0.0/0 ::/0", .servers = ""}};
	static struct scene scene;
	build(&scene, &none);
	assert_true(plan_dns_protects(&scene.tunnel));
	make(&scene);
	assert_false(plan_dns_protects(&scene.plan->tunnel));
	plan_pushed_free(scene.plan);
	build(&scene, &refused);
	assert_false(plan_dns_protects(&scene.tunnel));
	build(&scene, &some);
	assert_false(plan_dns_protects(&scene.tunnel));
	build(&scene, &own);
	assert_false(plan_dns_protects(&scene.tunnel));
}

static void test_who_may(void **state) {
	static struct scene scene;
	uint8_t other[TEXT_KEY_SIZE] = {1};
	build(&scene, &rows[0]);
	assert_int_equal(plan_pushed_new(&scene.tunnel, other, &scene.said, &scene.host, &scene.plan),
					 ERR_NOT_FOUND);
	scene.tunnel.role = CONFIG_SERVER;
	assert_int_equal(
		plan_pushed_new(&scene.tunnel, server_key, &scene.said, &scene.host, &scene.plan),
		ERR_NOT_FOUND);
	scene.tunnel.role = CONFIG_CLIENT;
	scene.tunnel.role_absent = true;
	assert_int_equal(
		plan_pushed_new(&scene.tunnel, server_key, &scene.said, &scene.host, &scene.plan),
		ERR_NOT_FOUND);
	assert_null(scene.plan);
	plan_pushed_free(NULL);
}

static void test_most(void **state) {
	static struct scene scene;
	build(&scene, &rows[1]);
	struct interface_settings *said = &scene.said;
	said->route_count = INTERFACE_SETTINGS_ROUTES_MAX;
	for (size_t i = 0; i < INTERFACE_SETTINGS_ROUTES_MAX; i++) {
		said->routes[i] = prefix_of("10.0.0.0/24");
		said->routes[i].address.bytes[1] = (uint8_t)(i / 2);
		said->routes[i].address.bytes[2] = (uint8_t)(i % 2);
	}
	said->address_count = INTERFACE_SETTINGS_ADDRESSES_MAX;
	for (size_t i = 0; i < INTERFACE_SETTINGS_ADDRESSES_MAX; i++) {
		said->addresses[i] = prefix_of("172.16.0.1/24");
		said->addresses[i].address.bytes[2] = (uint8_t)i;
	}
	make(&scene);
	assert_int_equal(scene.plan->refused, 2); /* this host's own */
	assert_int_equal(scene.plan->peers[0].allowed_ips.count,
					 INTERFACE_SETTINGS_ROUTES_MAX - 2 + INTERFACE_SETTINGS_ADDRESSES_MAX);
	plan_pushed_free(scene.plan);
}

static void test_mtu(void **state) {
	static const struct {
		uint16_t said;
		uint32_t own;
		bool v6;
		uint32_t result;
	} cases[] = {
		{0, 1420, false, 1420},    {1300, 1420, false, 1300}, {1300, 1420, true, 1300},
		{1500, 1420, false, 1420}, {576, 1420, false, 576},   {576, 1420, true, 1280},
		{1279, 1280, true, 1280},  {600, 576, false, 576},    {65535, 1420, true, 1420},
		{1280, 1281, true, 1280},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct interface_settings taken = {.mtu = cases[i].said};
		assert_int_equal(plan_pushed_mtu(&taken, cases[i].own, cases[i].v6), cases[i].result);
	}
}

static void test_text(void **state) {
	static struct scene scene;
	char text[PLAN_PUSHED_TEXT_SIZE];
	build(&scene, &rows[0]);
	scene.said.mtu = 1400;
	plan_pushed_format(&scene.said, text);
	assert_string_equal(text, "address 10.66.0.7/24, fd66::7/64, route 10.9.0.0/16 and 1 more, "
							  "name server 10.66.0.1, search domain corp.example.org, MTU 1400");
	plan_pushed_format(&(struct interface_settings){.mtu = 0}, text);
	assert_string_equal(text, "nothing");
	struct interface_settings *said = &scene.said;
	memset(said, 0, sizeof *said);
	said->address_count = 3;
	said->domain_count = 1;
	for (size_t i = 0; i < 3; i++)
		said->addresses[i] = prefix_of("2001:db8:1111:2222:3333:4444:5555:6666/128");
	memset(said->domains[0], 'a', DNS_NAME_TEXT_MAX);
	plan_pushed_format(said, text);
	assert_non_null(strstr(text, "/128 and 1 more, search domain aaa"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_leak_protection),
		cmocka_unit_test(test_leak_protection_before),
		cmocka_unit_test(test_who_may),
		cmocka_unit_test(test_most),
		cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
