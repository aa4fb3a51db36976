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

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_ago),
		cmocka_unit_test(test_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
