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
		cmocka_unit_test(test_step),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
