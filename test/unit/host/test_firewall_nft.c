#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/firewall_nft.h"

/* The shell plays nft. */

static enum err run(const char *script, const char *text, int milliseconds,
					char problem[static FIREWALL_PROBLEM_SIZE]) {
	char shell[] = "/bin/sh", option[] = "-c", copy[512];
	(void)snprintf(copy, sizeof copy, "%s", script);
	char *const arguments[] = {shell, option, copy, NULL};
	return firewall_nft_run_program(arguments, text, strlen(text), milliseconds, problem);
}

static void test_input_arrives(void **state) {
	char problem[FIREWALL_PROBLEM_SIZE] = "untouched";
	assert_int_equal(run("test \"$(cat)\" = '{\"a\": 1}'", "{\"a\": 1}", 5000, problem), ERR_OK);
	assert_string_equal(problem, "untouched");
	/* More than a pipe holds, and nobody reads it. */
	size_t size = 1 << 20;
	char *text = malloc(size + 1);
	assert_non_null(text);
	memset(text, 'x', size);
	text[size] = '\0';
	assert_int_equal(run("exit 0", text, 5000, problem), ERR_OK);
	assert_int_equal(run("test $(wc -c) = 1048576", text, 5000, problem), ERR_OK);
	free(text);
}

static void test_words_of_failure(void **state) {
	char problem[FIREWALL_PROBLEM_SIZE];
	assert_int_equal(run("echo 'no such thing' >&2; echo ignored; exit 1", "", 5000, problem),
					 ERR_IO);
	assert_string_equal(problem, "nft: no such thing");
	assert_int_equal(run("printf 'a\\nb\\033[31m' >&2; exit 1", "", 5000, problem), ERR_IO);
	assert_string_equal(problem, "nft: a b [31m");
	assert_int_equal(run("exit 7", "", 5000, problem), ERR_IO);
	assert_string_equal(problem, "nft: ended with status 7");
	assert_int_equal(run("kill -9 $$", "", 5000, problem), ERR_IO);
	assert_string_equal(problem, "nft: ended with signal 9");
	/* What is said on success is nobody's business. */
	assert_int_equal(run("echo warning >&2", "", 5000, problem), ERR_OK);
}

static void test_endless_words(void **state) {
	char problem[FIREWALL_PROBLEM_SIZE];
	assert_int_equal(run("i=0; while [ $i -lt 20000 ]; do echo aaaaaaaaaaaaaaa >&2; i=$((i+1)); "
						 "done; exit 1",
						 "", 20000, problem),
					 ERR_IO);
	assert_true(strlen(problem) < sizeof problem);
	assert_memory_equal(problem, "nft: aaaaaaaaaaaaaaa aaaa", 25);
}

static void test_time_is_limited(void **state) {
	char problem[FIREWALL_PROBLEM_SIZE];
	uint64_t began = clock_now();
	assert_int_equal(run("exec sleep 20", "", 100, problem), ERR_EXPIRED);
	assert_true(clock_now() - began < 10 * CLOCK_SECOND);
	/* A grandchild that holds standard error open is not waited for. */
	began = clock_now();
	assert_int_equal(run("sleep 20 & exit 0", "", 30000, problem), ERR_OK);
	assert_true(clock_now() - began < 15 * CLOCK_SECOND);
}

static void test_nothing_leaks(void **state) {
	char problem[FIREWALL_PROBLEM_SIZE];
	int open_descriptor = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
	assert_true(open_descriptor >= 0);
	assert_int_equal(setenv("UMBRA_SECRET", "1", 1), 0);
	sigset_t signals, before;
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &signals, &before), 0);
	assert_int_equal(run("test -z \"$UMBRA_SECRET\" && test \"$LC_ALL\" = C", "", 5000, problem),
					 ERR_OK);
	assert_int_equal(run("for n in 3 4 5 6 7 8 9; do test ! -e /proc/$$/fd/$n || exit 1; done", "",
						 5000, problem),
					 ERR_OK);
	assert_int_equal(run("kill -TERM $$; exit 0", "", 5000, problem), ERR_IO);
	assert_string_equal(problem, "nft: ended with signal 15");
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
	assert_int_equal(unsetenv("UMBRA_SECRET"), 0);
	assert_int_equal(close(open_descriptor), 0);
}

static void test_no_program(void **state) {
	char problem[FIREWALL_PROBLEM_SIZE], path[] = "/nonexistent/nft";
	char *const arguments[] = {path, NULL};
	assert_int_equal(firewall_nft_run_program(arguments, "", 0, 1000, problem), ERR_NOT_FOUND);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_input_arrives), cmocka_unit_test(test_words_of_failure),
		cmocka_unit_test(test_endless_words), cmocka_unit_test(test_time_is_limited),
		cmocka_unit_test(test_nothing_leaks), cmocka_unit_test(test_no_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
