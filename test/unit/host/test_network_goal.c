#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "host/network_goal.h"

enum { MAIN = 254, TABLE = 4711, MARK = 77, MANY = 8 };

struct example {
	struct prefix addresses[MANY], routes[MANY];
	struct network_plan plan;
	struct network_goal goal;
	bool left_out;
	char problem[NETWORK_PROBLEM_SIZE];
};

/* Addresses and routes as texts with blanks between them; host bits stay. */
static size_t read_prefixes(const char *text, struct prefix *out_prefixes) {
	char copy[256];
	size_t count = 0;
	assert_true(strlen(text) < sizeof copy);
	strcpy(copy, text);
	char *rest = copy;
	for (char *word; (word = strsep(&rest, " ")) && *word;) {
		assert_int_equal(prefix_parse(word, &out_prefixes[count]), ERR_OK);
		*strchr(word, '/') = '\0';
		assert_int_equal(address_parse(word, &out_prefixes[count].address), ERR_OK);
		count++;
	}
	return count;
}

static void fill(struct example *example, const char *addresses, const char *routes) {
	*example = (struct example){.plan = {.name = "um0", .mtu = 1420}};
	example->plan.addresses = example->addresses;
	example->plan.address_count = read_prefixes(addresses, example->addresses);
	example->plan.routes = example->routes;
	example->plan.route_count = read_prefixes(routes, example->routes);
	example->plan.default_table = TABLE;
	example->plan.mark = MARK;
}

static enum err init(struct example *example, bool v6) {
	return network_goal_init(&example->plan, v6, &example->goal, &example->left_out,
							 example->problem);
}

static void assert_entry(const struct network_goal *goal, size_t place, const char *text,
						 uint32_t table) {
	char found[ADDRESS_TEXT_SIZE];
	assert_true(place < goal->entry_count);
	prefix_format(&goal->entries[place].prefix, found);
	assert_string_equal(found, text);
	assert_int_equal(goal->entries[place].table, table);
}

static void test_plain(void **state) {
	struct example example;
	fill(&example, "10.1.0.1/24 fd01::1/64 10.1.0.1/24",
		 "192.168.7.9/24 fd01::/64 10.1.0.0/24 10.0.0.0/8 192.168.7.0/24 fd02::/48");
	assert_int_equal(init(&example, true), ERR_OK);
	const struct network_goal *goal = &example.goal;
	assert_false(example.left_out);
	assert_int_equal(goal->address_count, 2);
	assert_int_equal(goal->addresses[0].address.bytes[3], 1);
	/* Sorted, masked, none twice, without the addresses' networks. */
	assert_int_equal(goal->entry_count, 3);
	assert_entry(goal, 0, "10.0.0.0/8", MAIN);
	assert_entry(goal, 1, "192.168.7.0/24", MAIN);
	assert_entry(goal, 2, "fd02::/48", MAIN);
	assert_int_equal(goal->rule_count, 0);
	assert_false(network_goal_takes_v4(goal));
	for (size_t i = 0; i < goal->entry_count; i++)
		assert_true(network_goal_has_entry(goal, &goal->entries[i]));
	struct route_entry other = goal->entries[0];
	other.table = TABLE;
	assert_false(network_goal_has_entry(goal, &other));
	network_goal_done(&example.goal);
}

static void assert_rules(const struct network_goal *goal, size_t first, uint8_t family) {
	const struct route_rule expected[] = {
		{.family = family,
		 .kind = ROUTE_RULE_PASS,
		 .priority = NETWORK_PRIORITY_PASS,
		 .mark = MARK,
		 .table = 32766},
		{.family = family, .kind = ROUTE_RULE_MAIN, .priority = NETWORK_PRIORITY_MAIN},
		{.family = family,
		 .kind = ROUTE_RULE_DEFAULT,
		 .priority = NETWORK_PRIORITY_DEFAULT,
		 .mark = MARK,
		 .table = TABLE},
	};
	for (size_t i = 0; i < 3; i++)
		assert_true(route_rule_equal(&goal->rules[first + i], &expected[i]));
}

static void test_default_routes(void **state) {
	struct example example;
	fill(&example, "10.1.0.1/32", "::/0 0.0.0.0/0 10.0.0.0/8 0.0.0.0/0");
	assert_int_equal(init(&example, true), ERR_OK);
	assert_int_equal(example.goal.entry_count, 3);
	assert_entry(&example.goal, 0, "10.0.0.0/8", MAIN);
	assert_entry(&example.goal, 1, "0.0.0.0/0", TABLE);
	assert_entry(&example.goal, 2, "::/0", TABLE);
	assert_int_equal(example.goal.rule_count, 6);
	assert_rules(&example.goal, 0, ADDRESS_V4);
	assert_rules(&example.goal, 3, ADDRESS_V6);
	assert_true(network_goal_takes_v4(&example.goal));
	network_goal_done(&example.goal);

	/* With a kill switch no route of the main table is to win. */
	fill(&example, "", "0.0.0.0/0");
	example.plan.blocked = true;
	assert_int_equal(init(&example, true), ERR_OK);
	assert_int_equal(example.goal.rule_count, 2);
	assert_int_equal(example.goal.rules[0].kind, ROUTE_RULE_PASS);
	assert_int_equal(example.goal.rules[1].kind, ROUTE_RULE_DEFAULT);
	network_goal_done(&example.goal);

	fill(&example, "", "::/0");
	assert_int_equal(init(&example, true), ERR_OK);
	assert_int_equal(example.goal.rule_count, 3);
	assert_rules(&example.goal, 0, ADDRESS_V6);
	assert_false(network_goal_takes_v4(&example.goal));
	network_goal_done(&example.goal);
}

static void assert_throw(const struct network_goal *goal, size_t place, const char *text,
						 uint32_t table) {
	char found[ADDRESS_TEXT_SIZE];
	assert_true(place < goal->throw_count);
	prefix_format(&goal->throws[place].prefix, found);
	assert_string_equal(found, text);
	assert_int_equal(goal->throws[place].table, table);
	assert_true(network_goal_has_throw(goal, &goal->throws[place]));
}

/* Exceptions stand beside default routes of their family, and nowhere else. */
static void test_excluded(void **state) {
	struct example example;
	struct prefix excluded[MANY];
	fill(&example, "10.1.0.1/24", "0.0.0.0/0 10.0.0.0/8 fd02::/48");
	example.plan.excluded = excluded;
	example.plan.excluded_count =
		read_prefixes("192.168.7.9/16 10.9.0.0/16 fd02::/64 0.0.0.0/0", excluded);
	assert_int_equal(init(&example, true), ERR_OK);
	assert_int_equal(example.goal.throw_count, 2);
	assert_throw(&example.goal, 0, "10.9.0.0/16", TABLE);
	assert_throw(&example.goal, 1, "192.168.0.0/16", TABLE);
	network_goal_done(&example.goal);
	example.plan.table = 100;
	assert_int_equal(init(&example, true), ERR_OK);
	assert_int_equal(example.goal.throw_count, 2);
	assert_throw(&example.goal, 0, "10.9.0.0/16", 100);
	network_goal_done(&example.goal);
	example.plan.table = MAIN;
	assert_int_equal(init(&example, true), ERR_OK);
	assert_int_equal(example.goal.throw_count, 0);
	network_goal_done(&example.goal);
}

static void test_table(void **state) {
	struct example example;
	fill(&example, "10.1.0.1/24", "0.0.0.0/0 10.1.0.0/24");
	example.plan.table = 300;
	example.plan.mark = 0;
	assert_int_equal(init(&example, true), ERR_OK);
	assert_int_equal(example.goal.entry_count, 2);
	assert_entry(&example.goal, 0, "0.0.0.0/0", 300);
	assert_entry(&example.goal, 1, "10.1.0.0/24", 300);
	assert_int_equal(example.goal.rule_count, 0);
	network_goal_done(&example.goal);

	example.plan.no_routes = true;
	assert_int_equal(init(&example, true), ERR_OK);
	assert_int_equal(example.goal.entry_count, 0);
	network_goal_done(&example.goal);
}

static void test_without_v6(void **state) {
	struct example example;
	fill(&example, "10.1.0.1/24 fd01::1/64", "::/0 10.0.0.0/8");
	assert_int_equal(init(&example, false), ERR_OK);
	assert_true(example.left_out);
	assert_int_equal(example.goal.address_count, 1);
	assert_int_equal(example.goal.entry_count, 1);
	assert_int_equal(example.goal.rule_count, 0);
	network_goal_done(&example.goal);
	fill(&example, "10.1.0.1/24", "10.0.0.0/8");
	assert_int_equal(init(&example, false), ERR_OK);
	assert_false(example.left_out);
	network_goal_done(&example.goal);
}

static void test_refused(void **state) {
	struct example example;
	fill(&example, "", "0.0.0.0/0");
	example.plan.mark = 0;
	assert_int_equal(init(&example, true), ERR_INVALID);
	assert_string_equal(example.problem, "route 0.0.0.0/0: needs a mark on the tunnel's datagrams");
	static const uint32_t tables[] = {0, 253, 254, 255};
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		fill(&example, "10.0.0.1/24", "10.0.0.0/8 ::/0");
		example.plan.default_table = tables[i];
		assert_int_equal(init(&example, true), ERR_INVALID);
		assert_string_equal(example.problem, "route ::/0: needs a table of its own");
	}
	fill(&example, "10.0.0.1/24 fd01::1/64", "");
	example.plan.mtu = 1279;
	assert_int_equal(init(&example, true), ERR_INVALID);
	assert_string_equal(example.problem, "address fd01::1/64: IPv6 takes an MTU of 1280 or more");
	assert_int_equal(init(&example, false), ERR_OK);
	network_goal_done(&example.goal);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),      cmocka_unit_test(test_default_routes),
		cmocka_unit_test(test_excluded),   cmocka_unit_test(test_table),
		cmocka_unit_test(test_without_v6), cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
