#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "cli/quantity.h"

static void test_bytes(void **state) {
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{0, "0 B"},
		{1, "1 B"},
		{1023, "1023 B"},
		{1024, "1.00 KiB"},
		{1536, "1.50 KiB"},
		{1048575, "1023.99 KiB"},
		{1048576, "1.00 MiB"},
		{UINT64_C(13207024435), "12.29 GiB"},
		{UINT64_C(1) << 40, "1.00 TiB"},
		{UINT64_C(1) << 60, "1.00 EiB"},
		{UINT64_MAX, "15.99 EiB"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[QUANTITY_SIZE];
		quantity_bytes(rows[i].bytes, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void test_durations(void **state) {
	static const struct {
		uint64_t seconds;
		const char *text;
	} rows[] = {
		{0, "0 seconds"},
		{1, "1 second"},
		{59, "59 seconds"},
		{60, "1 minute"},
		{63, "1 minute, 3 seconds"},
		{3599, "59 minutes, 59 seconds"},
		{3600, "1 hour"},
		{3659, "1 hour"},
		{3660, "1 hour, 1 minute"},
		{86400, "1 day"},
		{2 * 86400 + 5 * 3600 + 7, "2 days, 5 hours"},
		{UINT64_MAX, "213503982334601 days, 7 hours"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[QUANTITY_SIZE];
		quantity_duration(rows[i].seconds, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void test_ago(void **state) {
	static const struct {
		uint64_t now, time;
		const char *text;
	} rows[] = {
		{1000, 0, "never"},          {1000, 1000, "now"},
		{1000, 1001, "now"},         {1000, 937, "1 minute, 3 seconds ago"},
		{1000, 999, "1 second ago"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[QUANTITY_SIZE];
		quantity_ago(rows[i].now, rows[i].time, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void test_time(void **state) {
	char text[QUANTITY_SIZE];
	assert_int_equal(setenv("TZ", "UTC0", 1), 0);
	tzset();
	quantity_time(UINT64_C(1795266318007), text);
	assert_string_equal(text, "2026-11-21 13:05:18.007 +0000");
	assert_int_equal(setenv("TZ", "XXX-2", 1), 0);
	tzset();
	quantity_time(UINT64_C(1795266318123), text);
	assert_string_equal(text, "2026-11-21 15:05:18.123 +0200");
}

static void test_parsed_bytes(void **state) {
	static const struct {
		const char *text;
		enum err error;
		uint64_t bytes;
	} rows[] = {
		{"0", ERR_OK, 0},
		{"1500", ERR_OK, 1500},
		{"1500B", ERR_OK, 1500},
		{"5M", ERR_OK, UINT64_C(5) << 20},
		{"10G", ERR_OK, UINT64_C(10) << 30},
		{"10Gi", ERR_OK, UINT64_C(10) << 30},
		{"10GiB", ERR_OK, UINT64_C(10) << 30},
		{"1.5K", ERR_OK, 1536},
		{"0.125T", ERR_OK, UINT64_C(1) << 37},
		{"8191P", ERR_OK, UINT64_C(8191) << 50},
		{"8192P", ERR_LIMIT, 0},
		{"8191.999P", ERR_LIMIT, 0},
		{"18446744073709551615", ERR_LIMIT, 0},
		{"18446744073709551616", ERR_INVALID, 0},
		{"", ERR_INVALID, 0},
		{"G", ERR_INVALID, 0},
		{"-1", ERR_INVALID, 0},
		{"1.5", ERR_INVALID, 0},
		{"1.5B", ERR_INVALID, 0},
		{"1.G", ERR_INVALID, 0},
		{"1.2345G", ERR_INVALID, 0},
		{"10GB", ERR_INVALID, 0}, /* powers of 1000 or of 1024? */
		{"10g", ERR_INVALID, 0},
		{"10 G", ERR_INVALID, 0},
		{"10Gx", ERR_INVALID, 0},
		{"010", ERR_INVALID, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t bytes = 77;
		assert_int_equal(quantity_parse_bytes(rows[i].text, &bytes), rows[i].error);
		assert_int_equal(bytes, rows[i].error ? 77 : rows[i].bytes);
	}
}

static void test_parsed_dates(void **state) {
	static const struct {
		const char *text;
		uint64_t seconds; /* 0: ERR_INVALID */
	} rows[] = {
		{"+12h", 1000000 + 12 * 3600},
		{"+30d", 1000000 + 30 * 86400},
		{"+2w", 1000000 + 14 * 86400},
		{"2026-12-31", 1798754399},       /* 2026-12-31 21:59:59 UTC */
		{"2026-12-31 18:30", 1798734600}, /* 16:30 UTC */
		{"1970-01-02", 165599},
		{"", 0},
		{"+", 0},
		{"+d", 0},
		{"+1", 0},
		{"+1y", 0},
		{"+-1d", 0},
		{"+1000001d", 0},
		{"tomorrow", 0},
		{"2026-02-30", 0},
		{"2026-13-01", 0},
		{"2026-1-1", 0},
		{"2026-12-31 24:01", 0},
		{"2026-12-31 18:30:00", 0},
		{"2026-12-31x", 0},
		{"1900-01-01", 0},
	};
	assert_int_equal(setenv("TZ", "XXX-2", 1), 0);
	tzset();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t seconds = 0;
		enum err error = quantity_parse_date(rows[i].text, 1000000, &seconds);
		assert_int_equal(error, rows[i].seconds ? ERR_OK : ERR_INVALID);
		assert_int_equal(seconds, rows[i].seconds);
	}
	char text[QUANTITY_SIZE];
	quantity_date(1798754399, text);
	assert_string_equal(text, "2026-12-31 23:59");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),        cmocka_unit_test(test_durations),
		cmocka_unit_test(test_ago),          cmocka_unit_test(test_time),
		cmocka_unit_test(test_parsed_bytes), cmocka_unit_test(test_parsed_dates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
