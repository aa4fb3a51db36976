#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proxy/policy_rule.h"

static void good(void **state) {
	struct policy_rule rule;
	assert_int_equal(policy_rule_parse("allow any", &rule), ERR_OK);
	assert_int_equal(rule.action, POLICY_ALLOW);
	assert_int_equal(rule.subject, POLICY_ANY);
	assert_int_equal(rule.port_count, 0);
	assert_int_equal(policy_rule_parse("  deny  10.1.2.3/16 udp 53,5000-5999 ", &rule), ERR_OK);
	assert_int_equal(rule.action, POLICY_DENY);
	assert_int_equal(rule.subject, POLICY_PREFIX);
	assert_int_equal(rule.protocol, POLICY_UDP);
	assert_int_equal(rule.prefix.length, 16);
	assert_int_equal(rule.prefix.address.bytes[2], 0);
	assert_int_equal(rule.port_count, 2);
	assert_int_equal(rule.ports[1].first, 5000);
	assert_int_equal(rule.ports[1].last, 5999);
	assert_int_equal(policy_rule_parse("allow 2001:db8::1 1-65535", &rule), ERR_OK);
	assert_int_equal(rule.prefix.length, 128);
	assert_int_equal(policy_rule_parse("allow *.Example.com tcp", &rule), ERR_OK);
	assert_int_equal(rule.subject, POLICY_BELOW);
	assert_int_equal(rule.protocol, POLICY_TCP);
	assert_string_equal(rule.name, "Example.com");
	assert_int_equal(policy_rule_parse("allow a 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", &rule),
					 ERR_OK);
	assert_true(policy_rule_is_valid(&rule));
}

static void texts(void **state) {
	static const char *const rows[] = {
		"allow any",
		"deny 10.1.0.0/16 udp 53,5000-5999",
		"allow 2001:db8::1/128 1-65535",
		"allow *.Example.com tcp",
		"deny a.example 443",
		"allow a tcp 1-2,3-4,5,6,7,8,9,10,11,12,13,14,15,16,17,65535",
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct policy_rule rule;
		char text[POLICY_RULE_TEXT_MAX + 1];
		assert_int_equal(policy_rule_parse(rows[i], &rule), ERR_OK);
		policy_rule_format(&rule, text);
		assert_string_equal(text, rows[i]);
	}
}

static void bad(void **state) {
	static const char *const rows[] = {"",
									   "allow",
									   "permit any",
									   "allow any any",
									   "allow any tcp udp",
									   "allow any 80 81",
									   "allow any 0",
									   "allow any 65536",
									   "allow any 2-1",
									   "allow any 1-",
									   "allow any -1",
									   "allow any 1,,2",
									   "allow any 1,",
									   "allow any 080",
									   "allow 10.0.0.0/33",
									   "allow 10.0.0.0/",
									   "allow 10.0.0",
									   "allow *",
									   "allow *.",
									   "allow **.a",
									   "allow a.*",
									   "allow *a",
									   "allow a..b",
									   "allow *.1.2.3.4",
									   "allow any 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
									   "ALLOW any",
									   "\tallow any",
									   "allow\tany",
									   "allow any\t",
									   "allow any tcp\t22"};
	struct policy_rule rule = {.port_count = 4711};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (policy_rule_parse(rows[i], &rule) != ERR_INVALID)
			fail_msg("%s", rows[i]);
	}
	char text[POLICY_RULE_TEXT_MAX + 2] = "allow any";
	memset(text + 9, ' ', POLICY_RULE_TEXT_MAX - 9);
	assert_int_equal(policy_rule_parse(text, &rule), ERR_OK);
	rule.port_count = 4711;
	text[POLICY_RULE_TEXT_MAX] = ' ';
	assert_int_equal(policy_rule_parse(text, &rule), ERR_INVALID);
	assert_int_equal(rule.port_count, 4711);
}

static void valid(void **state) {
	struct policy_rule good_one;
	assert_int_equal(policy_rule_parse("allow *.example.com 80", &good_one), ERR_OK);
	assert_true(policy_rule_is_valid(&good_one));
	struct policy_rule rule = good_one;
	memset(rule.name, 'a', sizeof rule.name);
	assert_false(policy_rule_is_valid(&rule));
	rule = good_one;
	rule.name[0] = '/';
	assert_false(policy_rule_is_valid(&rule));
	rule = good_one;
	rule.port_count = POLICY_PORTS_MAX + 1;
	assert_false(policy_rule_is_valid(&rule));
	rule = good_one;
	rule.ports[0].last = 79;
	assert_false(policy_rule_is_valid(&rule));
	rule = good_one;
	rule.subject = POLICY_PREFIX;
	assert_false(policy_rule_is_valid(&rule));
	rule.prefix = (struct prefix){{{10}, ADDRESS_V4}, 33};
	assert_false(policy_rule_is_valid(&rule));
	rule.prefix.length = 32;
	assert_true(policy_rule_is_valid(&rule));
	rule.subject = (enum policy_subject)4;
	assert_false(policy_rule_is_valid(&rule));
}

static void covers(void **state) {
	struct policy_rule rule;
	assert_int_equal(policy_rule_parse("allow *.example.com udp 53,100-200", &rule), ERR_OK);
	static const struct {
		const char *name;
		bool below;
	} names[] = {
		{"a.example.com", true}, {"A.B.EXAMPLE.COM", true},
		{"example.com", false},  {"aexample.com", false},
		{".example.com", false}, {"example.com.a", false},
		{"a.example.co", false}, {"com", false},
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_int_equal(policy_rule_covers_name(&rule, names[i].name), names[i].below);
	rule.subject = POLICY_NAME;
	assert_true(policy_rule_covers_name(&rule, "EXAMPLE.com"));
	assert_false(policy_rule_covers_name(&rule, "a.example.com"));
	static const struct {
		uint16_t port;
		bool covered;
	} ports[] = {{52, false}, {53, true},  {54, false}, {99, false},
				 {100, true}, {200, true}, {201, false}};
	for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
		assert_int_equal(policy_rule_covers_port(&rule, true, ports[i].port), ports[i].covered);
		assert_false(policy_rule_covers_port(&rule, false, ports[i].port));
	}
	rule.port_count = 0;
	assert_true(policy_rule_covers_port(&rule, true, 54));
	rule.protocol = POLICY_TCP_AND_UDP;
	assert_true(policy_rule_covers_port(&rule, false, 54));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),  cmocka_unit_test(texts),  cmocka_unit_test(bad),
		cmocka_unit_test(valid), cmocka_unit_test(covers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
