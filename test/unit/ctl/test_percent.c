#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ctl/percent.h"

static void what_is_encoded_comes_back(void **state) {
	char all[256], encoded[3 * 256], decoded[256];
	size_t size = 0;
	for (int c = 0x20; c < 256; c++)
		if (c != 0x7f)
			all[size++] = (char)c;
	all[size] = '\0';
	assert_int_equal(percent_encode(all, encoded, sizeof encoded), ERR_OK);
	assert_null(strpbrk(encoded, "/?+# &"));
	assert_int_equal(percent_decode(slice_of_text(encoded), decoded, sizeof decoded), ERR_OK);
	assert_string_equal(decoded, all);
	assert_int_equal(percent_encode("a/+.", encoded, sizeof encoded), ERR_OK);
	assert_string_equal(encoded, "a%2F%2B.");
}

static void nothing_is_written_beyond_or_on_failure(void **state) {
	char text[4] = "xxx";
	assert_int_equal(percent_encode("/a", text, 4), ERR_LIMIT);
	assert_int_equal(percent_decode(slice_of_text("%61bcd"), text, 4), ERR_LIMIT);
	assert_int_equal(percent_decode(slice_of_text("ab%"), text, 4), ERR_MALFORMED);
	assert_int_equal(percent_decode(slice_of_text("ab%4"), text, 4), ERR_MALFORMED);
	assert_string_equal(text, "xxx");
	assert_int_equal(percent_encode("/", text, 4), ERR_OK);
	assert_string_equal(text, "%2F");
	assert_int_equal(percent_decode(slice_of_text("%61bc"), text, 4), ERR_OK);
	assert_string_equal(text, "abc");
	assert_int_equal(percent_decode(slice_of_text(""), text, 4), ERR_OK);
	assert_string_equal(text, "");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_comes_back),
		cmocka_unit_test(nothing_is_written_beyond_or_on_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
