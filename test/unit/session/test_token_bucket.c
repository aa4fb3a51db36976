#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "session/token_bucket.h"

#define START (7 * CLOCK_SECOND)

/* What passes within the time where batches of so many bytes come as soon as they may. */
static uint64_t run(struct token_bucket *bucket, uint64_t batch, uint64_t from, uint64_t until) {
	uint64_t passed = 0;
	for (uint64_t now = from; now < until;) {
		const uint64_t wait = token_bucket_wait(bucket, now);
		if (wait == 0) {
			token_bucket_take(bucket, batch, now);
			passed += batch;
		}
		/* Not one nanosecond too late, or too early. */
		if (wait > 1)
			assert_int_not_equal(token_bucket_wait(bucket, now + wait - 1), 0);
		now += wait;
	}
	return passed;
}

static void no_limit(void **state) {
	struct token_bucket bucket = {.rate = 0};
	token_bucket_take(&bucket, UINT64_MAX, START);
	assert_int_equal(token_bucket_wait(&bucket, START), 0);
	token_bucket_set(&bucket, UINT64_MAX, START);
	token_bucket_take(&bucket, UINT64_MAX, START);
	assert_int_equal(token_bucket_wait(&bucket, START), 0);
}

/* Over time it is the rate, whatever it and the batches are. */
static void rate(void **state) {
	static const uint64_t rates[] = {1000, 125000, 12500000, 1250000000, UINT64_C(1) << 34};
	static const uint64_t batches[] = {1, 1500, 65536, 400000};
	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
		for (size_t j = 0; j < sizeof batches / sizeof batches[0]; j++) {
			if (rates[i] / batches[j] > 1000000)
				continue;
			struct token_bucket bucket = {.rate = 0};
			const uint64_t seconds = rates[i] < 100000                ? 1000
									 : rates[i] / batches[j] > 100000 ? 1
																	  : 20;
			const uint64_t burst =
				rates[i] / 4 > TOKEN_BUCKET_BURST_MIN ? rates[i] / 4 : TOKEN_BUCKET_BURST_MIN;
			token_bucket_set(&bucket, rates[i], START);
			const uint64_t passed = run(&bucket, batches[j], START, START + seconds * CLOCK_SECOND);
			assert_true(passed >= seconds * rates[i] + burst - batches[j]);
			/* Each call may round up by what passes in a nanosecond. */
			assert_true(passed <= seconds * (rates[i] + rates[i] / 1000) + burst + batches[j]);
		}
}

/* Many small calls lose nothing to rounding. */
static void slow(void **state) {
	struct token_bucket bucket = {.rate = 0};
	token_bucket_set(&bucket, 1000, START);
	token_bucket_take(&bucket, TOKEN_BUCKET_BURST_MIN + 999, START);
	for (uint64_t now = START; now < START + CLOCK_SECOND; now += 300 * CLOCK_MICROSECOND)
		token_bucket_take(&bucket, 0, now);
	assert_in_range(token_bucket_wait(&bucket, START + CLOCK_SECOND), 0, CLOCK_MILLISECOND);
}

static void pause_and_clock(void **state) {
	struct token_bucket bucket = {.rate = 0};
	token_bucket_set(&bucket, 1000000, START);
	/* A pause of any length fills it, and no more than that. */
	(void)run(&bucket, 1500, START, START + CLOCK_SECOND);
	const uint64_t late = START + (UINT64_C(1) << 50);
	assert_in_range(run(&bucket, 1500, late, late + 1), 250000, 251500);
	/* A clock that goes back changes nothing. */
	token_bucket_take(&bucket, 0, START);
	assert_in_range(token_bucket_wait(&bucket, late + 1), 1, 2 * CLOCK_MILLISECOND);
}

/* What is owed stays owed when the rate changes; a debt has an end. */
static void change(void **state) {
	struct token_bucket bucket = {.rate = 0};
	token_bucket_set(&bucket, 1000000, START);
	token_bucket_take(&bucket, 250000 + 1000000, START);
	assert_in_range(token_bucket_wait(&bucket, START), CLOCK_SECOND, CLOCK_SECOND + 2000);
	token_bucket_set(&bucket, 2000000, START);
	assert_in_range(token_bucket_wait(&bucket, START), CLOCK_SECOND / 2, CLOCK_SECOND / 2 + 2000);
	token_bucket_set(&bucket, 0, START);
	assert_int_equal(token_bucket_wait(&bucket, START), 0);
	token_bucket_set(&bucket, 1000000, START);
	assert_int_equal(token_bucket_wait(&bucket, START), 0);
	token_bucket_take(&bucket, UINT64_MAX, START);
	token_bucket_take(&bucket, UINT64_MAX, START);
	assert_in_range(token_bucket_wait(&bucket, START), CLOCK_SECOND, 8600 * CLOCK_SECOND);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_limit),        cmocka_unit_test(rate),   cmocka_unit_test(slow),
		cmocka_unit_test(pause_and_clock), cmocka_unit_test(change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
