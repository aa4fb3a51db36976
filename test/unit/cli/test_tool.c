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

static const struct command_option add_options[] = {
	COMMAND_SOCKET_OPTION,
	{"--json", NULL, "as JSON", false},
	{"--watch", "SECONDS", "again", true},
	{0},
};

static const struct command peer_commands[] = {
	{"add", "add one", "Adds a peer.\n", echo_run, "TUNNEL NAME", add_options, NULL},
	{"list", "list them", "Lists peers.\n", echo_run, NULL, NULL, NULL},
	{0},
};

static const struct command commands[] = {
	{"echo", "print the arguments", "Prints every argument.\n", echo_run, NULL, NULL, NULL},
	{"peer", "peers", "Peers.\n", NULL, NULL, NULL, peer_commands},
	{"version", "print the version", "Prints the version.\n", version_run, NULL, NULL, NULL},
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

#define LIST                                                                           \
	"Usage: umbra COMMAND [ARGUMENT...]\n\nCommands:\n"                                \
	"  echo       print the arguments\n"                                               \
	"  peer       peers\n"                                                             \
	"  version    print the version\n"                                                 \
	"  help       explain a command\n\n"                                               \
	"Options:\n"                                                                       \
	"  --socket PATH  the daemon's socket; UMBRA_SOCKET, or /run/umbra/control.sock\n" \
	"  --json         print JSON, where the command can\n\n"                           \
	"'umbra help COMMAND' and 'umbra COMMAND --help' say more.\n\n"                    \
	"Exit codes: 0 done, 1 failed, 2 wrong command line, 3 the daemon does not run.\n"
#define ECHO_HELP "Usage: umbra echo\n\nPrints every argument.\n"
#define PEER_HELP                                           \
	"Usage: umbra peer COMMAND [ARGUMENT...]\n\nPeers.\n\n" \
	"Commands:\n"                                           \
	"  add        add one\n"                                \
	"  list       list them\n\n"                            \
	"'umbra peer COMMAND --help' says more.\n"
#define ADD_HELP                                                                           \
	"Usage: umbra peer add [OPTION...] TUNNEL NAME\n\nAdds a peer.\n\n"                    \
	"Options:\n"                                                                           \
	"  --socket PATH      the daemon's socket; UMBRA_SOCKET, or /run/umbra/control.sock\n" \
	"  --json             as JSON\n"                                                       \
	"  --watch[=SECONDS]  again\n"
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
		{{"peer", "--help"}, STATUS_OK, PEER_HELP, NULL},
		{{"help", "peer"}, STATUS_OK, PEER_HELP, NULL},
		{{"help", "peer", "add"}, STATUS_OK, ADD_HELP, NULL},
		{{"peer", "add", "--help"}, STATUS_OK, ADD_HELP, NULL},
		{{"peer", "add", "x", "-h"}, STATUS_OK, ADD_HELP, NULL},
		{{"help", "peer", "nothing"}, STATUS_USAGE, "", "peer: unknown command 'nothing'"},
		{{"help", "peer", "add", "x"}, STATUS_USAGE, "", "one command at a time"},
		{{"peer"}, STATUS_USAGE, "", "peer: a command is missing"},
		{{"peer", "--json"}, STATUS_USAGE, "", "peer: a command is missing"},
		{{"peer", "nothing"}, STATUS_USAGE, "", "peer: unknown command 'nothing'"},
		{{"peer", "list", "add"}, 41, "add;", NULL},
		{{"peer", "add", "a", "--", "--help"}, 43, "a;--;--help;", NULL},
		/* Options before the command follow it; --socket only where it is known. */
		{{"--json", "peer", "add", "a"}, 42, "--json;a;", NULL},
		{{"--socket", "/s", "peer", "add", "a"}, 43, "--socket;/s;a;", NULL},
		{{"--socket=/s", "--json", "peer", "add"}, 42, "--socket=/s;--json;", NULL},
		{{"--socket", "/s", "echo", "a"}, 41, "a;", NULL},
		{{"--socket=/s", "echo", "a"}, 41, "a;", NULL},
		{{"--json", "echo", "a"}, 42, "--json;a;", NULL},
		{{"--json", "--help"}, STATUS_OK, LIST, NULL},
		{{"--socket", "/s"}, STATUS_USAGE, "", "a command is missing"},
		{{"--socket"}, STATUS_USAGE, "", "--socket needs a value"},
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
