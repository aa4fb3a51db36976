#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proxy/decoy_date.h"
#include "proxy/decoy_range.h"
#include "proxy/decoy_uri.h"

/* Expectations of targets and ranges are what nginx 1.22 does with them. */

static void understands_targets(void **state) {
	static const struct {
		const char *target, *path, *query; /* path NULL: no path; query NULL: none */
	} rows[] = {
		{"/", "/", NULL},
		{"/a?b=c?d#e", "/a", "b=c?d"},
		{"/a?", "/a", ""},
		{"/a#x?y", "/a", NULL},
		{"//a//b", "/a/b", NULL},
		{"/./a/.", "/a/", NULL},
		{"/a/..", "/", NULL},
		{"/a/b/../c", "/a/c", NULL},
		{"/a/%2e%2E/c", "/c", NULL},
		{"/%2Fa%2f", "/a/", NULL},
		{"/%41%20%3F%25", "/A ?%", NULL},
		{"/...", "/...", NULL},
		{"/..a", "/..a", NULL},
		{"http://h/x", "/x", NULL},
		{"HTTPS://h:1", "/", NULL},
		{"http://h?q", "/", "q"},
		{"/..", NULL, NULL},
		{"/a/../..", NULL, NULL},
		{"/%2e%2e/", NULL, NULL},
		{"/%00", NULL, NULL},
		{"/%", NULL, NULL},
		{"/%4", NULL, NULL},
		{"/%4g", NULL, NULL},
		{"a", NULL, NULL},
		{"*", NULL, NULL},
		{"", NULL, NULL},
		{"?a", NULL, NULL},
	};
	static struct decoy_uri uri;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum err error = decoy_uri_parse(slice_of_text(rows[i].target), &uri);
		assert_int_equal(error, rows[i].path ? ERR_OK : ERR_INVALID);
		if (error)
			continue;
		assert_int_equal(uri.size, strlen(rows[i].path));
		assert_memory_equal(uri.path, rows[i].path, uri.size);
		assert_int_equal(uri.query.data != NULL, rows[i].query != NULL);
		assert_int_equal(uri.query.size, rows[i].query ? strlen(rows[i].query) : 0);
		if (uri.query.size > 0)
			assert_memory_equal(uri.query.data, rows[i].query, uri.query.size);
	}
	static char target[DECOY_URI_MAX + 1];
	memset(target, '/', sizeof target);
	assert_int_equal(decoy_uri_parse(slice_of(target, DECOY_URI_MAX - 1), &uri), ERR_OK);
	assert_int_equal(decoy_uri_parse(slice_of(target, DECOY_URI_MAX), &uri), ERR_LIMIT);
}

static void escapes(void **state) {
	char text[64];
	assert_int_equal(decoy_uri_escape("/a b\r\n\xc3%?", 9, text), 21);
	assert_string_equal(text, "/a%20b%0D%0A%C3%25%3F");
}

static void reads_dates(void **state) {
	char text[DECOY_DATE_SIZE];
	uint64_t seconds = 0;
	decoy_date_format(784111777, text);
	assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
	static const char *const same[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
									   "Sunday, 06-Nov-94 08:49:37 GMT",
									   "Sun Nov  6 08:49:37 1994"};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(decoy_date_parse(slice_of_text(same[i]), &seconds), ERR_OK);
		assert_int_equal(seconds, 784111777);
	}
	decoy_date_format(UINT64_MAX, text);
	assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
	static const char *const none[] = {"", "Sun", "Sun, 06 Nov 1994 08:49:37 GMTx",
									   "Sun, 06 Nov 1994 08:49:37"};
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		assert_int_equal(decoy_date_parse(slice_of_text(none[i]), &seconds), ERR_INVALID);
}

static void reads_ranges(void **state) {
	static const struct {
		const char *text;
		enum err error;
		size_t count;
		uint64_t begin, end; /* of the last one */
	} rows[] = {
		{"bytes=0-0", ERR_OK, 1, 0, 1},
		{"bytes=2-4", ERR_OK, 1, 2, 5},
		{"BYTES= 2 - 400 ", ERR_OK, 1, 2, 12},
		{"bytes=3-", ERR_OK, 1, 3, 12},
		{"bytes=-3", ERR_OK, 1, 9, 12},
		{"bytes=-300", ERR_OK, 1, 0, 12},
		{"bytes=0-1,3-4", ERR_OK, 2, 3, 5},
		{"bytes=0-1,30-40,5-5", ERR_OK, 2, 5, 6},
		{"bytes=12-", ERR_NOT_FOUND, 0, 0, 0},
		{"bytes=5-2", ERR_NOT_FOUND, 0, 0, 0},
		{"bytes=-0", ERR_NOT_FOUND, 0, 0, 0},
		{"bytes=", ERR_NOT_FOUND, 0, 0, 0},
		{"bytes=-", ERR_NOT_FOUND, 0, 0, 0},
		{"bytes=1-2;3-4", ERR_NOT_FOUND, 0, 0, 0},
		{"bytes=a-b", ERR_NOT_FOUND, 0, 0, 0},
		{"bytes=99999999999999999999-", ERR_NOT_FOUND, 0, 0, 0},
		{"lines=0-", ERR_UNSUPPORTED, 0, 0, 0},
		{"bytes=0-11,0-11", ERR_UNSUPPORTED, 0, 0, 0},
	};
	struct decoy_range ranges[DECOY_RANGES_MAX];
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t count = 0;
		assert_int_equal(decoy_range_parse(slice_of_text(rows[i].text), 12, ranges, &count),
						 rows[i].error);
		if (rows[i].error)
			continue;
		assert_int_equal(count, rows[i].count);
		assert_int_equal(ranges[count - 1].begin, rows[i].begin);
		assert_int_equal(ranges[count - 1].end, rows[i].end);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(understands_targets),
		cmocka_unit_test(escapes),
		cmocka_unit_test(reads_dates),
		cmocka_unit_test(reads_ranges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
