#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/network_rules.h"

/* What is removed with a tunnel depends on the tunnels that stay. */

static struct route_rule pass(uint8_t family, uint32_t mark) {
	return (struct route_rule){.family = family,
							   .kind = ROUTE_RULE_PASS,
							   .priority = NETWORK_PRIORITY_PASS,
							   .mark = mark,
							   .table = 32766};
}

static struct route_rule fallback(uint8_t family, uint32_t mark, uint32_t table) {
	return (struct route_rule){.family = family,
							   .kind = ROUTE_RULE_DEFAULT,
							   .priority = NETWORK_PRIORITY_DEFAULT,
							   .mark = mark,
							   .table = table};
}

static void test_useless(void **state) {
	const struct route_rule main_v4 = {
		.family = ADDRESS_V4, .kind = ROUTE_RULE_MAIN, .priority = NETWORK_PRIORITY_MAIN};
	const struct route_rule rules[] = {pass(ADDRESS_V4, 1), pass(ADDRESS_V4, 2), main_v4,
									   fallback(ADDRESS_V4, 2, 9)};
	assert_true(network_rules_useless(&rules[0], rules, 4));
	assert_false(network_rules_useless(&rules[1], rules, 4));
	assert_false(network_rules_useless(&rules[2], rules, 4));
	assert_false(network_rules_useless(&rules[3], rules, 4));
	for (size_t i = 0; i < 3; i++)
		assert_true(network_rules_useless(&rules[i], rules, 3));
}

static void test_families_are_apart(void **state) {
	const struct route_rule main_v6 = {
		.family = ADDRESS_V6, .kind = ROUTE_RULE_MAIN, .priority = NETWORK_PRIORITY_MAIN};
	const struct route_rule rules[] = {main_v6, pass(ADDRESS_V6, 2), fallback(ADDRESS_V4, 2, 9)};
	assert_true(network_rules_useless(&rules[0], rules, 3));
	assert_true(network_rules_useless(&rules[1], rules, 3));
	assert_false(network_rules_useless(&rules[2], rules, 3));
}

/* Two tunnels may have been given the same mark. */
static void test_mark_of_two(void **state) {
	const struct route_rule rules[] = {pass(ADDRESS_V4, 5), fallback(ADDRESS_V4, 5, 9),
									   fallback(ADDRESS_V4, 5, 10)};
	assert_false(network_rules_useless(&rules[0], rules, 3));
	assert_false(network_rules_useless(&rules[0], rules, 2));
	assert_true(network_rules_useless(&rules[0], rules, 1));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_useless),
		cmocka_unit_test(test_families_are_apart),
		cmocka_unit_test(test_mark_of_two),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
