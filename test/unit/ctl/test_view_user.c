#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/wipe.h"
#include "ctl/examples.h"
#include "ctl/view_user.h"

static const char alice[] =
	"{\"name\":\"alice\",\"has_password\":true,\"groups\":[\"admins\",\"staff\"],\"disabled\":true,"
	"\"expires\":1798761599,\"quota\":10737418240,\"used\":123456,\"rate\":5242880,\"devices\":3,"
	"\"created\":1700000000,\"seen\":1700000123,\"leases\":[{\"tunnel\":\"um0\","
	"\"peer\":\"alice/2\",\"addresses\":[\"10.66.0.2\",\"fd66::2\"],\"used\":1700000123},"
	"{\"tunnel\":\"um1\",\"peer\":\"alice\",\"addresses\":[],\"used\":null}]}";
static const char bob[] =
	"{\"name\":\"bob\",\"has_password\":false,\"groups\":[],\"disabled\":false,\"expires\":null,"
	"\"quota\":null,\"used\":0,\"rate\":null,\"devices\":1,\"created\":0,\"seen\":null,"
	"\"leases\":[]}";

static void users_are_written_as_documented(void **state) {
	struct view_user user = example_user(), bare = {.name = example_text("bob"), .devices = 1};
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(view_user_encode(&user, &text, &size), ERR_OK);
	assert_string_equal(text, alice);
	free(text);
	assert_int_equal(view_user_encode(&bare, &text, &size), ERR_OK);
	assert_string_equal(text, bob);
	free(text);
	view_user_done(&user);
	view_user_done(&bare);
	view_user_done(NULL);
}

static void users_come_back(void **state) {
	static const char *const texts[] = {alice, bob};
	for (size_t i = 0; i < 2; i++) {
		struct view_user user;
		char *text = NULL;
		size_t size = 0;
		assert_int_equal(view_user_decode(texts[i], strlen(texts[i]), &user), ERR_OK);
		assert_int_equal(view_user_encode(&user, &text, &size), ERR_OK);
		assert_string_equal(text, texts[i]);
		view_user_done(&user);
		free(text);
	}
}

static void lists_come_back(void **state) {
	struct view_user users[] = {example_user(), {.name = example_text("bob"), .devices = 1}},
					 *read = NULL;
	char *text = NULL, *again = NULL;
	size_t size = 0, count = 0, again_size;
	assert_int_equal(view_users_encode(users, 2, &text, &size), ERR_OK);
	assert_int_equal(view_users_decode(text, size, &read, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(view_users_encode(read, count, &again, &again_size), ERR_OK);
	assert_string_equal(again, text);
	view_users_free(read, count);
	free(text);
	free(again);
	view_user_done(&users[0]);
	view_user_done(&users[1]);
	assert_int_equal(view_users_encode(NULL, 0, &text, &size), ERR_OK);
	assert_string_equal(text, "{\"users\":[]}");
	assert_int_equal(view_users_decode(text, size, &read, &count), ERR_OK);
	assert_int_equal(count, 0);
	view_users_free(read, count);
	free(text);
	assert_int_equal(view_users_decode("{}", 2, &read, &count), ERR_MALFORMED);
	const char *half = "{\"users\":[{\"name\":\"a\",\"leases\":[{\"tunnel\":\"t\"}]}]}";
	assert_int_equal(view_users_decode(half, strlen(half), &read, &count), ERR_MALFORMED);
}

static void expect_request(const char *body, bool adds) {
	struct view_user_request request;
	char problem[VIEW_PROBLEM_SIZE] = "", *text = NULL;
	size_t size = 0;
	assert_int_equal(view_user_request_decode(body, strlen(body), adds, &request, problem), ERR_OK);
	assert_int_equal(view_user_request_encode(&request, &text, &size), ERR_OK);
	assert_string_equal(text, body);
	view_user_request_done(&request);
	assert_true(wipe_is_zero(&request, sizeof request));
	free(text);
}

/* What is not said is not said again, so that a change leaves it alone. */
static void requests_come_back(void **state) {
	expect_request("{\"name\":\"alice\"}", true);
	expect_request(
		"{\"name\":\"alice\",\"password\":\"correct horse\",\"groups\":[\"staff\",\"x\"],"
		"\"disabled\":false,\"expires\":1798761599,\"quota\":0,\"rate\":5242880,"
		"\"devices\":255}",
		true);
	expect_request("{}", false);
	expect_request("{\"password\":\"\",\"groups\":[],\"disabled\":true,\"expires\":0,\"quota\":1,"
				   "\"used\":0,\"rate\":0,\"devices\":1}",
				   false);
	struct view_user_request request;
	char problem[VIEW_PROBLEM_SIZE];
	static const char nulls[] = "{\"password\":null,\"groups\":null,\"used\":null,\"rate\":null}";
	assert_int_equal(view_user_request_decode(nulls, strlen(nulls), false, &request, problem),
					 ERR_OK);
	assert_true(wipe_is_zero(&request, sizeof request));
	view_user_request_done(NULL);
}

static void faults_of_requests_are_named(void **state) {
	static const struct {
		const char *text;
		bool adds;
		const char *problem;
	} cases[] = {
		{"[]", true, "the body is not an object in JSON"},
		{"{}", true, "name: must be a text"},
		{"{\"name\":\"a\",\"used\":0}", true, "used: there is no such member"},
		{"{\"name\":\"a\"}", false, "name: there is no such member"},
		{"{\"used\":1}", false, "used: must be 0: what was used can be forgotten, not changed"},
		{"{\"devices\":0}", false, "devices: must be a whole number from 1 to 255"},
		{"{\"devices\":256}", false,
		 "devices: must be a whole number, not negative and not that large"},
		{"{\"quota\":-1}", false, "quota: must be a whole number, not negative and not that large"},
		{"{\"groups\":\"staff\"}", false, "groups: must be a list"},
		{"{\"groups\":[\"\"]}", false, "groups: must be a list of names such as \"staff\""},
		{"{\"groups\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}", false,
		 "groups: must be a list of at most 16 names"},
		{"{\"disabled\":1}", false, "disabled: must be true or false"},
		{"{\"password\":1}", false, "password: must be a text"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char problem[VIEW_PROBLEM_SIZE] = "";
		struct view_user_request request;
		assert_int_not_equal(view_user_request_decode(cases[i].text, strlen(cases[i].text),
													  cases[i].adds, &request, problem),
							 ERR_OK);
		assert_string_equal(problem, cases[i].problem);
	}
	char body[VIEW_PASSWORD_MAX + 32], problem[VIEW_PROBLEM_SIZE], most[VIEW_PASSWORD_MAX + 2];
	struct view_user_request request;
	memset(most, 'x', sizeof most);
	for (int size = VIEW_PASSWORD_MAX; size <= VIEW_PASSWORD_MAX + 1; size++) {
		(void)snprintf(body, sizeof body, "{\"password\":\"%.*s\"}", size, most);
		enum err error = view_user_request_decode(body, strlen(body), false, &request, problem);
		assert_int_equal(error, size == VIEW_PASSWORD_MAX ? ERR_OK : ERR_INVALID);
		if (!error)
			view_user_request_done(&request);
	}
	assert_string_equal(problem, "password: must be a shorter text");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_written_as_documented),
		cmocka_unit_test(users_come_back),
		cmocka_unit_test(lists_come_back),
		cmocka_unit_test(requests_come_back),
		cmocka_unit_test(faults_of_requests_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
