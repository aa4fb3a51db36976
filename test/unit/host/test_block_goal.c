#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "host/block_goal.h"
#include "host/network_goal.h"

static struct prefix prefix_of(const char *text) {
	struct prefix prefix;
	assert_int_equal(prefix_parse(text, &prefix), ERR_OK);
	return prefix;
}

static void assert_rule(const struct block_rule *rule, struct block_rule expected) {
	assert_true(block_rule_equal(rule, &expected));
}

static void test_nothing(void **state) {
	const uint32_t mark = 7;
	const struct block_request request = {.marks = &mark, .mark_count = 1};
	struct block_goal goal;
	assert_int_equal(block_goal_init(&request, &goal), ERR_OK);
	assert_int_equal(goal.rule_count, 0);
	assert_int_equal(goal.route_count, 0);
	block_goal_done(&goal);
}

/* Both families, whatever the tunnel routes; everything unmarked ends in its table. */
static void test_one_tunnel(void **state) {
	const struct block_tunnel tunnel = {.table = 100, .mark = 5};
	const uint32_t marks[] = {5, 8};
	const struct prefix local = prefix_of("10.0.0.0/8");
	const struct block_prefix inside = {prefix_of("10.9.0.0/16"), 100};
	const char *const interface = "um0";
	const struct block_request request = {
		.tunnels = &tunnel,
		.tunnel_count = 1,
		.interfaces = &interface,
		.interface_count = 1,
		.marks = marks,
		.mark_count = 2,
		.inside = &inside,
		.inside_count = 1,
		.local = &local,
		.local_count = 1,
	};
	struct block_goal goal;
	assert_int_equal(block_goal_init(&request, &goal), ERR_OK);
	assert_int_equal(goal.rule_count, 7 + 5);
	const struct block_rule *rules = goal.rules;
	assert_rule(&rules[0], (struct block_rule){.family = ADDRESS_V4,
											   .priority = BLOCK_PRIORITY_PASS,
											   .goes_to = true,
											   .mark = 5,
											   .target = NETWORK_PRIORITY_KERNEL});
	assert_int_equal(rules[1].mark, 8);
	assert_rule(&rules[2], (struct block_rule){.family = ADDRESS_V4,
											   .priority = BLOCK_PRIORITY_DHCP,
											   .ip_protocol = IPPROTO_UDP,
											   .source_port = 68,
											   .destination_port = 67,
											   .target = RT_TABLE_MAIN});
	assert_rule(&rules[3], (struct block_rule){.family = ADDRESS_V4,
											   .priority = BLOCK_PRIORITY_INSIDE,
											   .to = inside.prefix,
											   .target = 100});
	assert_rule(&rules[4], (struct block_rule){.family = ADDRESS_V4,
											   .priority = BLOCK_PRIORITY_LOCAL,
											   .to = local,
											   .suppress = true,
											   .target = RT_TABLE_MAIN});
	assert_rule(&rules[5], (struct block_rule){.family = ADDRESS_V4,
											   .priority = BLOCK_PRIORITY_BACK,
											   .from = "um0",
											   .suppress = true,
											   .target = RT_TABLE_MAIN});
	assert_rule(
		&rules[6],
		(struct block_rule){.family = ADDRESS_V4, .priority = BLOCK_PRIORITY_ALL, .target = 100});
	assert_int_equal(rules[7].family, ADDRESS_V6);
	assert_int_equal(rules[9].source_port, 546);
	assert_int_equal(rules[9].destination_port, 547);
	assert_rule(
		&rules[11],
		(struct block_rule){.family = ADDRESS_V6, .priority = BLOCK_PRIORITY_ALL, .target = 100});
	assert_int_equal(goal.route_count, 2);
	block_goal_done(&goal);
	/* The order is that of the kernel: marks before prefixes before all else. */
	assert_true(
		BLOCK_PRIORITY_PASS < BLOCK_PRIORITY_DHCP && BLOCK_PRIORITY_DHCP < BLOCK_PRIORITY_INSIDE &&
		BLOCK_PRIORITY_INSIDE < BLOCK_PRIORITY_LOCAL &&
		BLOCK_PRIORITY_LOCAL < BLOCK_PRIORITY_BACK && BLOCK_PRIORITY_BACK < BLOCK_PRIORITY_ALL &&
		(int)BLOCK_PRIORITY_ALL < (int)NETWORK_PRIORITY_PASS);
}

/* An adoption with another slot: what both want is recognized, the rest is told apart. */
static void test_difference(void **state) {
	const struct block_tunnel before = {.table = 100, .mark = 5}, after = {.table = 101, .mark = 5};
	const struct block_request requests[] = {{.tunnels = &before, .tunnel_count = 1},
											 {.tunnels = &after, .tunnel_count = 1}};
	struct block_goal goals[2];
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(block_goal_init(&requests[i], &goals[i]), ERR_OK);
	size_t kept = 0;
	for (size_t i = 0; i < goals[0].rule_count; i++)
		kept += block_rule_is_among(&goals[0].rules[i], goals[1].rules, goals[1].rule_count);
	assert_int_equal(kept, goals[0].rule_count - 2);
	for (size_t i = 0; i < goals[0].route_count; i++)
		assert_false(block_goal_has_route(&goals[1], &goals[0].routes[i]));
	block_goal_done(&goals[0]);
	block_goal_done(&goals[1]);
}

static void test_excluded(void **state) {
	const struct block_tunnel tunnel = {.table = 100, .mark = 5};
	const struct block_prefix excluded[] = {{prefix_of("192.0.2.0/24"), 100},
											{prefix_of("192.0.2.0/24"), 100},
											{prefix_of("2001:db8::/32"), 100},
											{prefix_of("0.0.0.0/0"), 100}};
	const struct block_request request = {
		.tunnels = &tunnel, .tunnel_count = 1, .excluded = excluded, .excluded_count = 4};
	struct block_goal goal;
	assert_int_equal(block_goal_init(&request, &goal), ERR_OK);
	assert_int_equal(goal.route_count, 4);
	for (size_t i = 0; i < 3; i++) {
		const struct block_route route = {excluded[i].prefix, 100};
		assert_true(block_goal_has_route(&goal, &route));
	}
	block_goal_done(&goal);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_one_tunnel),
		cmocka_unit_test(test_difference),
		cmocka_unit_test(test_excluded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
