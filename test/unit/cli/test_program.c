#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "cli/capture.h"

/* The built program, UMBRA_PROGRAM, with its own table of commands. */

static int run_program(const char *path, char **argv, struct capture *capture) {
	posix_spawn_file_actions_t actions;
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	const int descriptors[] = {capture->streams.input, capture->streams.output,
							   capture->streams.error};
	for (int i = 0; i < 3; i++)
		assert_int_equal(posix_spawn_file_actions_adddup2(&actions, descriptors[i], i), 0);
	pid_t child;
	assert_int_equal(posix_spawn(&child, path, &actions, NULL, argv, environ), 0);
	assert_int_equal(posix_spawn_file_actions_destroy(&actions), 0);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	capture_done(capture);
	return WEXITSTATUS(status);
}

static int run(const char *first, const char *second, struct capture *capture) {
	char program[] = "umbra", texts[2][64] = {{0}};
	char *argv[] = {program, NULL, NULL, NULL};
	const char *arguments[] = {first, second};
	for (size_t i = 0; i < 2 && arguments[i]; i++) {
		strncpy(texts[i], arguments[i], sizeof texts[i] - 1);
		argv[i + 1] = texts[i];
	}
	return run_program(UMBRA_PROGRAM, argv, capture);
}

static void test_key_pair(void **state) {
	struct capture private_key, public_key;
	capture_init(&private_key, "");
	assert_int_equal(run("genkey", NULL, &private_key), STATUS_OK);
	assert_int_equal(strlen(private_key.output), 45);
	assert_string_equal(private_key.error, "");
	capture_init(&public_key, private_key.output);
	assert_int_equal(run("pubkey", NULL, &public_key), STATUS_OK);
	assert_int_equal(strlen(public_key.output), 45);
	assert_string_equal(public_key.error, "");
	assert_string_not_equal(public_key.output, private_key.output);

	struct capture preshared_key;
	capture_init(&preshared_key, "");
	assert_int_equal(run("genpsk", NULL, &preshared_key), STATUS_OK);
	assert_int_equal(strlen(preshared_key.output), 45);
}

static void test_version(void **state) {
	struct capture capture;
	capture_init(&capture, "");
	assert_int_equal(run("version", NULL, &capture), STATUS_OK);
	assert_string_equal(capture.output, "umbra " UMBRA_VERSION "\n");
	capture_init(&capture, "");
	assert_int_equal(run("--version", NULL, &capture), STATUS_OK);
	assert_string_equal(capture.output, "umbra " UMBRA_VERSION "\n");
}

static void test_every_command_explains_itself(void **state) {
	static const char *const names[] = {
		"check",  "completion", "config", "down",   "events", "export",
		"genkey", "genpsk",     "import", "init",   "log",    "peer",
		"pubkey", "qr",         "reload", "status", "up",     "version",
	};
	struct capture list;
	capture_init(&list, "");
	assert_int_equal(run("--help", NULL, &list), STATUS_OK);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		assert_non_null(strstr(list.output, names[i]));
		struct capture capture;
		capture_init(&capture, "");
		assert_int_equal(run(names[i], "--help", &capture), STATUS_OK);
		assert_int_equal(strncmp(capture.output, "Usage: umbra ", 13), 0);
		assert_int_equal(strncmp(capture.output + 13, names[i], strlen(names[i])), 0);
		assert_string_equal(capture.error, "");
	}
}

static void test_wrong_command_lines(void **state) {
	static const char *const lines[][2] = {
		{NULL, NULL}, {"nothing", NULL}, {"genkey", "more"},   {"pubkey", "--more"},
		{"-x", NULL}, {"peer", "frob"},  {"status", "--frob"}, {"up", NULL},
	};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct capture capture;
		capture_init(&capture, "");
		assert_int_equal(run(lines[i][0], lines[i][1], &capture), STATUS_USAGE);
		assert_string_equal(capture.output, "");
		assert_int_equal(strncmp(capture.error, "umbra: ", 7), 0);
	}
}

static void test_no_daemon(void **state) {
	static const char *const lines[] = {"status", "reload", "events"};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct capture capture;
		capture_init(&capture, "");
		assert_int_equal(run(lines[i], "--socket=/nowhere/control.sock", &capture),
						 STATUS_NO_DAEMON);
		assert_string_equal(capture.output, "");
		assert_non_null(strstr(capture.error, "/nowhere/control.sock"));
	}
}

static bool is_installed(const char *path) {
	return access(path, X_OK) == 0;
}

static void test_completion_scripts(void **state) {
	static const char *const shells[][2] = {
		{"bash", "/bin/bash"}, {"zsh", "/bin/zsh"}, {"fish", "/usr/bin/fish"}};
	for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
		struct capture script, check;
		capture_init(&script, "");
		assert_int_equal(run("completion", shells[i][0], &script), STATUS_OK);
		assert_string_equal(script.error, "");
		if (!is_installed(shells[i][1]))
			continue;
		char name[16], option[] = "-n";
		(void)snprintf(name, sizeof name, "%s", shells[i][0]);
		char *argv[] = {name, option, NULL};
		capture_init(&check, script.output);
		assert_int_equal(run_program(shells[i][1], argv, &check), 0);
		assert_string_equal(check.error, "");
	}
}

/* What bash makes of a line, with the script on standard input. */
static void test_completion_in_bash(void **state) {
	static const char *const lines[][2] = {
		{"pe", "peer\n"},
		{"peer ", "add del list show export\n"},
		{"log d", "debug\n"},
		{"--socket /nowhere up ", "\n"},
		{"status --w", "--watch\n"},
		{"qr /proc/meminf", "/proc/meminfo\n"},
	};
	if (!is_installed("/bin/bash"))
		skip();
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct capture script, capture;
		capture_init(&script, "");
		assert_int_equal(run("completion", "bash", &script), STATUS_OK);
		char name[] = "bash", option[] = "-c", command[1024];
		(void)snprintf(command, sizeof command,
					   "source /dev/stdin; COMP_LINE='" UMBRA_PROGRAM " %s'\n"
					   "COMP_POINT=${#COMP_LINE}; COMP_WORDS=($COMP_LINE)\n"
					   "[[ $COMP_LINE != *' ' ]] || COMP_WORDS+=('')\n"
					   "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _umbra; echo \"${COMPREPLY[*]}\"",
					   lines[i][0]);
		char *argv[] = {name, option, command, NULL};
		capture_init(&capture, script.output);
		assert_int_equal(run_program("/bin/bash", argv, &capture), 0);
		assert_string_equal(capture.output, lines[i][1]);
		assert_string_equal(capture.error, "");
	}
}

static void test_full_disk(void **state) {
	struct capture capture;
	capture_init(&capture, "");
	(void)close(capture.streams.output);
	capture.streams.output = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_int_equal(run("genkey", NULL, &capture), STATUS_FAILED);
	assert_non_null(strstr(capture.error, "No space left on device"));
}

/* Nothing that is opened later takes the place of a standard descriptor. */
static void test_closed_descriptors(void **state) {
	static const struct {
		const char *command;
		int status;
		const char *error;
	} rows[] = {
		{UMBRA_PROGRAM " genkey >&-", STATUS_FAILED, "cannot write the output"},
		{UMBRA_PROGRAM " qr /proc/version >&-", STATUS_FAILED, "cannot write the output"},
		{UMBRA_PROGRAM " pubkey <&-", STATUS_FAILED, "cannot read standard input"},
		{UMBRA_PROGRAM " frob 2>&-", STATUS_USAGE, ""},
		{UMBRA_PROGRAM " version >&- 2>&-", STATUS_FAILED, ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char name[] = "sh", option[] = "-c", command[512];
		(void)snprintf(command, sizeof command, "%s", rows[i].command);
		char *argv[] = {name, option, command, NULL};
		struct capture capture;
		capture_init(&capture, "");
		assert_int_equal(run_program("/bin/sh", argv, &capture), rows[i].status);
		assert_string_equal(capture.output, "");
		assert_non_null(strstr(capture.error, rows[i].error));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_pair),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_every_command_explains_itself),
		cmocka_unit_test(test_wrong_command_lines),
		cmocka_unit_test(test_no_daemon),
		cmocka_unit_test(test_completion_scripts),
		cmocka_unit_test(test_completion_in_bash),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_closed_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
