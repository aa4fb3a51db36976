#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log_line.h"

/* 2026-11-21 13:05:18.123456789 UTC */
#define TIME (UINT64_C(1795266318) * CLOCK_SECOND + 123456789)
#define STAMP "2026-11-21T13:05:18.123Z"

typedef size_t (*form)(const struct log_line *line, char *out, size_t size);

static void check(form write, enum log_level level, const char *message, const char *expected) {
	const struct log_line line = {level, "umbrad", message, TIME};
	char text[LOG_LINE_JSON_SIZE + 1];
	size_t size = write(&line, text, LOG_LINE_JSON_SIZE);
	text[size] = '\0';
	assert_string_equal(text, expected);
	assert_int_equal(size, strlen(expected));
}

static void test_forms(void **state) {
	check(log_line_plain, LOG_ERROR, "no way", "umbrad: error: no way\n");
	check(log_line_plain, LOG_WARNING, "careful", "umbrad: warning: careful\n");
	check(log_line_plain, LOG_INFO, "", "umbrad: \n");
	check(log_line_stamped, LOG_INFO, "um0 is up", STAMP " info umbrad: um0 is up\n");
	check(log_line_stamped, LOG_ERROR, "no", STAMP " error umbrad: no\n");
	check(log_line_json, LOG_DEBUG, "um0 is up",
		  "{\"time\":\"" STAMP "\",\"level\":\"debug\",\"program\":\"umbrad\","
		  "\"message\":\"um0 is up\"}\n");
}

static void test_time_is_padded(void **state) {
	const struct log_line line = {LOG_INFO, "p", "m", 5 * CLOCK_MILLISECOND};
	char text[256];
	size_t size = log_line_stamped(&line, text, sizeof text);
	assert_memory_equal(text, "1970-01-01T00:00:00.005Z info p: m\n", size);
}

#define JSON(text)                                                       \
	"{\"time\":\"" STAMP "\",\"level\":\"info\",\"program\":\"umbrad\"," \
	"\"message\":\"" text "\"}\n"

static void test_characters(void **state) {
	static const struct {
		const char *message, *plain, *json;
	} rows[] = {
		{"a\nb\r\tc", "a?b??c", "a\\nb\\r\\tc"},
		{"\"\\/", "\"\\/", "\\\"\\\\/"},
		{"\x1b[2J\x7f\x01", "?[2J??", "\\u001b[2J\\u007f\\u0001"},
		{"M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80",
		 "M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80",
		 "M\xc3\xbcller \xe2\x82\xac \xf0\x9f\x98\x80"},
		/* No UTF-8: a lone byte, one cut short, too long a form, a surrogate, beyond the last. */
		{"\xff", "?", "\xef\xbf\xbd"},
		{"\xc3", "?", "\xef\xbf\xbd"},
		{"\xe2\x82", "??", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xe2\x82z", "??z", "\xef\xbf\xbd\xef\xbf\xbdz"},
		{"\xc0\xaf", "??", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xe0\x80\xaf", "???", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", "???", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf4\x90\x80\x80", "????", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		/* U+009B begins an escape sequence, U+00A0 does not. */
		{"\xc2\x9b"
		 "2J",
		 "??2J",
		 "\xef\xbf\xbd\xef\xbf\xbd"
		 "2J"},
		{"\xc2\xa0", "\xc2\xa0", "\xc2\xa0"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char expected[256], text[64];
		(void)snprintf(expected, sizeof expected, "umbrad: %s\n", rows[i].plain);
		check(log_line_plain, LOG_INFO, rows[i].message, expected);
		(void)snprintf(expected, sizeof expected, JSON("%s"), rows[i].json);
		check(log_line_json, LOG_INFO, rows[i].message, expected);
		(void)snprintf(text, sizeof text, "%s", rows[i].message);
		log_line_clean(text);
		assert_string_equal(text, rows[i].plain);
	}
}

/* Whatever the size, a line is whole, and its last character is. */
static void test_cutting(void **state) {
	static const form forms[] = {log_line_plain, log_line_stamped, log_line_json};
	char message[2000] = {0};
	for (size_t i = 0; i + 3 < sizeof message; i += 3)
		memcpy(message + i, "\xe2\x82\xac", 3);
	const struct log_line line = {LOG_INFO, "umbrad", message, TIME};
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
		for (size_t size = 256; size < 300; size++) {
			char text[300];
			size_t used = forms[i](&line, text, size);
			assert_true(used <= size && used > size - 3);
			assert_int_equal(text[used - 1], '\n');
			size_t end = i == 2 ? used - 3 : used - 1;
			assert_memory_equal(text + end - 3, "\xe2\x82\xac", 3);
			if (i == 2)
				assert_memory_equal(text + end, "\"}\n", 3);
		}
}

static void test_escapes_are_not_cut(void **state) {
	char message[400];
	memset(message, 1, sizeof message - 1);
	message[sizeof message - 1] = '\0';
	const struct log_line line = {LOG_INFO, "umbrad", message, TIME};
	for (size_t size = 256; size < 270; size++) {
		char text[300];
		size_t used = log_line_json(&line, text, size);
		assert_true(used <= size && used > size - 6);
		assert_memory_equal(text + used - 9, "\\u0001\"}\n", 9);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_time_is_padded),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_cutting),
		cmocka_unit_test(test_escapes_are_not_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
