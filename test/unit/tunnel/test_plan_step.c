#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tunnel/plan.h"
#include "tunnel/plan_step.h"

enum { SYSTEM = 0, FIRST = 1, SECOND = 2 };

static const struct address server = {.family = ADDRESS_V4, .bytes = {10, 66, 0, 1}};
static const struct prefix everything = {.address.family = ADDRESS_V4};
static const char *const corp[] = {"corp.example"}, *const inside[] = {"in.example", "x.example"},
						 *const outside[] = {"out.example"};

static struct config_tunnel tunnel_of(bool full, size_t servers) {
	return (struct config_tunnel){
		.routes = {.include = {&everything, full ? 1 : 0}, .table.automatic = true},
		.fwmark.automatic = true,
		.dns = {.servers = &server, .server_count = servers},
	};
}

/* The group that a name goes to; PLAN_STEP_NO_GROUP: none. */
static int group_of(const struct plan_step *plan, const char *text) {
	const struct forwarder_route *found = NULL;
	struct dns_name name;
	assert_int_equal(dns_name_parse(text, &name), ERR_OK);
	for (size_t i = 0; i < plan->route_count; i++)
		if (dns_name_is_within(&name, &plan->routes[i].domain) &&
			(!found || plan->routes[i].domain.size > found->domain.size))
			found = &plan->routes[i];
	return found ? (int)found->group : PLAN_STEP_NO_GROUP;
}

static void test_split_dns(void **state) {
	struct config_tunnel tunnel = tunnel_of(false, 1);
	tunnel.dns.domains = (struct config_names){corp, 1};
	const struct plan_step_tunnel row = {&tunnel, 5, FIRST};
	struct plan_step plan;
	assert_int_equal(plan_step_new(&row, 1, SYSTEM, &plan), ERR_OK);
	assert_int_equal(group_of(&plan, "a.corp.example"), FIRST);
	assert_int_equal(group_of(&plan, "example"), SYSTEM);
	assert_int_equal(plan.rule_count, 0);
	plan_step_done(&plan);
	assert_true(plan_step_splits(&tunnel));
	assert_false(plan_step_routes(&tunnel));
	/* Without servers of its own this host has no answer. */
	assert_int_equal(plan_step_new(&row, 1, PLAN_STEP_NO_GROUP, &plan), ERR_OK);
	assert_int_equal(group_of(&plan, "example"), PLAN_STEP_NO_GROUP);
	plan_step_done(&plan);
}

static void test_include(void **state) {
	struct config_tunnel tunnel = tunnel_of(false, 0);
	tunnel.routes.include_domains = (struct config_names){inside, 2};
	struct plan_step_tunnel row = {&tunnel, 5, PLAN_STEP_NO_GROUP};
	struct plan_step plan;
	assert_int_equal(plan_step_new(&row, 1, SYSTEM, &plan), ERR_OK);
	assert_int_equal(group_of(&plan, "a.in.example"), SYSTEM);
	assert_int_equal(plan.rule_count, 2);
	assert_int_equal(plan.rules[1].grant.slot, 5);
	assert_int_equal(plan.rules[1].grant.kind, PLAN_STEP_INCLUDE);
	assert_true(plan.rules[1].grant.required);
	plan_step_done(&plan);
	/* Its own servers, which are asked for these names only. */
	tunnel.dns.server_count = 1;
	tunnel.dns.domains = (struct config_names){corp, 1};
	row.group = FIRST;
	assert_int_equal(plan_step_new(&row, 1, SYSTEM, &plan), ERR_OK);
	assert_int_equal(group_of(&plan, "a.in.example"), FIRST);
	assert_int_equal(group_of(&plan, "other.example"), SYSTEM);
	plan_step_done(&plan);
	/* Its own datagrams are told apart from what goes in. */
	assert_int_equal(plan_mark(&tunnel, 5), PLAN_MARK_BASE + 6);
	tunnel.routes.include_domains.count = 0;
	assert_int_equal(plan_mark(&tunnel, 5), 0);
}

/* Nothing goes to the system's servers when everything goes into a tunnel. */
static void test_exclude(void **state) {
	struct config_tunnel split = tunnel_of(false, 1), full = tunnel_of(true, 1);
	full.routes.exclude_domains = (struct config_names){outside, 1};
	const struct plan_step_tunnel rows[] = {{&split, 1, FIRST}, {&full, 2, SECOND}};
	struct plan_step plan;
	assert_int_equal(plan_step_new(rows, 2, SYSTEM, &plan), ERR_OK);
	assert_int_equal(group_of(&plan, "out.example"), SECOND);
	assert_int_equal(group_of(&plan, "other.example"), SECOND);
	assert_int_equal(plan.rule_count, 1);
	assert_int_equal(plan.rules[0].grant.kind, PLAN_STEP_EXCLUDE);
	assert_false(plan.rules[0].grant.required);
	plan_step_done(&plan);
	assert_int_equal(plan_step_new(rows, 1, SYSTEM, &plan), ERR_OK);
	assert_int_equal(group_of(&plan, "other.example"), FIRST);
	plan_step_done(&plan);
}

static void test_bad_names(void **state) {
	static const char *const bad[] = {"a..b"};
	struct config_tunnel tunnel = tunnel_of(false, 1);
	struct plan_step plan = {.route_count = 4711};
	const struct plan_step_tunnel row = {&tunnel, 1, FIRST};
	tunnel.routes.exclude_domains = (struct config_names){bad, 1};
	assert_int_equal(plan_step_new(&row, 1, SYSTEM, &plan), ERR_INVALID);
	tunnel.routes.exclude_domains.count = 0;
	tunnel.dns.domains = (struct config_names){bad, 1};
	assert_int_equal(plan_step_new(&row, 1, SYSTEM, &plan), ERR_INVALID);
	assert_int_equal(plan.route_count, 4711);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_dns),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_exclude),
		cmocka_unit_test(test_bad_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
