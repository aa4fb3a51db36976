#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "proxy/policy.h"

static struct policy *make(const char *const *texts, enum policy_action otherwise) {
	struct policy_rule rules[16];
	struct policy *policy = NULL;
	size_t count = 0;
	for (; texts[count]; count++)
		assert_int_equal(policy_rule_parse(texts[count], &rules[count]), ERR_OK);
	assert_int_equal(policy_new(rules, count, otherwise, &policy), ERR_OK);
	return policy;
}

static enum policy_verdict judge(const struct policy *policy, const char *host, uint16_t port,
								 bool udp) {
	struct target target;
	assert_int_equal(target_parse(host, port, udp, &target), ERR_OK);
	return policy_judge(policy, &target);
}

static bool leads(const struct policy *policy, const char *name, const char *to) {
	struct target target;
	struct address address;
	assert_int_equal(target_parse(name, 443, false, &target), ERR_OK);
	assert_int_equal(address_parse(to, &address), ERR_OK);
	return policy_allows_address(policy, &target, &address);
}

static const char *const private_ones[] = {
	"127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
	"100.64.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fd00::1", "ff02::1",
	/* The same in disguise. */
	"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1",
	"64:ff9b::127.0.0.1", "64:ff9b::192.168.1.1", "64:ff9b:1::1.1.1.1", "2002:7f00:1::1",
	"2002:a00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2606:4700::5efe:10.0.0.1",
	"2606:4700::200:5efe:127.0.0.1"};
static const char *const public_ones[] = {"1.1.1.1",         "2606:4700:4700::1111",
										  "::ffff:1.1.1.1",  "64:ff9b::1.1.1.1",
										  "2002:101:101::1", "2606:4700::5efe:1.1.1.1"};

/* Without any rules, and with such as are about everything. */
static void refuses_special_ones(void **state) {
	static const char *const wide[] = {"allow any",           "allow 0.0.0.0/0",     "allow ::/0",
									   "allow *.example.com", "allow ::ffff:0:0/96", NULL};
	struct policy *policies[] = {NULL, make(wide, POLICY_ALLOW)};
	for (int p = 0; p < 2; p++) {
		for (size_t i = 0; i < sizeof private_ones / sizeof private_ones[0]; i++) {
			if (judge(policies[p], private_ones[i], 443, i % 2) != POLICY_REFUSED ||
				leads(policies[p], "www.example.com", private_ones[i]))
				fail_msg("%s", private_ones[i]);
		}
		for (size_t i = 0; i < sizeof public_ones / sizeof public_ones[0]; i++) {
			if (judge(policies[p], public_ones[i], 443, i % 2) != POLICY_ALLOWED ||
				!leads(policies[p], "www.example.com", public_ones[i]))
				fail_msg("%s", public_ones[i]);
		}
		assert_int_equal(judge(policies[p], "localhost", 80, false), POLICY_BY_ADDRESS);
	}
	policy_free(policies[1]);
	/* What is not for a policy. */
	const struct target packets = {.type = TARGET_PACKETS};
	assert_int_equal(policy_judge(NULL, &packets), POLICY_REFUSED);
	assert_int_equal(judge(NULL, "1.1.1.1", 0, false), POLICY_REFUSED);
	assert_int_equal(judge(NULL, "example.com", 0, false), POLICY_REFUSED);
}

static void lets_through_what_is_named(void **state) {
	static const char *const texts[] = {"deny 10.1.1.0/24", "allow 10.1.0.0/16 tcp 443",
										"allow fd00::/16", NULL};
	struct policy *policy = make(texts, POLICY_ALLOW);
	assert_int_equal(judge(policy, "10.1.0.1", 443, false), POLICY_ALLOWED);
	assert_int_equal(judge(policy, "10.1.0.1", 443, true), POLICY_REFUSED);
	assert_int_equal(judge(policy, "10.1.0.1", 80, false), POLICY_REFUSED);
	assert_int_equal(judge(policy, "10.1.1.1", 443, false), POLICY_REFUSED);
	assert_int_equal(judge(policy, "10.2.0.1", 443, false), POLICY_REFUSED);
	assert_int_equal(judge(policy, "::ffff:10.1.0.1", 443, false), POLICY_ALLOWED);
	assert_int_equal(judge(policy, "::ffff:10.1.1.1", 443, false), POLICY_REFUSED);
	assert_int_equal(judge(policy, "64:ff9b::10.1.0.1", 443, false), POLICY_ALLOWED);
	assert_int_equal(judge(policy, "64:ff9b::10.2.0.1", 443, false), POLICY_REFUSED);
	assert_int_equal(judge(policy, "fd00::1", 22, true), POLICY_ALLOWED);
	assert_int_equal(judge(policy, "fd01::1", 22, true), POLICY_REFUSED);
	/* By a name, too: the rule is about where it leads. */
	assert_true(leads(policy, "inside.example.com", "10.1.0.1"));
	assert_false(leads(policy, "inside.example.com", "10.1.1.1"));
	policy_free(policy);
}

static bool leads_to_own(const struct policy *policy, const char *to) {
	struct target target;
	struct address address;
	assert_int_equal(target_parse("www.example.com", 443, false, &target), ERR_OK);
	assert_int_equal(address_parse(to, &address), ERR_OK);
	return policy_allows_own_address(policy, &target, &address);
}

static void keeps_this_hosts_own(void **state) {
	assert_false(leads_to_own(NULL, "1.1.1.1"));
	static const char *const texts[] = {
		"allow any",         "allow 1.1.1.0/24",   "allow 2.2.2.2 tcp 443", "deny 10.1.1.1",
		"allow 10.1.0.0/16", "allow 2606:4700::1", "allow *.example.com",   NULL};
	struct policy *policy = make(texts, POLICY_ALLOW);
	/* By its name, by a prefix around it: not enough. */
	assert_true(leads(policy, "www.example.com", "1.1.1.1"));
	assert_false(leads_to_own(policy, "1.1.1.1"));
	assert_false(leads_to_own(policy, "::ffff:1.1.1.1"));
	assert_true(leads_to_own(policy, "2.2.2.2"));
	assert_true(leads_to_own(policy, "2606:4700::1"));
	assert_false(leads_to_own(policy, "2606:4700::2"));
	/* Special ones are as they always are. */
	assert_true(leads_to_own(policy, "10.1.2.3"));
	assert_false(leads_to_own(policy, "10.1.1.1"));
	assert_false(leads_to_own(policy, "127.0.0.1"));
	policy_free(policy);
}

static void denies(void **state) {
	static const char *const texts[] = {"deny *.example.com", "deny example.org tcp 25",
										"deny ::ffff:8.8.8.0/120", "deny 9.9.9.9", NULL};
	struct policy *policy = make(texts, POLICY_ALLOW);
	assert_int_equal(judge(policy, "a.EXAMPLE.com", 443, false), POLICY_REFUSED);
	assert_int_equal(judge(policy, "example.com", 443, false), POLICY_BY_ADDRESS);
	assert_int_equal(judge(policy, "example.org", 25, false), POLICY_REFUSED);
	assert_int_equal(judge(policy, "example.org", 443, false), POLICY_BY_ADDRESS);
	assert_false(leads(policy, "a.example.com", "1.1.1.1"));
	assert_false(leads(policy, "example.com", "9.9.9.9"));
	assert_true(leads(policy, "example.com", "9.9.9.8"));
	/* A rule about mapped addresses is about those that they lead to. */
	assert_int_equal(judge(policy, "8.8.8.8", 53, true), POLICY_REFUSED);
	assert_int_equal(judge(policy, "::ffff:8.8.8.8", 53, true), POLICY_REFUSED);
	assert_int_equal(judge(policy, "64:ff9b::9.9.9.9", 53, true), POLICY_REFUSED);
	assert_int_equal(judge(policy, "2002:909:909::", 53, true), POLICY_REFUSED);
	policy_free(policy);
}

/* The first that matches; what is not allowed is refused. */
static void keeps_their_order(void **state) {
	static const char *const texts[] = {"allow a.example.com", "deny *.example.com",
										"allow 1.0.0.0/8", "allow any udp 53", NULL};
	struct policy *policy = make(texts, POLICY_DENY);
	assert_int_equal(judge(policy, "a.example.com", 443, false), POLICY_BY_ADDRESS);
	assert_int_equal(judge(policy, "b.example.com", 443, false), POLICY_REFUSED);
	assert_true(leads(policy, "a.example.com", "2.2.2.2"));
	assert_false(leads(policy, "b.example.com", "1.1.1.1"));
	/* It may yet lead into the third rule's prefix. */
	assert_int_equal(judge(policy, "example.net", 443, false), POLICY_BY_ADDRESS);
	assert_true(leads(policy, "example.net", "1.1.1.1"));
	assert_false(leads(policy, "example.net", "2.2.2.2"));
	assert_int_equal(judge(policy, "2.2.2.2", 53, true), POLICY_ALLOWED);
	assert_int_equal(judge(policy, "2.2.2.2", 53, false), POLICY_REFUSED);
	policy_free(policy);
	/* Nothing that it leads to could be let through. */
	static const char *const names_only[] = {"allow a.example.com", NULL};
	policy = make(names_only, POLICY_DENY);
	assert_int_equal(judge(policy, "example.net", 443, false), POLICY_REFUSED);
	assert_int_equal(judge(policy, "1.1.1.1", 443, false), POLICY_REFUSED);
	policy_free(policy);
	/* "deny any" behind a prefix. */
	static const char *const prefix_first[] = {"allow 1.0.0.0/8", "deny any", NULL};
	policy = make(prefix_first, POLICY_ALLOW);
	assert_int_equal(judge(policy, "example.net", 443, false), POLICY_BY_ADDRESS);
	assert_true(leads(policy, "example.net", "1.1.1.1"));
	assert_false(leads(policy, "example.net", "2.2.2.2"));
	policy_free(policy);
}

static void has_limits(void **state) {
	struct policy *policy = NULL;
	struct policy_rule *rules = calloc(POLICY_RULES_MAX + 1, sizeof *rules);
	assert_non_null(rules);
	assert_int_equal(policy_new(rules, POLICY_RULES_MAX + 1, POLICY_ALLOW, &policy), ERR_LIMIT);
	assert_int_equal(policy_new(rules, POLICY_RULES_MAX, POLICY_ALLOW, &policy), ERR_OK);
	policy_free(policy);
	policy = NULL;
	rules[7].subject = POLICY_NAME; /* of no name */
	assert_int_equal(policy_new(rules, 8, POLICY_ALLOW, &policy), ERR_INVALID);
	assert_null(policy);
	policy_free(policy);
	free(rules);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_special_ones), cmocka_unit_test(lets_through_what_is_named),
		cmocka_unit_test(keeps_this_hosts_own), cmocka_unit_test(denies),
		cmocka_unit_test(keeps_their_order),    cmocka_unit_test(has_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
