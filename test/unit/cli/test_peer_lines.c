#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "cli/capture.h"
#include "cli/peer_lines.h"

static enum err parse(const char *text, size_t size, struct peer_lines *lines,
					  char problem[static PEER_LINES_PROBLEM_SIZE]) {
	char *copy = malloc(size + 1);
	assert_non_null(copy);
	memcpy(copy, text, size);
	copy[size] = '\0';
	return peer_lines_parse(copy, size, 2, 3, lines, problem);
}

static void test_lines(void **state) {
	static const char text[] = "# name key\n"
							   "phone KEY1\n"
							   "\n"
							   "  laptop\tKEY2   10.0.0.2/32,fd00::2/128 \r\n"
							   "\t# more\n"
							   "last KEY3";
	char problem[PEER_LINES_PROBLEM_SIZE];
	struct peer_lines lines;
	assert_int_equal(parse(text, sizeof text - 1, &lines, problem), ERR_OK);
	assert_int_equal(lines.count, 3);
	assert_int_equal(lines.items[0].number, 2);
	assert_string_equal(lines.items[0].words[0], "phone");
	assert_string_equal(lines.items[0].words[1], "KEY1");
	assert_null(lines.items[0].words[2]);
	assert_int_equal(lines.items[1].number, 4);
	assert_string_equal(lines.items[1].words[0], "laptop");
	assert_string_equal(lines.items[1].words[2], "10.0.0.2/32,fd00::2/128");
	assert_int_equal(lines.items[2].number, 6);
	assert_string_equal(lines.items[2].words[1], "KEY3");
	peer_lines_done(&lines);
	assert_int_equal(parse("", 0, &lines, problem), ERR_OK);
	assert_int_equal(lines.count, 0);
	peer_lines_done(&lines);
}

static void test_wrong_lines(void **state) {
	static const struct {
		const char *text;
		size_t size;
		const char *problem;
	} rows[] = {
		{"a KEY\nb\n", 8, "line 2: lacks a word"},
		{"a b c d\n", 8, "line 1: has too many words"},
		{"a b c d e f\n", 12, "line 1: has too many words"},
		{"a b\nc d\x1b\n", 9, "line 2: has a control character"},
		{"a b\n\na\0b c\n", 11, "line 3: has a NUL"},
		{"a b\n\0", 5, "line 2: has a NUL"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char problem[PEER_LINES_PROBLEM_SIZE] = "";
		struct peer_lines lines = {.count = 77};
		assert_int_equal(parse(rows[i].text, rows[i].size, &lines, problem), ERR_INVALID);
		assert_string_equal(problem, rows[i].problem);
		assert_int_equal(lines.count, 77);
	}
}

static void test_many_lines(void **state) {
	enum { LINES = 20000 };
	struct capture capture;
	char *text = malloc(LINES * 16 + 1);
	assert_non_null(text);
	for (size_t i = 0; i < LINES; i++)
		memcpy(text + i * 16, "peer-name KEYxx\n", 17);
	capture_init(&capture, text);
	struct peer_lines lines;
	assert_int_equal(peer_lines_read(&capture.streams, "peer add", "-", 2, 3, &lines), STATUS_OK);
	assert_int_equal(lines.count, LINES);
	assert_int_equal(lines.items[LINES - 1].number, LINES);
	peer_lines_done(&lines);
	capture_done(&capture);
	free(text);
}

static void test_reading(void **state) {
	struct capture capture;
	struct peer_lines lines;
	capture_init(&capture, "only\n");
	assert_int_equal(peer_lines_read(&capture.streams, "peer add", "-", 2, 3, &lines),
					 STATUS_FAILED);
	assert_int_equal(peer_lines_read(&capture.streams, "peer add", "/nowhere", 2, 3, &lines),
					 STATUS_FAILED);
	assert_int_equal(peer_lines_read(&capture.streams, "peer add", "/", 2, 3, &lines),
					 STATUS_FAILED);
	capture_done(&capture);
	assert_string_equal(capture.error,
						"umbra: peer add: standard input: line 1: lacks a word\n"
						"umbra: peer add: cannot read /nowhere: No such file or directory\n"
						"umbra: peer add: cannot read /: Is a directory\n");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_wrong_lines),
		cmocka_unit_test(test_many_lines),
		cmocka_unit_test(test_reading),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
