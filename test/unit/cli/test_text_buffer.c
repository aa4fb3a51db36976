#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cli/text_buffer.h"

static void test_growing(void **state) {
	struct text_buffer buffer = {0};
	for (int i = 0; i < 10000; i++)
		text_buffer_add(&buffer, "%04d,", i);
	assert_false(buffer.failed);
	assert_int_equal(buffer.size, 50000);
	assert_int_equal(strlen(buffer.text), 50000);
	assert_memory_equal(buffer.text + 5 * 1234, "1234,", 5);
	text_buffer_done(&buffer);
	assert_null(buffer.text);
	assert_int_equal(buffer.size, 0);
}

/* Texts whose NUL is the first byte that finds no room. */
static void test_sizes_at_the_border(void **state) {
	char text[3000];
	for (size_t size = 1000; size < 1050; size++) {
		struct text_buffer buffer = {0};
		memset(text, 'x', size);
		text[size] = '\0';
		text_buffer_add_clean(&buffer, text);
		text_buffer_add(&buffer, "%s", text);
		assert_int_equal(buffer.size, 2 * size);
		assert_int_equal(strlen(buffer.text), 2 * size);
		text_buffer_done(&buffer);
	}
}

static void test_clean(void **state) {
	struct text_buffer buffer = {0};
	text_buffer_add_clean(&buffer, "a\n\x1b[2J\x7f M\xc3\xbcller \xc2\x9b x\xc2\xa0");
	assert_string_equal(buffer.text, "a??[2J? M\xc3\xbcller ?? x\xc2\xa0");
	text_buffer_add_clean(&buffer, NULL);
	assert_int_equal(buffer.text[buffer.size - 1], '?');
	text_buffer_done(&buffer);
}

static void test_segments(void **state) {
	struct text_buffer buffer = {0};
	text_buffer_add_segment(&buffer, "um0-A.z_~9");
	assert_string_equal(buffer.text, "um0-A.z_~9");
	text_buffer_done(&buffer);
	text_buffer_add_segment(&buffer, "../a b?%+/=\xc3\xbc");
	assert_string_equal(buffer.text, "..%2Fa%20b%3F%25%2B%2F%3D%C3%BC");
	text_buffer_done(&buffer);
}

static void test_width(void **state) {
	assert_int_equal(text_buffer_width(""), 0);
	assert_int_equal(text_buffer_width("abc"), 3);
	assert_int_equal(text_buffer_width("M\xc3\xbcller"), 6);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growing), cmocka_unit_test(test_sizes_at_the_border),
		cmocka_unit_test(test_clean),   cmocka_unit_test(test_segments),
		cmocka_unit_test(test_width),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
