#include "daemon/node_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs those above. */
#include <cmocka.h>

enum { ARGUMENTS_MAX = 80 };

static char error[NODE_OPTIONS_ERROR_SIZE];

static enum err parse(struct node_options *out_options, const char *first, ...) {
	char name[] = "umbrad";
	char *arguments[ARGUMENTS_MAX] = {name};
	int count = 1;
	va_list rest;
	va_start(rest, first);
	for (const char *text = first; text; text = va_arg(rest, const char *))
		arguments[count++] = (char *)(uintptr_t)text;
	va_end(rest);
	return node_options_parse(count, arguments, out_options, error);
}

static void defaults(void **state) {
	struct node_options options;
	assert_int_equal(parse(&options, NULL), ERR_OK);
	assert_int_equal(options.action, NODE_RUN);
	assert_string_equal(options.path, "/etc/umbra/umbra.yaml");
	assert_false(options.background);
	assert_int_equal(options.override_count, 0);
}

static void everything_at_once(void **state) {
	struct node_options options;
	assert_int_equal(parse(&options, "-c", "a.yaml", "--check", "-b", "--set", "node.name=x",
						   "--set=tunnels.um0.addresses=", NULL),
					 ERR_OK);
	assert_int_equal(options.action, NODE_CHECK);
	assert_string_equal(options.path, "a.yaml");
	assert_true(options.background);
	assert_int_equal(options.override_count, 2);
	assert_string_equal(options.overrides[0].path, "node.name");
	assert_string_equal(options.overrides[0].value, "x");
	assert_string_equal(options.overrides[1].path, "tunnels.um0.addresses");
	assert_string_equal(options.overrides[1].value, "");
	node_options_done(&options);
}

static void help_wins(void **state) {
	struct node_options options;
	assert_int_equal(parse(&options, "--help", "what", NULL), ERR_OK);
	assert_int_equal(options.action, NODE_HELP);
	assert_int_equal(parse(&options, "--version", NULL), ERR_OK);
	assert_int_equal(options.action, NODE_VERSION);
}

static void refusals_name_the_place(void **state) {
	struct node_options options;
	assert_int_equal(parse(&options, "--sett", NULL), ERR_INVALID);
	assert_string_equal(error, "unknown option '--sett'");
	assert_int_equal(parse(&options, "-c", NULL), ERR_INVALID);
	assert_string_equal(error, "option '-c' takes a value");
	assert_int_equal(parse(&options, "um0", NULL), ERR_INVALID);
	assert_string_equal(error, "unexpected argument 'um0'; the configuration is named with -c");
	assert_int_equal(parse(&options, "--set", "node.name", NULL), ERR_INVALID);
	assert_non_null(strstr(error, "PATH=VALUE"));
	assert_int_equal(parse(&options, "--set", "=5", NULL), ERR_INVALID);
}

static void settings_are_bounded(void **state) {
	char name[] = "umbrad", setting[] = "--set=a=b";
	char *arguments[NODE_OPTIONS_SET_MAX + 2] = {name};
	for (int i = 1; i <= NODE_OPTIONS_SET_MAX + 1; i++)
		arguments[i] = setting;
	struct node_options options;
	assert_int_equal(node_options_parse(NODE_OPTIONS_SET_MAX + 1, arguments, &options, error),
					 ERR_OK);
	assert_int_equal(options.override_count, NODE_OPTIONS_SET_MAX);
	node_options_done(&options);
	assert_int_equal(node_options_parse(NODE_OPTIONS_SET_MAX + 2, arguments, &options, error),
					 ERR_INVALID);
	assert_non_null(strstr(error, "64 times"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(everything_at_once),
		cmocka_unit_test(help_wins),
		cmocka_unit_test(refusals_name_the_place),
		cmocka_unit_test(settings_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
