#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <spawn.h>
#include <sys/wait.h>

#include "cli/capture.h"

/* The built program, UMBRA_PROGRAM, with its own table of commands. */

static int run(const char *first, const char *second, struct capture *capture) {
	char program[] = "umbra", texts[2][32] = {{0}};
	char *argv[] = {program, NULL, NULL, NULL};
	const char *arguments[] = {first, second};
	for (size_t i = 0; i < 2 && arguments[i]; i++) {
		strncpy(texts[i], arguments[i], sizeof texts[i] - 1);
		argv[i + 1] = texts[i];
	}
	posix_spawn_file_actions_t actions;
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	const int descriptors[] = {capture->streams.input, capture->streams.output,
							   capture->streams.error};
	for (int i = 0; i < 3; i++)
		assert_int_equal(posix_spawn_file_actions_adddup2(&actions, descriptors[i], i), 0);
	pid_t child;
	assert_int_equal(posix_spawn(&child, UMBRA_PROGRAM, &actions, NULL, argv, environ), 0);
	assert_int_equal(posix_spawn_file_actions_destroy(&actions), 0);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	capture_done(capture);
	return WEXITSTATUS(status);
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
	static const char *const names[] = {"genkey", "genpsk", "pubkey", "version"};
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
		{NULL, NULL}, {"nothing", NULL}, {"genkey", "more"}, {"pubkey", "--more"}, {"-x", NULL},
	};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct capture capture;
		capture_init(&capture, "");
		assert_int_equal(run(lines[i][0], lines[i][1], &capture), STATUS_USAGE);
		assert_string_equal(capture.output, "");
		assert_int_equal(strncmp(capture.error, "umbra: ", 7), 0);
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

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_pair),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_every_command_explains_itself),
		cmocka_unit_test(test_wrong_command_lines),
		cmocka_unit_test(test_full_disk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
