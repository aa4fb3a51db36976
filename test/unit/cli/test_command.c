#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "cli/capture.h"
#include "cli/command.h"

enum { SOCKET, JSON, WATCH };

static const struct command_option options[] = {
	[SOCKET] = COMMAND_SOCKET_OPTION,
	[JSON] = {"--json", NULL, "as JSON", false},
	[WATCH] = {"--watch", "SECONDS", "again", true},
	{0},
};

enum { WORDS_MAX = 6 };

struct row {
	const char *words[WORDS_MAX];
	const char *socket, *json, *watch, *operands; /* each with ";" behind */
};

struct parsed {
	char texts[WORDS_MAX][64];
	char *arguments[WORDS_MAX];
	struct capture capture;
	struct command_line line;
};

static int parse(const char *const words[WORDS_MAX], int least, int most, struct parsed *parsed) {
	int count = 0;
	for (; count < WORDS_MAX && words[count]; count++) {
		(void)snprintf(parsed->texts[count], sizeof parsed->texts[0], "%s", words[count]);
		parsed->arguments[count] = parsed->texts[count];
	}
	capture_init(&parsed->capture, "");
	int status = command_parse(&parsed->capture.streams, "peer add", options, least, most, count,
							   parsed->arguments, &parsed->line);
	capture_done(&parsed->capture);
	assert_string_equal(parsed->capture.output, "");
	return status;
}

static void assert_value(const char *value, const char *expected) {
	if (expected)
		assert_string_equal(value, expected);
	else
		assert_null(value);
}

static void test_options_stand_anywhere(void **state) {
	static const struct row rows[] = {
		{{NULL}, NULL, NULL, NULL, ""},
		{{"a", "b"}, NULL, NULL, NULL, "a;b;"},
		{{"--json", "a", "b"}, NULL, "", NULL, "a;b;"},
		{{"a", "--json", "b"}, NULL, "", NULL, "a;b;"},
		{{"a", "b", "--json"}, NULL, "", NULL, "a;b;"},
		{{"--socket", "/s", "a"}, "/s", NULL, NULL, "a;"},
		{{"a", "--socket=/s"}, "/s", NULL, NULL, "a;"},
		{{"--socket", "-"}, "-", NULL, NULL, ""},
		{{"--socket=--json"}, "--json", NULL, NULL, ""},
		{{"--watch", "5"}, NULL, NULL, "", "5;"},
		{{"--watch=5", "a"}, NULL, NULL, "5", "a;"},
		{{"a", "--", "--json", "--"}, NULL, NULL, NULL, "a;--json;--;"},
		{{"-", "a"}, NULL, NULL, NULL, "-;a;"},
		{{"--json", "--socket", "/s", "--watch", "a", "b"}, "/s", "", "", "a;b;"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct parsed parsed;
		assert_int_equal(parse(rows[i].words, 0, 3, &parsed), STATUS_OK);
		assert_string_equal(parsed.capture.error, "");
		assert_value(parsed.line.values[SOCKET], rows[i].socket);
		assert_value(parsed.line.values[JSON], rows[i].json);
		assert_value(parsed.line.values[WATCH], rows[i].watch);
		char operands[256] = "";
		for (int j = 0; j < parsed.line.count; j++) {
			strcat(operands, parsed.line.operands[j]);
			strcat(operands, ";");
		}
		assert_string_equal(operands, rows[i].operands);
	}
}

static void test_wrong_lines(void **state) {
	static const struct {
		const char *words[WORDS_MAX];
		const char *error;
	} rows[] = {
		{{"a", "--frob"}, "peer add: unknown option '--frob'; try 'umbra peer add --help'"},
		{{"a", "--jso"}, "peer add: unknown option '--jso'"},
		{{"a", "--jsonx"}, "peer add: unknown option '--jsonx'"},
		{{"a", "-j"}, "peer add: unknown option '-j'"},
		{{"a", "--json=1"}, "peer add: --json takes no value"},
		{{"a", "--json", "--json"}, "peer add: --json is given twice"},
		{{"a", "--socket=/a", "--socket=/b"}, "peer add: --socket is given twice"},
		{{"a", "--socket"}, "peer add: --socket needs a value: --socket PATH"},
		{{"a", "--socket="}, "peer add: --socket needs a value"},
		{{"a", "--socket", "--json"}, "peer add: --socket needs a value"},
		{{"--json"}, "peer add: an argument is missing; try 'umbra peer add --help'"},
		{{"a", ""}, "peer add: an argument is empty; try 'umbra peer add --help'"},
		{{"a", "b", "c"}, "peer add: too many arguments; try 'umbra peer add --help'"},
		{{"a", "--AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="}, "'(a long argument)'"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct parsed parsed;
		assert_int_equal(parse(rows[i].words, 1, 2, &parsed), STATUS_USAGE);
		assert_non_null(strstr(parsed.capture.error, rows[i].error));
		assert_null(strstr(parsed.capture.error, "AQID"));
	}
	static const char *const none[WORDS_MAX] = {"a"};
	struct parsed parsed;
	assert_int_equal(parse(none, 0, 0, &parsed), STATUS_USAGE);
	assert_non_null(strstr(parsed.capture.error, "too many arguments, it takes none"));
}

static int head(const char *const words[WORDS_MAX]) {
	char texts[WORDS_MAX][64], *arguments[WORDS_MAX];
	int count = 0;
	for (; count < WORDS_MAX && words[count]; count++) {
		(void)snprintf(texts[count], sizeof texts[0], "%s", words[count]);
		arguments[count] = texts[count];
	}
	return command_head(options, count, arguments);
}

/* What belongs to a command line that stands behind is not touched. */
static void test_head(void **state) {
	static const struct {
		const char *words[WORDS_MAX];
		int head;
	} rows[] = {
		{{NULL}, 0},
		{{"ls", "--json"}, 0},
		{{"--json", "ls", "--json"}, 1},
		{{"--socket", "a", "ls", "-l"}, 2},
		{{"--socket=a", "ls", "-l"}, 1},
		{{"--watch", "ls"}, 1},
		{{"--json", "--", "--socket", "a"}, 2},
		{{"--socket", "--json", "ls"}, 2},
		{{"--unknown", "ls"}, 1},
		{{"-", "--json"}, 0},
		{{"--socket"}, 1},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(head(rows[i].words), rows[i].head);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_stand_anywhere),
		cmocka_unit_test(test_wrong_lines),
		cmocka_unit_test(test_head),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
