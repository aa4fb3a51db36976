#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "ctl/view_login.h"

static void check(char *user, char *password, const char *expected) {
	struct view_login_request request = {.user = user, .password = password}, again;
	char *text, problem[VIEW_PROBLEM_SIZE];
	size_t size;
	assert_int_equal(view_login_request_encode(&request, &text, &size), ERR_OK);
	assert_int_equal(size, strlen(expected));
	assert_memory_equal(text, expected, size);
	assert_int_equal(view_login_request_decode(text, size, &again, problem), ERR_OK);
	assert_int_equal(again.user == NULL, user == NULL);
	assert_int_equal(again.password == NULL, password == NULL);
	if (user)
		assert_string_equal(again.user, user);
	if (password)
		assert_string_equal(again.password, password);
	view_login_request_done(&again);
	free(text);
}

static void test_bodies(void **state) {
	check((char *)"alice", (char *)"p\xc3\xa4ss \"word\"",
		  "{\"user\":\"alice\",\"password\":\"p\xc3\xa4ss \\\"word\\\"\"}");
	check(NULL, (char *)"x", "{\"user\":null,\"password\":\"x\"}");
	check(NULL, NULL, "{\"user\":null,\"password\":null}");
}

static void test_what_is_no_body(void **state) {
	char long_one[VIEW_LOGIN_PASSWORD_MAX + 64];
	memset(long_one, 'x', sizeof long_one);
	memcpy(long_one, "{\"password\":\"", 13);
	memcpy(long_one + 13 + VIEW_LOGIN_PASSWORD_MAX + 1, "\"}", 3);
	const struct {
		const char *text, *problem;
	} rows[] = {
		{"", "the body is not an object in JSON"},
		{"[]", "the body is not an object in JSON"},
		{"{\"name\":\"alice\"}", "name: there is no such member"},
		{"{\"user\":1}", "user: must be a text"},
		{"{\"password\":[\"x\"]}", "password: must be a text"},
		{long_one, "password: must be "},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct view_login_request request;
		char problem[VIEW_PROBLEM_SIZE];
		assert_int_not_equal(
			view_login_request_decode(rows[i].text, strlen(rows[i].text), &request, problem),
			ERR_OK);
		if (strncmp(problem, rows[i].problem, strlen(rows[i].problem)) != 0)
			fail_msg("%zu: %s", i, problem);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_what_is_no_body),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
