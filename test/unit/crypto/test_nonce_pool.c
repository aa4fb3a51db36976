#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/wipe.h"
#include "crypto/csprng.h"
#include "crypto/nonce_pool.h"

/* Counts up, so that no two nonces of it are alike, and counts its calls. */
struct counter {
	unsigned calls;
	uint32_t next;
};

static void counted_fill(void *context, void *out_data, size_t size) {
	struct counter *counter = context;
	uint8_t *data = out_data;
	counter->calls++;
	assert_int_equal(size % AEAD_NONCE_SIZE, 0);
	for (size_t at = 0; at < size; at += AEAD_NONCE_SIZE) {
		memset(data + at, 0xee, AEAD_NONCE_SIZE);
		counter->next++;
		memcpy(data + at, &counter->next, sizeof counter->next);
	}
}

static void each_nonce_is_given_out_once(void **state) {
	struct counter counter = {0};
	const struct random_source random = {counted_fill, &counter};
	static bool seen[3 * NONCE_POOL_COUNT + 1];
	struct nonce_pool pool;
	nonce_pool_init(&pool, &random);
	assert_int_equal(counter.calls, 0);
	for (unsigned i = 0; i < 3 * NONCE_POOL_COUNT; i++) {
		uint8_t nonce[AEAD_NONCE_SIZE];
		uint32_t number;
		nonce_pool_take(&pool, nonce);
		assert_int_equal(counter.calls, i / NONCE_POOL_COUNT + 1); /* one call for so many */
		memcpy(&number, nonce, sizeof number);
		assert_in_range(number, 1, 3 * NONCE_POOL_COUNT);
		assert_false(seen[number]);
		seen[number] = true;
		assert_int_equal(nonce[AEAD_NONCE_SIZE - 1], 0xee);
	}
	assert_true(wipe_is_zero(pool.nonces, sizeof pool.nonces)); /* all were used */
}

static void what_is_used_is_wiped(void **state) {
	struct counter counter = {0};
	const struct random_source random = {counted_fill, &counter};
	struct nonce_pool pool;
	uint8_t nonce[AEAD_NONCE_SIZE];
	nonce_pool_init(&pool, &random);
	for (unsigned i = 1; i < NONCE_POOL_COUNT; i++) {
		nonce_pool_take(&pool, nonce);
		unsigned zeros = 0;
		for (size_t j = 0; j < NONCE_POOL_COUNT; j++)
			zeros += wipe_is_zero(pool.nonces[j], AEAD_NONCE_SIZE);
		assert_int_equal(zeros, i);
	}
}

/* As after a fork. */
static void an_emptied_pool_draws_anew(void **state) {
	struct counter counter = {0};
	const struct random_source random = {counted_fill, &counter};
	struct nonce_pool pool;
	uint8_t nonce[AEAD_NONCE_SIZE];
	uint32_t number;
	nonce_pool_init(&pool, &random);
	nonce_pool_take(&pool, nonce);
	nonce_pool_empty(&pool);
	assert_true(wipe_is_zero(pool.nonces, sizeof pool.nonces));
	nonce_pool_take(&pool, nonce);
	memcpy(&number, nonce, sizeof number);
	assert_in_range(number, NONCE_POOL_COUNT + 1, 2 * NONCE_POOL_COUNT);
	assert_int_equal(counter.calls, 2);
	memset(&pool, 0, sizeof pool);
	nonce_pool_empty(&pool);
}

static void takes_the_systems_randomness(void **state) {
	struct nonce_pool pool;
	uint8_t first[AEAD_NONCE_SIZE], second[AEAD_NONCE_SIZE];
	nonce_pool_init(&pool, &csprng);
	nonce_pool_take(&pool, first);
	nonce_pool_take(&pool, second);
	assert_memory_not_equal(first, second, sizeof first);
	nonce_pool_empty(&pool);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_nonce_is_given_out_once),
		cmocka_unit_test(what_is_used_is_wiped),
		cmocka_unit_test(an_emptied_pool_draws_anew),
		cmocka_unit_test(takes_the_systems_randomness),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
