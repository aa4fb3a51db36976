#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/capture.h"
#include "cli/commands.h"
#include "cli/fake_client.h"
#include "cli/text_buffer.h"
#include "cli/tool.h"
#include "cli/user_text.h"
#include "ctl/examples.h"

/* umbra user, against a daemon that is none. */

static struct capture capture;

/* words: what stands behind "umbra user", with single blanks between. */
static int run(const char *words, const char *input) {
	char text[512], *argv[16] = {text};
	int argc = 1;
	(void)snprintf(text, sizeof text, "umbra user %s", words);
	for (char *at = strchr(text, ' '); at; at = strchr(at, ' ')) {
		*at++ = '\0';
		argv[argc++] = at;
	}
	capture_init(&capture, input);
	int status = tool_run(commands_all, &capture.streams, argc, argv);
	capture_done(&capture);
	assert_int_equal(fake.open, 0);
	return status;
}

static char answer[1024];

static int reset(void **state) {
	assert_int_equal(setenv("TZ", "UTC0", 1), 0);
	tzset();
	fake_client_reset();
	struct view_user user = example_user();
	char *text = NULL;
	size_t size = 0;
	assert_int_equal(view_user_encode(&user, &text, &size), ERR_OK);
	(void)snprintf(answer, sizeof answer, "%s", text);
	free(text);
	view_user_done(&user);
	fake.answer = answer;
	return 0;
}

/* Asks so, and says this. */
static void expect(const char *words, const char *input, const char *asked, const char *said) {
	fake.asked[0] = '\0';
	assert_int_equal(run(words, input), STATUS_OK);
	assert_string_equal(fake.asked, asked);
	assert_string_equal(capture.error, said);
	assert_string_equal(capture.output, "");
}

static void expect_usage(const char *words, const char *said) {
	fake.asked[0] = '\0';
	assert_int_equal(run(words, "secret\n"), STATUS_USAGE);
	assert_string_equal(fake.asked, "");
	assert_non_null(strstr(capture.error, said));
}

static void test_add(void **state) {
	expect("add alice", "correct horse\n",
		   "POST /v1/users {\"name\":\"alice\",\"password\":\"correct horse\"}\n",
		   "umbra: user add: alice was added, and may not log in yet: is disabled\n");
	expect("add alice --no-password --groups staff,x --expires 2026-12-31 --quota 10G --rate 5M "
		   "--devices 2 --disabled",
		   "",
		   "POST /v1/users {\"name\":\"alice\",\"groups\":[\"staff\",\"x\"],\"disabled\":true,"
		   "\"expires\":1798761599,\"quota\":10737418240,\"rate\":5242880,\"devices\":2}\n",
		   "umbra: user add: alice was added, and may not log in yet: is disabled\n");
	expect_usage("add", "user add");
	expect_usage("add alice bob", "user add");
	expect_usage("add alice --no-password --password-file x", "does not go with");
	expect_usage("add alice --quota 10GB", "'10GB' is no number of bytes: such as 500M");
	expect_usage("add alice --rate 9999P", "'9999P' is too much");
	expect_usage("add alice --rate 0", "'0' is no number of bytes");
	expect_usage("add alice --devices 0", "'0' is no number of devices, 1 to 255");
	expect_usage("add alice --devices 256", "'256' is no number of devices");
	expect_usage("add alice --expires soon", "'soon' is no date: such as 2026-12-31");
	expect_usage("add alice --groups a,,b", "groups are names with commas between");
	expect_usage("add alice --groups 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "at most 16");
}

/* It is on no command line, and no message has it. */
static void test_passwords(void **state) {
	fake.asked[0] = '\0';
	assert_int_equal(run("add alice", "two\nlines\n"), STATUS_FAILED);
	assert_int_equal(run("add alice --password-file /nonexistent/file", ""), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "/nonexistent/file"));
	assert_string_equal(fake.asked, "");
	expect("passwd alice", "new one", "PATCH /v1/users/alice {\"password\":\"new one\"}\n",
		   "umbra: user passwd: alice has another password\n");
	expect("passwd alice --password-file -", "new one",
		   "PATCH /v1/users/alice {\"password\":\"new one\"}\n",
		   "umbra: user passwd: alice has another password\n");
	expect("passwd alice --none", "new one", "PATCH /v1/users/alice {\"password\":\"\"}\n",
		   "umbra: user passwd: alice has another password\n");
	expect_usage("passwd alice --none --password-file x", "does not go with");
}

/* Nobody is told that a user may log in who may not. */
static void test_who_may_not(void **state) {
	struct view_user user = example_user();
	char *text = NULL;
	size_t size = 0;
	user.disabled = false;
	user.expires = 1577836799;
	assert_int_equal(view_user_encode(&user, &text, &size), ERR_OK);
	fake.answer = text;
	expect("enable alice", "", "PATCH /v1/users/alice {\"disabled\":false}\n",
		   "umbra: user enable: alice may not log in: has expired\n");
	expect("expire alice 2019-12-31", "", "PATCH /v1/users/alice {\"expires\":1577836799}\n",
		   "umbra: user expire: alice has expired, at 2019-12-31 23:59, and may not log in\n");
	expect("add alice --no-password --expires 2019-12-31", "",
		   "POST /v1/users {\"name\":\"alice\",\"expires\":1577836799}\n",
		   "umbra: user add: alice was added, and may not log in yet: has expired\n");
	free(text);
	user.expires = 0;
	user.used = user.quota;
	assert_int_equal(view_user_encode(&user, &text, &size), ERR_OK);
	fake.answer = text;
	expect("enable alice", "", "PATCH /v1/users/alice {\"disabled\":false}\n",
		   "umbra: user enable: alice may not log in: has used up the quota\n");
	free(text);
	view_user_done(&user);
}

static void test_settings(void **state) {
	expect("disable alice", "", "PATCH /v1/users/alice {\"disabled\":true}\n",
		   "umbra: user disable: alice may not log in: is disabled\n");
	expect("enable al/ice", "", "PATCH /v1/users/al%2Fice {\"disabled\":false}\n",
		   "umbra: user enable: alice may not log in: is disabled\n");
	expect("expire alice 2026-12-31", "", "PATCH /v1/users/alice {\"expires\":1798761599}\n",
		   "umbra: user expire: alice expires at 2026-12-31 23:59\n");
	expect("expire alice never", "", "PATCH /v1/users/alice {\"expires\":0}\n",
		   "umbra: user expire: alice expires at 2026-12-31 23:59\n");
	expect("quota alice 1.5K", "", "PATCH /v1/users/alice {\"quota\":1536}\n",
		   "umbra: user quota: alice has used 120.56 KiB of 10.00 GiB\n");
	expect("quota alice none --reset", "", "PATCH /v1/users/alice {\"quota\":0,\"used\":0}\n",
		   "umbra: user quota: alice has used 120.56 KiB of 10.00 GiB\n");
	expect("quota alice --reset", "", "PATCH /v1/users/alice {\"used\":0}\n",
		   "umbra: user quota: alice has used 120.56 KiB of 10.00 GiB\n");
	expect_usage("quota alice", "how much is missing");
	expect("rate alice 5M", "", "PATCH /v1/users/alice {\"rate\":5242880}\n",
		   "umbra: user rate: alice may move 5.00 MiB/s each way\n");
	expect("rate alice none", "", "PATCH /v1/users/alice {\"rate\":0}\n",
		   "umbra: user rate: alice may move 5.00 MiB/s each way\n");
	expect("devices alice 7", "", "PATCH /v1/users/alice {\"devices\":7}\n",
		   "umbra: user devices: alice may have 3 devices\n");
	expect("group alice a,b", "", "PATCH /v1/users/alice {\"groups\":[\"a\",\"b\"]}\n",
		   "umbra: user group: alice is in admins, staff\n");
	expect("group alice none", "", "PATCH /v1/users/alice {\"groups\":[]}\n",
		   "umbra: user group: alice is in admins, staff\n");
	expect_usage("rate alice", "user rate");
	expect_usage("rate alice fast", "'fast' is no number of bytes");
	fake.answer = "{\"message\":\"gone\"}";
	expect("del alice", "", "DELETE /v1/users/alice\n",
		   "umbra: user del: {\"message\":\"gone\"}\n");
}

/* As the daemon says it. */
static void test_json(void **state) {
	char line[sizeof answer + 1];
	(void)snprintf(line, sizeof line, "%s\n", answer);
	static const char *const all[] = {
		"add alice --no-password --json",
		"passwd alice --json",
		"disable alice --json",
		"expire alice +1d --json",
		"quota alice 1 --json",
		"show alice --json",
		"list --json",
	};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		assert_int_equal(run(all[i], "secret"), STATUS_OK);
		assert_string_equal(capture.output, line);
		assert_string_equal(capture.error, "");
	}
}

static void test_refusals(void **state) {
	fake.error = ERR_NOT_FOUND;
	fake.status = 404;
	fake.error_message = "there is no user bob";
	static const char *const all[] = {"show bob", "disable bob", "del bob", "list"};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		assert_int_equal(run(all[i], ""), STATUS_FAILED);
		assert_non_null(strstr(capture.error, "there is no user bob\n"));
	}
	fake.error = ERR_OK;
	fake.answer = "{}";
	assert_int_equal(run("show bob", ""), STATUS_FAILED);
	assert_int_equal(run("disable bob", ""), STATUS_FAILED);
	assert_int_equal(run("list", ""), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "not understood"));
}

static void test_show_and_list(void **state) {
	assert_int_equal(run("show alice", ""), STATUS_OK);
	assert_string_equal(fake.asked, "GET /v1/users/alice\n");
	assert_non_null(strstr(capture.output, "user alice: disabled\n"));
	char list[sizeof answer + 16];
	(void)snprintf(list, sizeof list, "{\"users\":[%s]}", answer);
	fake.answer = list;
	fake.asked[0] = '\0';
	assert_int_equal(run("list", ""), STATUS_OK);
	assert_string_equal(fake.asked, "GET /v1/users\n");
	assert_non_null(strstr(capture.output, "alice"));
}

static void test_text(void **state) {
	const uint64_t now = 1700000123 + 63;
	struct view_user users[] = {example_user(),
								{.name = example_text("bob\x1b"), .devices = 1},
								{.name = example_text("c"), .expires = now, .devices = 1},
								{.name = example_text("d"), .quota = 5, .used = 5, .devices = 1}};
	auto_text_buffer struct text_buffer text = {0}, list = {0}, none = {0};
	user_text_show(&text, &users[0], now);
	assert_string_equal(text.text, "user alice: disabled\n"
								   "  password    yes\n"
								   "  groups      admins, staff\n"
								   "  expires     2026-12-31 23:59\n"
								   "  used        120.56 KiB of 10.00 GiB\n"
								   "  rate        5.00 MiB/s each way\n"
								   "  devices     3\n"
								   "  created     2023-11-14 22:13\n"
								   "  seen        1 minute, 3 seconds ago\n"
								   "  addresses   10.66.0.2, fd66::2 of um0 as alice/2, used 1 "
								   "minute, 3 seconds ago\n"
								   "              none of um1 as alice, used never\n");
	user_text_list(&list, users, 4, now);
	assert_string_equal(list.text,
						"NAME   STATE     USED        QUOTA      RATE        DEVICES  EXPIRES  "
						"         SEEN                     GROUPS\n"
						"alice  disabled  120.56 KiB  10.00 GiB  5.00 MiB/s  3        2026-12-3"
						"1 23:59  1 minute, 3 seconds ago  admins, staff\n"
						"bob?   active    0 B         none       none        1        never    "
						"         never                    none\n"
						"c      expired   0 B         none       none        1        2023-11-1"
						"4 22:16  never                    none\n"
						"d      used up   5 B         5 B        none        1        never    "
						"         never                    none\n");
	user_text_list(&none, NULL, 0, now);
	assert_string_equal(none.text,
						"NAME  STATE  USED  QUOTA  RATE  DEVICES  EXPIRES  SEEN  GROUPS\n");
	for (size_t i = 0; i < 4; i++)
		view_user_done(&users[i]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_add, reset),
		cmocka_unit_test_setup(test_passwords, reset),
		cmocka_unit_test_setup(test_settings, reset),
		cmocka_unit_test_setup(test_who_may_not, reset),
		cmocka_unit_test_setup(test_json, reset),
		cmocka_unit_test_setup(test_refusals, reset),
		cmocka_unit_test_setup(test_show_and_list, reset),
		cmocka_unit_test_setup(test_text, reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
