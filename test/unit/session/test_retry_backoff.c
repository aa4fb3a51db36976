#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/doubling.h"
#include "session/retry_backoff.h"

static void fill(void *context, void *out_data, size_t size) {
	memset(out_data, *(const int *)context, size);
}

static void waits(void **state) {
	static const uint64_t seconds[] = {1, 2, 4, 8, 16, 32, 48, 48, 48};
	for (size_t r = 0; r < 3; r++) {
		int byte = (int)(r * 0x7f) + (r == 2);
		const struct random_source random = {fill, &byte};
		struct retry_backoff backoff = {.attempts = 0};
		for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
			uint64_t base = seconds[i] * CLOCK_SECOND, wait = retry_backoff_next(&backoff, &random);
			/* 0, nearly a half and nearly all of the quarter. */
			assert_in_range(wait, base + base / 4 * r * 98 / 200, base + base / 4 * r / 2);
			assert_in_range(wait, RETRY_BACKOFF_MIN, RETRY_BACKOFF_MAX);
		}
	}
}

static void begins_anew(void **state) {
	int byte = 0;
	const struct random_source random = {fill, &byte};
	struct retry_backoff backoff = {.attempts = UINT32_MAX};
	assert_int_equal(retry_backoff_next(&backoff, &random), 48 * CLOCK_SECOND);
	assert_int_equal(retry_backoff_next(&backoff, &random), 48 * CLOCK_SECOND);
	backoff = (struct retry_backoff){.attempts = 0};
	assert_int_equal(retry_backoff_next(&backoff, &random), CLOCK_SECOND);
}

static void doubles(void **state) {
	assert_int_equal(doubling_of(3, 100, 0), 3);
	assert_int_equal(doubling_of(3, 100, 5), 96);
	assert_int_equal(doubling_of(3, 100, 6), 100);
	assert_int_equal(doubling_of(3, 100, UINT32_MAX), 100);
	assert_int_equal(doubling_of(200, 100, 1), 100);
	assert_true(doubling_of(3, UINT64_MAX, 64) == UINT64_MAX);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits),
		cmocka_unit_test(begins_anew),
		cmocka_unit_test(doubles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
