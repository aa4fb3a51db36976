#include "tunnel/plan.h"
#include "tunnel/plan_mtu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs those above. */
#include <cmocka.h>

enum { PREFIXES_MAX = 8 };

static struct prefix make_prefix(const char *text) {
	struct prefix prefix;
	assert_int_equal(prefix_parse(text, &prefix), ERR_OK);
	return prefix;
}

/* "10.66.0.1/24" with its host bits. */
static struct prefix make_address(const char *address, uint8_t length) {
	struct prefix prefix = {.length = length};
	assert_int_equal(address_parse(address, &prefix.address), ERR_OK);
	return prefix;
}

struct fixture {
	struct prefix addresses[2];
	struct prefix allowed[2][PREFIXES_MAX];
	struct config_peer peers[2];
	struct config_tunnel tunnel;
};

static void make(struct fixture *fixture) {
	memset(fixture, 0, sizeof *fixture);
	fixture->addresses[0] = make_address("10.66.0.1", 24);
	fixture->addresses[1] = make_address("fd66::1", 64);
	fixture->allowed[0][0] = make_prefix("10.66.0.2/32");
	fixture->allowed[0][1] = make_prefix("192.0.2.0/24");
	fixture->allowed[1][0] = make_prefix("fd66::3/128");
	fixture->allowed[1][1] = make_prefix("192.0.2.0/24");
	for (size_t i = 0; i < 2; i++) {
		fixture->peers[i] = (struct config_peer){
			.name = i ? "laptop" : "phone",
			.allowed_ips = {fixture->allowed[i], 2},
			.persistent_keepalive = 25,
		};
		memset(fixture->peers[i].public_key, (int)(0x11 * (i + 1)), TEXT_KEY_SIZE);
	}
	fixture->tunnel = (struct config_tunnel){
		.name = "um0",
		.addresses = {fixture->addresses, 2},
		.mtu.automatic = true,
		.fwmark.automatic = true,
		.routes = {.from_peers = true, .table.automatic = true},
		.peers = fixture->peers,
		.peer_count = 2,
	};
	memset(fixture->tunnel.private_key, 0xaa, TEXT_KEY_SIZE);
	fixture->tunnel.listen.port = 51820;
}

static void routes_leave_own_networks_and_doubles_out(void **state) {
	struct fixture fixture;
	make(&fixture);
	const struct prefix more[] = {make_prefix("198.51.100.0/24"), make_prefix("10.66.0.9/32"),
								  make_prefix("0.0.0.0/0")};
	struct plan_network plan;
	assert_int_equal(plan_network_new(&fixture.tunnel, 3, more, 3, &plan), ERR_OK);
	assert_int_equal(plan.network.route_count, 2);
	assert_true(prefix_equal(&plan.network.routes[0], &fixture.allowed[0][1]));
	assert_true(prefix_equal(&plan.network.routes[1], &more[0]));
	assert_int_equal(plan.network.mtu, PLAN_MTU);
	assert_int_equal(plan.network.table, 0);
	assert_int_equal(plan.network.mark, 0);
	assert_string_equal(plan.network.name, "um0");
	plan_network_done(&plan);
}

static void streams_have_packets_of_their_own_size(void **state) {
	struct fixture fixture;
	make(&fixture);
	struct plan_network plan;
	fixture.tunnel.carries_streams = true;
	assert_int_equal(plan_network_new(&fixture.tunnel, 3, NULL, 0, &plan), ERR_OK);
	assert_int_equal(plan.network.mtu, PLAN_MTU_STREAMS);
	plan_network_done(&plan);
	fixture.tunnel.mtu = (struct config_choice){.value = 9000};
	assert_int_equal(plan_network_new(&fixture.tunnel, 3, NULL, 0, &plan), ERR_OK);
	assert_int_equal(plan.network.mtu, 9000);
	plan_network_done(&plan);
}

static void default_route_takes_a_mark(void **state) {
	struct fixture fixture;
	make(&fixture);
	assert_false(plan_takes_default(&fixture.tunnel));
	fixture.allowed[1][1] = make_prefix("::/0");
	assert_true(plan_takes_default(&fixture.tunnel));
	assert_int_equal(plan_mark(&fixture.tunnel, 3), PLAN_MARK_BASE + 4);
	fixture.tunnel.fwmark = (struct config_choice){.value = 7};
	assert_int_equal(plan_mark(&fixture.tunnel, 3), 7);
	fixture.tunnel.fwmark = (struct config_choice){.off = true};
	assert_int_equal(plan_mark(&fixture.tunnel, 3), 0);
	/* A table of one's own has no rules, so nothing loops. */
	fixture.tunnel.fwmark = (struct config_choice){.automatic = true};
	fixture.tunnel.routes.table = (struct config_choice){.value = 100};
	assert_false(plan_takes_default(&fixture.tunnel));
	assert_int_equal(plan_mark(&fixture.tunnel, 3), 0);
}

static void kill_switch_follows_the_default_route(void **state) {
	struct fixture fixture;
	make(&fixture);
	fixture.tunnel.kill_switch_absent = true;
	assert_false(plan_kill_switch(&fixture.tunnel));
	fixture.allowed[1][1] = make_prefix("0.0.0.0/0");
	assert_true(plan_kill_switch(&fixture.tunnel));
	struct plan_network plan;
	assert_int_equal(plan_network_new(&fixture.tunnel, 3, NULL, 0, &plan), ERR_OK);
	assert_true(plan.network.blocked);
	plan_network_done(&plan);
	fixture.tunnel.kill_switch_absent = false;
	assert_false(plan_kill_switch(&fixture.tunnel));
	fixture.tunnel.kill_switch = true;
	assert_true(plan_kill_switch(&fixture.tunnel));
	fixture.tunnel.routes.table = (struct config_choice){.off = true};
	assert_false(plan_kill_switch(&fixture.tunnel));
}

static void routes_named_replace_those_of_peers(void **state) {
	struct fixture fixture;
	make(&fixture);
	struct prefix include = make_prefix("203.0.113.0/24");
	const struct prefix more = make_prefix("198.51.100.0/24");
	fixture.tunnel.routes.from_peers = false;
	fixture.tunnel.routes.include = (struct config_prefixes){&include, 1};
	struct plan_network plan;
	assert_int_equal(plan_network_new(&fixture.tunnel, 0, &more, 1, &plan), ERR_OK);
	assert_int_equal(plan.network.route_count, 1);
	assert_true(prefix_equal(&plan.network.routes[0], &include));
	plan_network_done(&plan);
}

static void assert_routes(const struct plan_network *plan, size_t count,
						  const char *const expected[]) {
	assert_int_equal(plan->network.route_count, count);
	for (size_t i = 0; i < count; i++) {
		char text[ADDRESS_TEXT_SIZE];
		prefix_format(&plan->network.routes[i], text);
		assert_string_equal(text, expected[i]);
	}
}

/* Routes of the main table are cut; a default route elsewhere stays, with exceptions beside it. */
static void excluded_prefixes_go_past(void **state) {
	struct fixture fixture;
	make(&fixture);
	const struct prefix more = make_prefix("198.51.100.0/24");
	const struct prefix exclude[] = {make_prefix("192.0.2.0/25"), make_prefix("198.51.100.0/24"),
									 make_prefix("128.0.0.0/1")};
	fixture.tunnel.routes.exclude = (struct config_prefixes){exclude, 2};
	struct plan_network plan;
	assert_int_equal(plan_network_new(&fixture.tunnel, 0, &more, 1, &plan), ERR_OK);
	assert_routes(&plan, 1, (const char *const[]){"192.0.2.128/25"});
	assert_int_equal(plan.network.excluded_count, 2);
	plan_network_done(&plan);
	fixture.allowed[1][0] = make_prefix("0.0.0.0/0");
	assert_int_equal(plan_network_new(&fixture.tunnel, 0, &more, 1, &plan), ERR_OK);
	assert_routes(&plan, 2, (const char *const[]){"192.0.2.128/25", "0.0.0.0/0"});
	plan_network_done(&plan);
	fixture.tunnel.routes.exclude = (struct config_prefixes){exclude, 3};
	fixture.tunnel.routes.table = (struct config_choice){.value = PLAN_TABLE_MAIN};
	assert_int_equal(plan_network_new(&fixture.tunnel, 0, &more, 1, &plan), ERR_OK);
	assert_routes(&plan, 1, (const char *const[]){"0.0.0.0/1"});
	plan_network_done(&plan);
}

static char *text_of(const struct uapi_text *text) {
	static char copy[4096];
	assert_int_equal(text->error, ERR_OK);
	assert_true(text->size < sizeof copy);
	memcpy(copy, text->data ? text->data : "", text->size);
	copy[text->size] = '\0';
	return copy;
}

#define KEY_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define KEY_2 "2222222222222222222222222222222222222222222222222222222222222222"
#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void device_learns_all(void **state) {
	struct fixture fixture;
	make(&fixture);
	fixture.peers[0].endpoint = (struct config_host){"vpn.example.org", 51820};
	fixture.peers[1].endpoint = (struct config_host){"2001:db8::1", 51821};
	memset(fixture.peers[1].preshared_key, 0xbb, TEXT_KEY_SIZE);
	struct uapi_text text = {.data = NULL};
	plan_device_text(&fixture.tunnel, 0, &text);
	assert_string_equal(text_of(&text), "private_key=" KEY_A "\n"
										"fwmark=0\n"
										"listen_port=51820\n"
										"public_key=" KEY_1 "\n"
										"persistent_keepalive_interval=25\n"
										"replace_allowed_ips=true\n"
										"allowed_ip=10.66.0.2/32\n"
										"allowed_ip=192.0.2.0/24\n"
										"public_key=" KEY_2 "\n"
										"preshared_key=" KEY_B "\n"
										"endpoint=[2001:db8::1]:51821\n"
										"persistent_keepalive_interval=25\n"
										"replace_allowed_ips=true\n"
										"allowed_ip=fd66::3/128\n"
										"allowed_ip=192.0.2.0/24\n");
	uapi_text_done(&text);
}

static const char *changes(const struct fixture *before, const struct fixture *after) {
	struct uapi_text text = {.data = NULL};
	assert_int_equal(plan_device_changes(&before->tunnel, &after->tunnel, 0, &text), ERR_OK);
	const char *copy = text_of(&text);
	uapi_text_done(&text);
	return copy;
}

static void unchanged_says_nothing(void **state) {
	struct fixture before, after;
	make(&before);
	make(&after);
	assert_string_equal(changes(&before, &after), "");
}

static void only_what_changed_is_said(void **state) {
	struct fixture before, after;
	make(&before);
	make(&after);
	after.peers[1].persistent_keepalive = 0;
	assert_string_equal(changes(&before, &after), "public_key=" KEY_2 "\n"
												  "persistent_keepalive_interval=0\n");
	make(&after);
	after.peers[0].endpoint = (struct config_host){"192.0.2.9", 5};
	assert_string_equal(changes(&before, &after), "public_key=" KEY_1 "\n"
												  "endpoint=192.0.2.9:5\n");
	make(&after);
	after.tunnel.peer_count = 1;
	assert_string_equal(changes(&before, &after), "public_key=" KEY_2 "\nremove=true\n");
	assert_string_equal(changes(&after, &before), "public_key=" KEY_2 "\n"
												  "persistent_keepalive_interval=25\n"
												  "replace_allowed_ips=true\n"
												  "allowed_ip=fd66::3/128\n"
												  "allowed_ip=192.0.2.0/24\n");
	make(&after);
	after.tunnel.listen.port = 1;
	memset(after.tunnel.private_key, 0xbb, TEXT_KEY_SIZE);
	assert_string_equal(changes(&before, &after), "private_key=" KEY_B "\nlisten_port=1\n");
}

static void a_key_taken_away_is_zeros(void **state) {
	struct fixture before, after;
	make(&before);
	make(&after);
	memset(before.peers[0].preshared_key, 0xbb, TEXT_KEY_SIZE);
	assert_string_equal(changes(&before, &after),
						"public_key=" KEY_1 "\npreshared_key="
						"0000000000000000000000000000000000000000000000000000000000000000\n");
}

static void address_of_sockets_takes_a_restart(void **state) {
	struct fixture before, after;
	make(&before);
	make(&after);
	before.tunnel.protocol = after.tunnel.protocol = "some";
	assert_false(plan_needs_restart(&before.tunnel, &after.tunnel));
	after.tunnel.listen.port = 9;
	assert_false(plan_needs_restart(&before.tunnel, &after.tunnel));
	assert_int_equal(address_parse("192.0.2.1", &after.tunnel.listen.address), ERR_OK);
	assert_true(plan_needs_restart(&before.tunnel, &after.tunnel));
}

/* One after the other, either the port's other tunnels got the mark, or none could join them. */
static void port_and_mark_at_once_take_a_restart(void **state) {
	struct fixture before, after;
	make(&before);
	make(&after);
	before.tunnel.protocol = after.tunnel.protocol = "some";
	after.tunnel.fwmark.automatic = false;
	after.tunnel.fwmark.value = 7;
	assert_false(plan_needs_restart(&before.tunnel, &after.tunnel));
	after.tunnel.listen.port = 9;
	assert_true(plan_needs_restart(&before.tunnel, &after.tunnel));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_leave_own_networks_and_doubles_out),
		cmocka_unit_test(streams_have_packets_of_their_own_size),
		cmocka_unit_test(default_route_takes_a_mark),
		cmocka_unit_test(kill_switch_follows_the_default_route),
		cmocka_unit_test(routes_named_replace_those_of_peers),
		cmocka_unit_test(excluded_prefixes_go_past),
		cmocka_unit_test(device_learns_all),
		cmocka_unit_test(unchanged_says_nothing),
		cmocka_unit_test(only_what_changed_is_said),
		cmocka_unit_test(a_key_taken_away_is_zeros),
		cmocka_unit_test(address_of_sockets_takes_a_restart),
		cmocka_unit_test(port_and_mark_at_once_take_a_restart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
