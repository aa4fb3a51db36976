#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/log_limit.h"
#include "base/log_syslog.h"

/* Standard error as a pipe while a test runs. */
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

static unsigned count_lines(const char *text) {
	unsigned count = 0;
	for (; *text; text++)
		count += *text == '\n';
	return count;
}

/* Stands in for base/log_syslog.c at link time, so that no test writes to the system's log. */
static struct {
	const char *name;
	enum log_severity severity;
	char line[1024];
} system_log;

void log_syslog_open(const char *name) {
	system_log.name = name;
}

void log_syslog_connect(const char *name) {
}

void log_syslog_write(enum log_severity severity, const char *line) {
	system_log.severity = severity;
	(void)snprintf(system_log.line, sizeof system_log.line, "%s", line);
}

static void test_lines(void **state) {
	struct capture capture;
	log_init(LOG_DEBUG, "umbra-test: um0");
	capture_begin(&capture);
	log_error("cannot open %s", "x");
	log_warning("%d peers", 3);
	log_info("plain");
	log_debug("detail");
	capture_end(&capture);
	assert_string_equal(capture.text, "umbra-test: um0: error: cannot open x\n"
									  "umbra-test: um0: warning: 3 peers\n"
									  "umbra-test: um0: plain\n"
									  "umbra-test: um0: detail\n");
}

static void test_levels(void **state) {
	static const unsigned expected[] = {
		[LOG_SILENT] = 0, [LOG_ERROR] = 1, [LOG_WARNING] = 2, [LOG_INFO] = 3, [LOG_DEBUG] = 4};
	for (unsigned level = LOG_SILENT; level <= LOG_DEBUG; level++) {
		struct capture capture;
		log_init((enum log_level)level, "umbra-test");
		assert_int_equal(log_current_level(), level);
		capture_begin(&capture);
		log_error("e");
		log_warning("w");
		log_info("i");
		log_debug("d");
		log_write(LOG_SILENT, "never");
		capture_end(&capture);
		assert_int_equal(count_lines(capture.text), expected[level]);
	}
}

static void test_level_names(void **state) {
	static const struct {
		const char *text;
		enum log_level level;
	} rows[] = {
		{"silent", LOG_SILENT}, {"error", LOG_ERROR}, {"warning", LOG_WARNING},
		{"info", LOG_INFO},     {"debug", LOG_DEBUG}, {"verbose", LOG_DEBUG},
	};
	enum log_level level;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_true(log_level_parse(rows[i].text, &level));
		assert_int_equal(level, rows[i].level);
	}
	level = LOG_WARNING;
	assert_false(log_level_parse("", &level));
	assert_false(log_level_parse("Error", &level));
	assert_false(log_level_parse("debugging", &level));
	assert_int_equal(level, LOG_WARNING);
}

static void test_quoted_text_cannot_forge_lines(void **state) {
	struct capture capture;
	log_init(LOG_ERROR, "umbra-test");
	capture_begin(&capture);
	log_error("name %s", "a\numbra-test: forged\r\x1b[2J\x7f");
	capture_end(&capture);
	assert_string_equal(capture.text, "umbra-test: error: name a?umbra-test: forged??[2J?\n");
}

static void test_long_lines_are_cut(void **state) {
	struct capture capture;
	char message[5000];
	memset(message, 'x', sizeof message - 1);
	message[sizeof message - 1] = '\0';
	log_init(LOG_ERROR, "umbra-test");
	capture_begin(&capture);
	log_error("%s", message);
	capture_end(&capture);
	assert_int_equal(strlen(capture.text), 1024);
	assert_int_equal(count_lines(capture.text), 1);
	assert_int_equal(capture.text[1023], '\n');
}

static void test_errno_is_kept(void **state) {
	struct capture capture;
	log_init(LOG_ERROR, "umbra-test");
	capture_begin(&capture);
	errno = ENOENT;
	log_error("%m");
	assert_int_equal(errno, ENOENT);
	capture_end(&capture);
	assert_string_equal(capture.text, "umbra-test: error: No such file or directory\n");
}

enum { THREADS = 4, LINES_EACH = 50, FILLING = 120 };

static void *write_lines(void *context) {
	char filling[FILLING + 1];
	memset(filling, *(const char *)context, FILLING);
	filling[FILLING] = '\0';
	for (int i = 0; i < LINES_EACH; i++)
		log_error("%s", filling);
	return NULL;
}

static void test_lines_of_threads_do_not_mix(void **state) {
	static const char letters[THREADS] = {'a', 'b', 'c', 'd'};
	static const char prefix[] = "umbra-test: error: ";
	pthread_t threads[THREADS];
	struct capture capture;
	log_init(LOG_ERROR, "umbra-test");
	capture_begin(&capture);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, (void *)&letters[i]), 0);
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	capture_end(&capture);

	const size_t line_size = sizeof prefix - 1 + FILLING + 1;
	assert_int_equal(strlen(capture.text), THREADS * LINES_EACH * line_size);
	for (const char *line = capture.text; *line; line += line_size) {
		assert_memory_equal(line, prefix, sizeof prefix - 1);
		const char *filling = line + sizeof prefix - 1;
		for (size_t i = 1; i < FILLING; i++)
			assert_int_equal(filling[i], filling[0]);
		assert_int_equal(filling[FILLING], '\n');
	}
}

/* Only that a flood is cut and errors are not; log_limit's own test has the numbers. */
static void test_floods_are_limited(void **state) {
	enum { FLOOD = 5000 };
	struct capture capture;
	log_init(LOG_INFO, "umbra-test");
	capture_begin(&capture);
	for (int i = 0; i < FLOOD; i++)
		log_info("flood");
	for (int i = 0; i < 3 * LOG_LIMIT_LINES; i++)
		log_error("loss");
	capture_end(&capture);
	unsigned errors = 0;
	for (const char *at = strstr(capture.text, "loss"); at; at = strstr(at + 1, "loss"))
		errors++;
	assert_int_equal(errors, 3 * LOG_LIMIT_LINES);
	assert_true(count_lines(capture.text) < FLOOD / 2);
}

/* Last, as there is no way back to standard error. */
static void test_syslog(void **state) {
	static const char name[] = "umbra-test: um0";
	struct capture capture;
	log_init(LOG_WARNING, name);
	log_to_syslog();
	assert_ptr_equal(system_log.name, name);
	capture_begin(&capture);
	log_error("100%% of\n%s", "it");
	capture_end(&capture);
	assert_string_equal(capture.text, "");
	assert_int_equal(system_log.severity, LOG_SEVERITY_ERROR);
	assert_string_equal(system_log.line, "100% of?it");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_level_names),
		cmocka_unit_test(test_quoted_text_cannot_forge_lines),
		cmocka_unit_test(test_long_lines_are_cut),
		cmocka_unit_test(test_errno_is_kept),
		cmocka_unit_test(test_lines_of_threads_do_not_mix),
		cmocka_unit_test(test_floods_are_limited),
		cmocka_unit_test(test_syslog),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
