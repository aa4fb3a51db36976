#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

/* What the logger writes by format, level and kind while it runs; test_log.c has its plain lines.
 */

struct capture {
	int saved, pipe[2];
	char text[65536];
};

static void capture_begin(struct capture *capture) {
	assert_int_equal(pipe2(capture->pipe, O_CLOEXEC | O_NONBLOCK), 0);
	capture->saved = dup(STDERR_FILENO);
	assert_true(capture->saved >= 0);
	assert_true(dup2(capture->pipe[1], STDERR_FILENO) >= 0);
}

static void capture_end(struct capture *capture) {
	(void)dup2(capture->saved, STDERR_FILENO);
	(void)close(capture->saved);
	(void)close(capture->pipe[1]);
	size_t size = 0;
	for (;;) {
		ssize_t got = read(capture->pipe[0], capture->text + size, sizeof capture->text - 1 - size);
		if (got <= 0)
			break;
		size += (size_t)got;
	}
	(void)close(capture->pipe[0]);
	capture->text[size] = '\0';
}

/* "2026-11-21T13:05:18.123Z" with any digits. */
static void check_stamp(const char *text) {
	static const char shape[] = "0000-00-00T00:00:00.000Z";
	assert_true(strlen(text) > sizeof shape - 1);
	for (size_t i = 0; i < sizeof shape - 1; i++)
		if (shape[i] == '0')
			assert_in_range(text[i], '0', '9');
		else
			assert_int_equal(text[i], shape[i]);
	assert_in_range(text[0], '2', '9'); /* a time of today, not of the machine's start */
}

static void test_text_in_files(void **state) {
	struct capture capture;
	log_init(LOG_INFO, "umbra-test");
	capture_begin(&capture);
	log_set_format(LOG_FORMAT_TEXT);
	log_warning("%d peers", 3);
	log_set_format(LOG_FORMAT_PLAIN);
	log_info("plain again");
	capture_end(&capture);
	check_stamp(capture.text);
	assert_string_equal(capture.text + 24,
						" warning umbra-test: 3 peers\numbra-test: plain again\n");
}

static void test_json(void **state) {
	struct capture capture;
	log_init(LOG_INFO, "umbra-test");
	capture_begin(&capture);
	log_set_format(LOG_FORMAT_JSON);
	log_error("no file \"%s\"", "a\nb");
	capture_end(&capture);
	log_set_format(LOG_FORMAT_PLAIN);
	assert_memory_equal(capture.text, "{\"time\":\"", 9);
	check_stamp(capture.text + 9);
	assert_string_equal(capture.text + 9 + 24, "\",\"level\":\"error\",\"program\":\"umbra-test\","
											   "\"message\":\"no file \\\"a\\nb\\\"\"}\n");
}

static void test_journal(void **state) {
	struct capture capture;
	log_init(LOG_DEBUG, "umbra-test");
	capture_begin(&capture);
	struct stat status;
	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	char stream[64];
	(void)snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)status.st_dev,
				   (uintmax_t)status.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_set_format(LOG_FORMAT_TEXT);
	log_error("e");
	log_warning("w");
	log_info("i");
	log_debug("d");
	log_set_format(LOG_FORMAT_JSON);
	log_info("j");
	log_set_format(LOG_FORMAT_PLAIN);
	log_info("p");
	/* Standard error was turned elsewhere: no journal any more. */
	(void)snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)status.st_dev,
				   (uintmax_t)status.st_ino + 1);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_set_format(LOG_FORMAT_TEXT);
	log_info("t");
	capture_end(&capture);
	log_set_format(LOG_FORMAT_PLAIN);
	(void)unsetenv("JOURNAL_STREAM");
	static const char expected[] = "<3>umbra-test: error: e\n"
								   "<4>umbra-test: warning: w\n"
								   "<6>umbra-test: i\n"
								   "<7>umbra-test: d\n"
								   "<6>{\"time\":\"";
	assert_memory_equal(capture.text, expected, sizeof expected - 1);
	const char *plain = strstr(capture.text, "\numbra-test: p\n");
	assert_non_null(plain);
	check_stamp(plain + sizeof "\numbra-test: p\n" - 1);
}

enum { THREADS = 3, LINES_EACH = 200 };

static void *write_errors(void *context) {
	for (int i = 0; i < LINES_EACH; i++)
		log_error("kept");
	return NULL;
}

/* What the daemon does when somebody asks for another level; for the thread sanitizer as well. */
static void test_level_while_others_log(void **state) {
	struct capture capture;
	pthread_t threads[THREADS];
	log_init(LOG_ERROR, "umbra-test");
	capture_begin(&capture);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_errors, NULL), 0);
	for (int i = 0; i < 1000; i++) {
		log_set_level(i % 2 ? LOG_ERROR : LOG_DEBUG);
		assert_int_equal(log_current_level(), i % 2 ? LOG_ERROR : LOG_DEBUG);
	}
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	log_set_level(LOG_INFO);
	log_debug("dropped");
	log_info("last");
	capture_end(&capture);
	size_t count = 0;
	for (const char *at = strstr(capture.text, "kept"); at; at = strstr(at + 1, "kept"))
		count++;
	assert_int_equal(count, THREADS * LINES_EACH);
	assert_null(strstr(capture.text, "dropped"));
	assert_non_null(strstr(capture.text, "umbra-test: last\n"));
}

static void test_level_names(void **state) {
	for (enum log_level level = LOG_SILENT; level <= LOG_DEBUG; level++) {
		enum log_level parsed;
		assert_true(log_level_parse(log_level_name(level), &parsed));
		assert_int_equal(parsed, level);
	}
}

static void test_kinds(void **state) {
	struct capture capture;
	struct log_kind first = {0}, second = {0};
	log_init(LOG_INFO, "umbra-test");
	capture_begin(&capture);
	for (int i = 0; i < 10; i++)
		log_limited(&first, LOG_ERROR, "first %d", i);
	for (int i = 0; i < 2; i++)
		log_limited(&second, LOG_ERROR, "second");
	log_limited(&second, LOG_DEBUG, "below the level, so it does not count");
	assert_int_equal(first.suppressed, 10 - LOG_KIND_LINES);
	first.until = 0; /* the interval is over */
	log_limited(&first, LOG_ERROR, "first again");
	log_limited(&first, LOG_ERROR, "first once more");
	first.until = 0;
	first.suppressed = 1;
	log_limited(&first, LOG_ERROR, "one");
	capture_end(&capture);
	assert_int_equal(second.lines, 2);
	assert_string_equal(capture.text,
						"umbra-test: error: first 0\n"
						"umbra-test: error: first 1\n"
						"umbra-test: error: first 2\n"
						"umbra-test: error: second\n"
						"umbra-test: error: second\n"
						"umbra-test: error: first again (7 similar lines suppressed)\n"
						"umbra-test: error: first once more\n"
						"umbra-test: error: one (1 similar line suppressed)\n");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_in_files), cmocka_unit_test(test_json),
		cmocka_unit_test(test_journal),       cmocka_unit_test(test_level_while_others_log),
		cmocka_unit_test(test_level_names),   cmocka_unit_test(test_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
