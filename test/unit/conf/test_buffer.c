#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "conf/buffer.h"
#include "conf/utf8.h"

static void test_grows(void **state) {
	struct buffer buffer = {0};
	for (int i = 0; i < 10000; i++)
		buffer_format(&buffer, "%04d", i);
	buffer_text(&buffer, "x");
	buffer_add(&buffer, "yz", 1);
	buffer_spaces(&buffer, 2);
	assert_int_equal(buffer.size, 40004);
	assert_int_equal(strlen(buffer.text), buffer.size);
	assert_memory_equal(buffer.text, "000000010002", 12);
	assert_string_equal(buffer.text + 39996, "9999xy  ");
	buffer_done(&buffer);
	assert_null(buffer.text);
}

static void test_quoted(void **state) {
	static const struct {
		const char *text, *quoted;
	} rows[] = {
		{"", "\"\""},
		{"plain 'text' #", "\"plain 'text' #\""},
		{"a\"b\\c", "\"a\\\"b\\\\c\""},
		{"\x01\n\x7f", "\"\\x01\\x0a\\x7f\""},
		{"\xc3\xbc\xe2\x82\xac\xf0\x9f\x94\x91", "\"\\xfc\\u20ac\\U0001f511\""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buffer buffer = {0};
		buffer_quoted(&buffer, rows[i].text);
		assert_string_equal(buffer.text, rows[i].quoted);
		buffer_done(&buffer);
	}
	struct buffer buffer = {0};
	buffer_quoted(&buffer, "\xff");
	assert_true(buffer.failed);
	buffer_done(&buffer);
}

static void test_wrapped(void **state) {
	struct buffer buffer = {0};
	buffer_wrapped(&buffer, "# ", "one two three fourteen-letters", 11);
	assert_string_equal(buffer.text, "# one two\n# three\n# fourteen-letters\n");
	buffer_done(&buffer);
}

static void test_utf8(void **state) {
	static const char *const bad[] = {
		"\x80",
		"\xc3",
		"\xc3x",
		"\xc0\x80",
		"\xe0\x80\x80",
		"\xe2\x82",
		"\xed\xa0\x80",
		"\xf0\x80\x80\x80",
		"\xf4\x90\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xff",
	};
	static const struct {
		const char *text;
		size_t size;
		uint32_t point;
	} good[] = {
		{"a", 1, 'a'},
		{"\xc2\x80", 2, 0x80},
		{"\xe0\xa0\x80", 3, 0x800},
		{"\xee\x80\x80", 3, 0xe000},
		{"\xf0\x90\x80\x80", 4, 0x10000},
		{"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
	};
	uint32_t point = 7;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(utf8_next(bad[i], &point), 0);
	assert_int_equal(point, 7);
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(utf8_next(good[i].text, &point), good[i].size);
		assert_int_equal(point, good[i].point);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_quoted),
		cmocka_unit_test(test_wrapped),
		cmocka_unit_test(test_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
