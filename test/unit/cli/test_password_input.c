#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "cli/capture.h"
#include "cli/password_input.h"

static int read_text(const char *input, size_t size, struct capture *capture,
					 struct password_input *password) {
	capture_init(capture, "");
	(void)close(capture->streams.input);
	capture->streams.input = capture_open(input, size);
	int status = password_input_read(&capture->streams, "user add", NULL, "alice", true, password);
	capture_done(capture);
	return status;
}

static void expect(const char *input, const char *password) {
	struct capture capture;
	struct password_input read;
	assert_int_equal(read_text(input, strlen(input), &capture, &read), STATUS_OK);
	assert_string_equal(read.text, password);
	assert_string_equal(capture.error, "");
}

static void test_a_line_is_a_password(void **state) {
	expect("secret", "secret");
	expect("secret\n", "secret");
	expect("secret\r\n", "secret");
	expect(" two words\t\n", " two words\t");
	expect("pässword\n", "pässword");
	char longest[PASSWORD_INPUT_MAX + 3] = "";
	memset(longest, 'x', PASSWORD_INPUT_MAX);
	expect(longest, longest);
	longest[PASSWORD_INPUT_MAX] = '\r';
	longest[PASSWORD_INPUT_MAX + 1] = '\n';
	char password[PASSWORD_INPUT_MAX + 1] = "";
	memset(password, 'x', PASSWORD_INPUT_MAX);
	expect(longest, password);
}

static void expect_refusal(const char *input, size_t size, const char *words) {
	struct capture capture;
	struct password_input read = {.text = "untouched"};
	assert_int_equal(read_text(input, size, &capture, &read), STATUS_FAILED);
	assert_string_equal(read.text, "untouched");
	assert_non_null(strstr(capture.error, "umbra: user add: "));
	assert_non_null(strstr(capture.error, words));
	assert_null(strstr(capture.error, "hush"));
}

static void test_what_is_none(void **state) {
	char large[PASSWORD_INPUT_MAX + 1];
	memset(large, 'x', sizeof large);
	expect_refusal("", 0, "no password on standard input");
	expect_refusal("\n", 1, "no password on standard input");
	expect_refusal("hush\nhush\n", 10, "more than one line");
	expect_refusal("hush\xff", 5, "UTF-8");
	expect_refusal("hush\0hush", 9, "UTF-8");
	expect_refusal(large, sizeof large, "more than 1024 bytes");
}

static void test_files(void **state) {
	char path[] = "/tmp/umbra-password-XXXXXX";
	int descriptor = mkstemp(path);
	assert_true(descriptor >= 0);
	assert_int_equal(write(descriptor, "of a file\n", 10), 10);
	(void)close(descriptor);
	struct capture capture;
	struct password_input read;
	capture_init(&capture, "of the input\n");
	assert_int_equal(password_input_read(&capture.streams, "x", path, "alice", true, &read),
					 STATUS_OK);
	assert_string_equal(read.text, "of a file");
	assert_int_equal(password_input_read(&capture.streams, "x", "-", "alice", true, &read),
					 STATUS_OK);
	assert_string_equal(read.text, "of the input");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(password_input_read(&capture.streams, "x", path, "alice", true, &read),
					 STATUS_FAILED);
	capture_done(&capture);
	assert_non_null(strstr(capture.error, path));
}

/* Behind the terminal's other end; what is shown there is put into text. */
static void wait_for(int terminal, const char *words, char *text, size_t room) {
	size_t used = strlen(text);
	while (!strstr(text, words)) {
		ssize_t size = read(terminal, text + used, room - 1 - used);
		if (size <= 0)
			break;
		used += (size_t)size;
		text[used] = '\0';
	}
}

enum { SHOWN_SIZE = 1024 };

/* Runs the question on a terminal in another process, and types the answers. Its wait status. */
static int answer(const char *first, const char *second, char shown[static SHOWN_SIZE]) {
	int outer, inner;
	assert_int_equal(openpty(&outer, &inner, NULL, NULL, NULL), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)close(outer);
		(void)setsid();
		(void)ioctl(inner, TIOCSCTTY, 0);
		const struct streams streams = {inner, inner, inner};
		struct password_input password;
		int status = password_input_read(&streams, "x", NULL, "alice", second != NULL, &password);
		_exit(status ? status : strcmp(password.text, "correct") == 0 ? 0 : 9);
	}
	shown[0] = '\0';
	wait_for(outer, "Password of alice: ", shown, SHOWN_SIZE);
	assert_true(write(outer, first, strlen(first)) > 0);
	if (second && *second) {
		wait_for(outer, "Once more: ", shown, SHOWN_SIZE);
		assert_true(write(outer, second, strlen(second)) > 0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	struct termios after;
	assert_int_equal(tcgetattr(inner, &after), 0);
	assert_true(after.c_lflag & ECHO);
	(void)close(inner);
	wait_for(outer, "never", shown, SHOWN_SIZE);
	(void)close(outer);
	return status;
}

static void test_a_terminal_is_asked(void **state) {
	char shown[SHOWN_SIZE];
	assert_int_equal(answer("correct\n", NULL, shown), 0);
	assert_null(strstr(shown, "Once more"));
	assert_int_equal(answer("correct\n", "correct\n", shown), 0);
	assert_null(strstr(shown, "correct"));
	int status = answer("correct\n", "corect\n", shown);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), STATUS_FAILED);
	assert_non_null(strstr(shown, "two different"));
	assert_null(strstr(shown, "corect"));
	status = answer("\n", "", shown);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), STATUS_FAILED);
}

/* Whoever gives up finds the terminal as it was, which answer() looks at. */
static void test_giving_up(void **state) {
	char shown[SHOWN_SIZE];
	int status = answer("corr\x03", "", shown);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_is_a_password),
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_a_terminal_is_asked),
		cmocka_unit_test(test_giving_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
