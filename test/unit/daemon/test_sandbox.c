#include "daemon/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/log.h"

static void test_texts(void **state) {
	struct sandbox sandbox = {.on = true, .account = {61184, 65519}}, read = {.on = false};
	char text[SANDBOX_TEXT_SIZE];
	sandbox_format(&sandbox, text);
	assert_string_equal(text, "61184:65519");
	assert_int_equal(sandbox_parse(text, &read), ERR_OK);
	assert_true(read.on && read.account.uid == 61184 && read.account.gid == 65519);
	sandbox.on = false;
	sandbox_format(&sandbox, text);
	assert_string_equal(text, "off");
	assert_int_equal(sandbox_parse(text, &read), ERR_OK);
	assert_false(read.on);
	static const char *const wrong[] = {"", "on", "1", "1:", "1:2x", "offf", ":"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(sandbox_parse(wrong[i], &read), ERR_INVALID);
}

/* The same at every start, in systemd's range, and of its own for every name. */
static void test_derived_account(void **state) {
	uid_t number = sandbox_account_derive("umbra");
	assert_int_equal(number, 62152);
	assert_true(number >= SANDBOX_ACCOUNT_FIRST && number <= SANDBOX_ACCOUNT_LAST);
	assert_int_not_equal(number, sandbox_account_derive("umbra2"));
	struct sandbox_account account;
	bool derived = false;
	assert_int_equal(sandbox_account_find("no such account", &account, &derived), ERR_OK);
	assert_true(derived && account.uid >= SANDBOX_ACCOUNT_FIRST && account.uid == account.gid);
	assert_int_equal(sandbox_account_find("root", &account, &derived), ERR_INVALID);
}

/* Everything stays as it is. */
static void test_off(void **state) {
	struct sandbox sandbox;
	log_init(LOG_SILENT, "test");
	assert_int_equal(sandbox_prepare(false, "umbra", &sandbox), ERR_OK);
	assert_false(sandbox.on);
	assert_int_equal(sandbox.account.uid, sandbox_account_own().uid);
	assert_int_equal(sandbox_enter_net(&sandbox, "auto", false), ERR_OK);
	assert_int_equal(sandbox_enter_privileged(&sandbox), ERR_OK);
	FILE *file = fopen("/proc/self/status", "r");
	assert_non_null(file);
	(void)fclose(file);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_derived_account),
		cmocka_unit_test(test_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
