#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tunnel/plan.h"
#include "tunnel/plan_dns.h"

static void test_when_it_protects(void **state) {
	struct prefix everything = {.address.family = ADDRESS_V4}, some = everything;
	some.length = 8;
	struct address server = {.family = ADDRESS_V4, .bytes = {10, 0, 0, 1}};
	const char *const names[] = {"corp.example"};
	struct config_peer peer = {.allowed_ips = {&everything, 1}};
	struct config_tunnel tunnel = {
		.name = "um0",
		.routes = {.from_peers = true, .table.automatic = true},
		.fwmark.automatic = true,
		.peers = &peer,
		.peer_count = 1,
		.dns = {.servers = &server, .server_count = 1, .leak_protection_absent = true},
	};
	assert_true(plan_dns_protects(&tunnel));
	struct dns_guard_tunnel row = plan_dns_guard(&tunnel, 3);
	assert_true(row.protect);
	assert_int_equal(row.mark, PLAN_MARK_BASE + 4);
	assert_int_equal(row.server_count, 1);
	tunnel.dns.domains = (struct config_names){names, 1};
	assert_false(plan_dns_protects(&tunnel));
	tunnel.dns.domains.count = 0;
	peer.allowed_ips.items = &some;
	assert_false(plan_dns_protects(&tunnel));
	peer.allowed_ips.items = &everything;
	tunnel.dns.server_count = 0;
	assert_false(plan_dns_protects(&tunnel));
	/* What is said counts. */
	tunnel.dns.leak_protection_absent = false;
	tunnel.dns.leak_protection = true;
	assert_true(plan_dns_protects(&tunnel));
	tunnel.dns.server_count = 1;
	tunnel.dns.leak_protection = false;
	assert_false(plan_dns_protects(&tunnel));
}

/* Questions of programs that go past the tunnel. */
static void test_table_of_a_server(void **state) {
	struct prefix everything = {.address.family = ADDRESS_V4}, some, excluded;
	assert_int_equal(prefix_parse("9.9.0.0/16", &some), ERR_OK);
	assert_int_equal(prefix_parse("9.9.9.0/24", &excluded), ERR_OK);
	struct address server, other, server_v6;
	assert_int_equal(address_parse("9.9.9.9", &server), ERR_OK);
	assert_int_equal(address_parse("1.1.1.1", &other), ERR_OK);
	assert_int_equal(address_parse("2620:fe::9", &server_v6), ERR_OK);
	struct config_peer peers[] = {{.allowed_ips = {NULL, 0}}, {.allowed_ips = {&everything, 1}}};
	struct config_tunnel tunnel = {
		.routes = {.from_peers = true, .table.automatic = true},
		.peers = peers,
		.peer_count = 2,
	};
	assert_int_equal(plan_dns_table(&tunnel, 3, &server), PLAN_MARK_BASE + 4);
	/* Nothing of the other family goes into it. */
	assert_int_equal(plan_dns_table(&tunnel, 3, &server_v6), 0);
	tunnel.routes.exclude = (struct config_prefixes){&excluded, 1};
	assert_int_equal(plan_dns_table(&tunnel, 3, &server), 0);
	assert_int_equal(plan_dns_table(&tunnel, 3, &other), PLAN_MARK_BASE + 4);
	tunnel.routes.exclude.count = 0;
	/* A narrower route is in the main table, or in the one that is said. */
	tunnel.routes.from_peers = false;
	tunnel.routes.include = (struct config_prefixes){&some, 1};
	assert_int_equal(plan_dns_table(&tunnel, 3, &server), 0);
	tunnel.routes.table = (struct config_choice){.value = 100};
	assert_int_equal(plan_dns_table(&tunnel, 3, &server), 100);
	assert_int_equal(plan_dns_table(&tunnel, 3, &other), 0);
	tunnel.routes.table.value = PLAN_TABLE_MAIN;
	assert_int_equal(plan_dns_table(&tunnel, 3, &server), 0);
	tunnel.routes.table.off = true;
	assert_int_equal(plan_dns_table(&tunnel, 3, &server), 0);
}

static void test_step(void **state) {
	const struct address step = {.family = ADDRESS_V4, .bytes = {127, 0, 0, 77}};
	const struct address server = {.family = ADDRESS_V4, .bytes = {10, 0, 0, 1}};
	const struct dns_tunnel all = {.servers = &server, .server_count = 1};
	struct dns_tunnel split = all;
	split.domain_count = 2;
	const bool splits[] = {false, true, false};
	/* Nobody needs it. */
	struct dns_tunnel rows[] = {all, split, all};
	plan_dns_step(rows, 3, splits, &step);
	assert_ptr_equal(rows[0].servers, &server);
	assert_int_equal(rows[1].domain_count, 2);
	/* One does, and all but the one that splits by itself ask it. */
	rows[2] = split;
	plan_dns_step(rows, 3, splits, NULL);
	assert_int_equal(rows[2].domain_count, 2);
	plan_dns_step(rows, 3, splits, &step);
	assert_ptr_equal(rows[0].servers, &step);
	assert_ptr_equal(rows[1].servers, &server);
	assert_int_equal(rows[1].domain_count, 2);
	assert_ptr_equal(rows[2].servers, &step);
	assert_int_equal(rows[2].domain_count, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_when_it_protects),
		cmocka_unit_test(test_table_of_a_server),
		cmocka_unit_test(test_step),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
