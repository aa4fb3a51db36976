#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "cli/capture.h"
#include "cli/tool.h"

/* Prints its arguments and returns their number plus 40. */
static int echo_run(const struct streams *streams, int count, char **arguments) {
	for (int i = 0; i < count; i++) {
		assert_int_equal(output_text(streams, arguments[i]), STATUS_OK);
		assert_int_equal(output_text(streams, ";"), STATUS_OK);
	}
	return 40 + count;
}

static int version_run(const struct streams *streams, int count, char **arguments) {
	return output_text(streams, "version 7\n");
}

static const struct command commands[] = {
	{"echo", "print the arguments", "Prints every argument.\n", echo_run},
	{"version", "print the version", "Prints the version.\n", version_run},
	{0},
};

struct expectation {
	const char *arguments[5];
	int status;
	const char *output, *error; /* exact output; part of the error, or NULL for none */
};

static void check(const struct expectation *expectation) {
	char texts[6][64] = {"umbra"};
	char *argv[7] = {texts[0]};
	int argc = 1;
	for (; argc < 6 && expectation->arguments[argc - 1]; argc++) {
		(void)snprintf(texts[argc], sizeof texts[0], "%s", expectation->arguments[argc - 1]);
		argv[argc] = texts[argc];
	}
	struct capture capture;
	capture_init(&capture, "");
	int status = tool_run(commands, &capture.streams, argc, argv);
	capture_done(&capture);
	assert_int_equal(status, expectation->status);
	assert_string_equal(capture.output, expectation->output);
	if (!expectation->error) {
		assert_string_equal(capture.error, "");
		return;
	}
	assert_int_equal(strncmp(capture.error, "umbra: ", 7), 0);
	assert_non_null(strstr(capture.error, expectation->error));
	assert_int_equal(capture.error[strlen(capture.error) - 1], '\n');
}

#define LIST                                            \
	"Usage: umbra COMMAND [ARGUMENT...]\n\nCommands:\n" \
	"  echo       print the arguments\n"                \
	"  version    print the version\n"                  \
	"  help       explain a command\n\n"                \
	"'umbra help COMMAND' and 'umbra COMMAND --help' say more.\n"
#define ECHO_HELP "Usage: umbra echo\n\nPrints every argument.\n"
#define LONG "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="

static void test_command_lines(void **state) {
	static const struct expectation expectations[] = {
		{{0}, STATUS_USAGE, "", "a command is missing"},
		{{"echo"}, 40, "", NULL},
		{{"echo", "a", "-b", "--", "c"}, 44, "a;-b;--;c;", NULL},
		{{"version"}, STATUS_OK, "version 7\n", NULL},
		{{"--version"}, STATUS_OK, "version 7\n", NULL},
		{{"--help"}, STATUS_OK, LIST, NULL},
		{{"-h"}, STATUS_OK, LIST, NULL},
		{{"help"}, STATUS_OK, LIST, NULL},
		{{"help", "help"}, STATUS_OK, LIST, NULL},
		{{"help", "--help"}, STATUS_OK, LIST, NULL},
		{{"help", "echo"}, STATUS_OK, ECHO_HELP, NULL},
		{{"--help", "echo"}, STATUS_OK, ECHO_HELP, NULL},
		{{"echo", "--help"}, STATUS_OK, ECHO_HELP, NULL},
		{{"echo", "-h"}, STATUS_OK, ECHO_HELP, NULL},
		{{"echo", "a", "--help"}, STATUS_OK, ECHO_HELP, NULL},
		{{"help", "echo", "version"}, STATUS_USAGE, "", "one command at a time"},
		{{"help", "nothing"}, STATUS_USAGE, "", "unknown command 'nothing'"},
		{{"nothing"}, STATUS_USAGE, "", "unknown command 'nothing'"},
		{{"nothing", "--help"}, STATUS_USAGE, "", "unknown command 'nothing'"},
		{{"ech"}, STATUS_USAGE, "", "unknown command 'ech'"},
		{{""}, STATUS_USAGE, "", "unknown command ''"},
		{{"--echo"}, STATUS_USAGE, "", "unknown option '--echo'"},
		{{LONG}, STATUS_USAGE, "", "unknown command '(a long argument)'"},
	};
	for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++)
		check(&expectations[i]);
}

static void test_help_on_a_full_disk(void **state) {
	char name[] = "umbra", help[] = "--help", echo[] = "echo";
	char *argv[] = {name, help, echo};
	for (int argc = 2; argc <= 3; argc++) {
		struct capture capture;
		capture_init(&capture, "");
		(void)close(capture.streams.output);
		capture.streams.output = open("/dev/full", O_WRONLY | O_CLOEXEC);
		assert_int_equal(tool_run(commands, &capture.streams, argc, argv), STATUS_FAILED);
		capture_done(&capture);
		assert_non_null(strstr(capture.error, "No space left on device"));
	}
}

static void test_long_messages_are_cut_to_one_line(void **state) {
	char text[2000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	struct capture capture;
	capture_init(&capture, "");
	output_message(&capture.streams, "%s", text);
	capture_done(&capture);
	assert_int_equal(strlen(capture.error), 511);
	assert_ptr_equal(strchr(capture.error, '\n'), &capture.error[510]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command_lines),
		cmocka_unit_test(test_help_on_a_full_disk),
		cmocka_unit_test(test_long_messages_are_cut_to_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
