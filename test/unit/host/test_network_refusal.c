#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "host/network_refusal.h"
#include "host/route_message.h"
#include "host/route_rule.h"

static void test_words(void **state) {
	char problem[NETWORK_PROBLEM_SIZE];
	struct prefix prefix;
	assert_int_equal(prefix_parse("10.0.0.0/8", &prefix), ERR_OK);
	assert_int_equal(network_refusal_of_prefix("route", &prefix, EEXIST, problem), ERR_EXISTS);
	assert_string_equal(problem, "route 10.0.0.0/8: exists already");
	assert_int_equal(network_refusal_explain("interface um0", EPERM, problem), ERR_PERMISSION);
	assert_string_equal(problem, "interface um0: permission denied");
	/* What no error of ours says is said in the system's words. */
	assert_int_equal(network_refusal_explain("rule 7", ENETDOWN, problem), ERR_UNREACHABLE);
	assert_string_equal(problem, "rule 7: network is down");
	assert_int_equal(network_refusal_explain("rule 7", 99999, problem), ERR_IO);
	assert_string_equal(problem, "rule 7: input/output error");
}

static void test_longest(void **state) {
	char problem[NETWORK_PROBLEM_SIZE], what[400];
	memset(what, 'x', sizeof what - 1);
	what[sizeof what - 1] = '\0';
	assert_int_equal(network_refusal_explain(what, EINVAL, problem), ERR_INVALID);
	assert_true(strlen(problem) < sizeof problem);
}

/* The first problem tells most. */
static void test_conversation(void **state) {
	char problem[NETWORK_PROBLEM_SIZE] = "";
	assert_int_equal(network_refusal_talk(ERR_OK, problem), ERR_OK);
	assert_string_equal(problem, "");
	assert_int_equal(network_refusal_talk(ERR_NO_MEMORY, problem), ERR_NO_MEMORY);
	assert_string_equal(problem, "routing: out of memory");
	assert_int_equal(network_refusal_talk(ERR_IO, problem), ERR_IO);
	assert_string_equal(problem, "routing: out of memory");
}

/* The first one of a list is kept, and counts more than an error of the conversation. */
static void test_of_a_list(void **state) {
	char problem[NETWORK_PROBLEM_SIZE] = "";
	struct route_entry entries[2] = {{.table = 1}};
	struct prefix addresses[2];
	const struct route_rule rules[] = {{.priority = 7}, {.priority = 8}};
	assert_int_equal(prefix_parse("10.0.0.0/8", &entries[1].prefix), ERR_OK);
	assert_int_equal(prefix_parse("10.0.0.0/8", &addresses[1]), ERR_OK);
	struct network_refusal refusal = {.rules = rules, .may_exist = true, .problem = problem};
	network_refusal_keep(&refusal, 0, EEXIST);
	assert_int_equal(network_refusal_end(&refusal, ERR_OK), ERR_OK);
	assert_string_equal(problem, "");
	network_refusal_keep(&refusal, 1, EPERM);
	network_refusal_keep(&refusal, 0, EINVAL);
	assert_string_equal(problem, "rule 8: permission denied");
	assert_int_equal(network_refusal_end(&refusal, ERR_IO), ERR_PERMISSION);
	refusal = (struct network_refusal){.routes = entries, .problem = problem};
	network_refusal_keep(&refusal, 1, EEXIST);
	assert_string_equal(problem, "route 10.0.0.0/8: exists already");
	refusal = (struct network_refusal){.exceptions = entries, .problem = problem};
	network_refusal_keep(&refusal, 1, EPERM);
	assert_string_equal(problem, "exception 10.0.0.0/8: permission denied");
	refusal = (struct network_refusal){.addresses = addresses, .problem = problem};
	network_refusal_keep(&refusal, 1, EPERM);
	assert_string_equal(problem, "address 10.0.0.0/8: permission denied");
	problem[0] = '\0';
	refusal = (struct network_refusal){.rules = rules, .problem = problem};
	assert_int_equal(network_refusal_end(&refusal, ERR_NO_MEMORY), ERR_NO_MEMORY);
	assert_string_equal(problem, "routing: out of memory");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_conversation),
		cmocka_unit_test(test_of_a_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
