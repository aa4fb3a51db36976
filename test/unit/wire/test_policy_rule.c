#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "wire/policy_rule.h"

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
	assert_true(policy_rule_is_valid(&rule, POLICY_OF_STREAMS));
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

/* Of packets: without names, with ICMP. */
static void packets(void **state) {
	static const char *const good_ones[] = {
		"allow any", "deny any icmp", "allow 10.1.0.0/16 udp 53", "deny 2001:db8::/32 22,80-90"};
	struct policy_rule rule;
	for (size_t i = 0; i < sizeof good_ones / sizeof good_ones[0]; i++) {
		char text[POLICY_RULE_TEXT_MAX + 1];
		assert_null(policy_rule_read(good_ones[i], POLICY_OF_PACKETS, &rule));
		assert_true(policy_rule_is_valid(&rule, POLICY_OF_PACKETS));
		assert_int_equal(policy_rule_is_valid(&rule, POLICY_OF_STREAMS), i != 1);
		policy_rule_format(&rule, text);
		assert_string_equal(text, good_ones[i]);
	}
	assert_int_equal(policy_rule_parse("deny any icmp", &rule), ERR_INVALID);
	assert_null(policy_rule_read("deny any icmp", POLICY_OF_PACKETS, &rule));
	assert_false(policy_rule_covers_port(&rule, false, 80));
	assert_false(policy_rule_covers_port(&rule, true, 80));
	rule.port_count = 1;
	rule.ports[0] = (struct policy_ports){1, 2};
	assert_false(policy_rule_is_valid(&rule, POLICY_OF_PACKETS));
	assert_int_equal(policy_rule_parse("allow a.example", &rule), ERR_OK);
	assert_false(policy_rule_is_valid(&rule, POLICY_OF_PACKETS));
}

static void problems(void **state) {
	static const struct {
		const char *text, *of_streams, *of_packets;
	} rows[] = {
		{"", "it begins with neither allow nor deny", NULL},
		{"permit any", "it begins with neither allow nor deny", NULL},
		{"allow", "its second word is neither any nor an address, a prefix or a name",
		 "its second word is neither any nor an address or a prefix"},
		{"allow 10.0.0.0/33", "its second word is neither any nor an address, a prefix or a name",
		 "its second word is neither any nor an address or a prefix"},
		{"allow *.example.com", "", "it is about a name, and packets have none"},
		{"allow a..b", "its second word is neither any nor an address, a prefix or a name",
		 "its second word is neither any nor an address or a prefix"},
		{"allow any sctp", "its third word is neither tcp, udp nor ports",
		 "its third word is neither tcp, udp, icmp nor ports"},
		{"allow any icmp", "streams are tcp or udp", ""},
		{"allow any icmp 8", "streams are tcp or udp", "icmp has no ports"},
		{"allow any tcp https", "ports are like 443 or 53,5000-5999, from 1 to 65535", NULL},
		{"allow any 0", "ports are like 443 or 53,5000-5999, from 1 to 65535", NULL},
		{"allow any 2-1", "ports are like 443 or 53,5000-5999, from 1 to 65535", NULL},
		{"allow any 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
		 "it has more than 16 ports and ranges", NULL},
		{"allow any tcp 80 81", "it goes on behind its ports", NULL},
		{"deny 10.0.0.0/8 tcp 80", "", ""},
	};
	static const char start[] = "is no rule: ";
	struct policy_rule either;
	assert_null(policy_rule_read("allow *.example.com 1", POLICY_OF_EITHER, &either));
	assert_true(policy_rule_is_valid(&either, POLICY_OF_EITHER));
	assert_null(policy_rule_read("allow any icmp", POLICY_OF_EITHER, &either));
	assert_true(policy_rule_is_valid(&either, POLICY_OF_EITHER));
	assert_non_null(policy_rule_read("allow any icmp 1", POLICY_OF_EITHER, &either));
	assert_non_null(policy_rule_read("allow a.example icmp", POLICY_OF_EITHER, &either));
	assert_null(policy_rule_read("allow a.example", POLICY_OF_EITHER, &either));
	either.protocol = POLICY_ICMP;
	assert_false(policy_rule_is_valid(&either, POLICY_OF_EITHER));
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (int use = POLICY_OF_STREAMS; use <= POLICY_OF_PACKETS; use++) {
			struct policy_rule rule = {.port_count = 4711};
			const char *expected = use == POLICY_OF_PACKETS && rows[i].of_packets
									   ? rows[i].of_packets
									   : rows[i].of_streams;
			const char *problem = policy_rule_read(rows[i].text, (enum policy_use)use, &rule);
			assert_int_equal(problem == NULL, expected[0] == '\0');
			if (!problem)
				continue;
			assert_memory_equal(problem, start, sizeof start - 1);
			assert_string_equal(problem + sizeof start - 1, expected);
			assert_int_equal(rule.port_count, 4711);
		}
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
	assert_true(policy_rule_is_valid(&good_one, POLICY_OF_STREAMS));
	struct policy_rule rule = good_one;
	memset(rule.name, 'a', sizeof rule.name);
	assert_false(policy_rule_is_valid(&rule, POLICY_OF_STREAMS));
	rule = good_one;
	rule.name[0] = '/';
	assert_false(policy_rule_is_valid(&rule, POLICY_OF_STREAMS));
	rule = good_one;
	rule.port_count = POLICY_PORTS_MAX + 1;
	assert_false(policy_rule_is_valid(&rule, POLICY_OF_STREAMS));
	rule = good_one;
	rule.ports[0].last = 79;
	assert_false(policy_rule_is_valid(&rule, POLICY_OF_STREAMS));
	rule = good_one;
	rule.subject = POLICY_PREFIX;
	assert_false(policy_rule_is_valid(&rule, POLICY_OF_STREAMS));
	rule.prefix = (struct prefix){{{10}, ADDRESS_V4}, 33};
	assert_false(policy_rule_is_valid(&rule, POLICY_OF_STREAMS));
	rule.prefix.length = 32;
	assert_true(policy_rule_is_valid(&rule, POLICY_OF_STREAMS));
	rule.subject = (enum policy_subject)4;
	assert_false(policy_rule_is_valid(&rule, POLICY_OF_STREAMS));
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
	rule.protocol = POLICY_EVERY;
	assert_true(policy_rule_covers_port(&rule, false, 54));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),     cmocka_unit_test(texts),  cmocka_unit_test(bad),
		cmocka_unit_test(valid),    cmocka_unit_test(covers), cmocka_unit_test(packets),
		cmocka_unit_test(problems),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
