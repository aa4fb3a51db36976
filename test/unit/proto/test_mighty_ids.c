#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/mighty_ids.h"

#define NOW (100 * CLOCK_SECOND)

enum { OF_A_SHARD = 4096 }; /* of sixteen, but for the first */

static uint32_t seed;

/* Marsaglia's xorshift. */
static void draw(void *context, void *out_data, size_t size) {
	assert_int_equal(size, sizeof seed);
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	memcpy(out_data, &seed, sizeof seed);
}

static const struct random_source randomness = {.fill = draw};
static int owners[MIGHTY_IDS_MAX];

static struct mighty_ids *new_ids_of(unsigned shard, unsigned shards) {
	struct mighty_ids *ids;
	seed = shard + 1;
	assert_int_equal(mighty_ids_new(&randomness, shard, shards, &ids), ERR_OK);
	return ids;
}

static struct mighty_ids *new_ids(unsigned shard) {
	return new_ids_of(shard, MIGHTY_IDS_SHARDS_MAX);
}

static size_t of_shard(unsigned shard, unsigned shards) {
	size_t count = 0;
	for (size_t id = 1; id <= MIGHTY_IDS_MAX; id++)
		count += id % 16 % shards == shard ? 1 : 0;
	return count;
}

/* However many shards there are, each id is one shard's, and no two are alike. */
static void test_all_of_all_shards(void **state) {
	for (unsigned shards = 1; shards <= MIGHTY_IDS_SHARDS_MAX; shards++) {
		static uint16_t got[MIGHTY_IDS_MAX];
		size_t all = 0;
		for (unsigned shard = 0; shard < shards; shard++) {
			struct mighty_ids *ids = new_ids_of(shard, shards);
			const size_t first = all, last = of_shard(shard, shards) + first;
			for (; all < last; all++) {
				assert_int_equal(mighty_ids_add(ids, &owners[all], NOW, &got[all]), ERR_OK);
				assert_int_not_equal(got[all], 0);
				assert_int_equal(got[all] % 16 % shards, shard);
				assert_int_equal(mighty_ids_shard(got[all], shards), shard);
			}
			/* Each is somebody's own, and a refusal says nothing. */
			for (size_t i = first; i < all; i++)
				assert_ptr_equal(mighty_ids_find(ids, got[i]), &owners[i]);
			uint16_t id = 7;
			assert_int_equal(mighty_ids_add(ids, owners, NOW, &id), ERR_LIMIT);
			assert_int_equal(id, 7);
			mighty_ids_free(ids);
		}
		assert_int_equal(all, MIGHTY_IDS_MAX);
	}
}

/* The low bits of another shard's id say so, and the rest is no reason to find anything. */
static void test_ids_of_others(void **state) {
	struct mighty_ids *ids = new_ids(3);
	uint16_t id;
	assert_int_equal(mighty_ids_add(ids, owners, NOW, &id), ERR_OK);
	for (uint16_t other = 0; other < MIGHTY_IDS_SHARDS_MAX; other++)
		assert_ptr_equal(mighty_ids_find(ids, (uint16_t)((id & ~15) | other)),
						 other == 3 ? owners : NULL);
	assert_int_equal(mighty_ids_set(ids, id ^ 1, owners), ERR_NOT_FOUND);
	mighty_ids_remove(ids, id ^ 1, NOW);
	assert_ptr_equal(mighty_ids_find(ids, id), owners);
	mighty_ids_free(ids);
}

static void test_rest(void **state) {
	static uint16_t got[OF_A_SHARD];
	struct mighty_ids *ids = new_ids(1);
	for (size_t i = 0; i < OF_A_SHARD; i++)
		assert_int_equal(mighty_ids_add(ids, &owners[i], NOW, &got[i]), ERR_OK);
	mighty_ids_remove(ids, got[5], NOW);
	assert_null(mighty_ids_find(ids, got[5]));
	uint16_t id;
	assert_int_equal(mighty_ids_add(ids, owners, NOW + MIGHTY_IDS_REST - 1, &id), ERR_LIMIT);
	assert_int_equal(mighty_ids_add(ids, owners, NOW + MIGHTY_IDS_REST, &id), ERR_OK);
	assert_int_equal(id, got[5]);
	/* Twice given back is given back once. */
	mighty_ids_remove(ids, got[6], NOW);
	mighty_ids_remove(ids, got[6], NOW + MIGHTY_IDS_REST);
	assert_int_equal(mighty_ids_add(ids, owners, NOW + MIGHTY_IDS_REST, &id), ERR_OK);
	assert_int_equal(id, got[6]);
	mighty_ids_free(ids);
}

static void test_set(void **state) {
	struct mighty_ids *ids = new_ids(0);
	uint16_t id;
	assert_int_equal(mighty_ids_add(ids, NULL, NOW, &id), ERR_INVALID);
	assert_int_equal(mighty_ids_add(ids, &owners[0], NOW, &id), ERR_OK);
	assert_int_equal(mighty_ids_set(ids, id, NULL), ERR_INVALID);
	assert_int_equal(mighty_ids_set(ids, id, &owners[1]), ERR_OK);
	assert_ptr_equal(mighty_ids_find(ids, id), &owners[1]);
	mighty_ids_remove(ids, id, NOW);
	assert_int_equal(mighty_ids_set(ids, id, &owners[1]), ERR_NOT_FOUND);
	mighty_ids_free(ids);
}

static void test_shards(void **state) {
	struct mighty_ids *ids = NULL;
	assert_int_equal(mighty_ids_new(&randomness, 2, 2, &ids), ERR_INVALID);
	assert_int_equal(mighty_ids_new(&randomness, 0, 0, &ids), ERR_INVALID);
	assert_int_equal(mighty_ids_new(&randomness, 0, 17, &ids), ERR_INVALID);
	assert_null(ids);
	mighty_ids_free(ids);
}

/* Where most are in use, those that are left are still as likely as each other. */
static void test_spread(void **state) {
	enum { LEFT = 4, DRAWS = 4000 };
	static uint16_t got[OF_A_SHARD];
	struct mighty_ids *ids = new_ids(2);
	for (size_t i = 0; i < OF_A_SHARD; i++)
		assert_int_equal(mighty_ids_add(ids, &owners[i], NOW, &got[i]), ERR_OK);
	unsigned counts[LEFT] = {0};
	uint64_t now = NOW;
	for (size_t i = 0; i < LEFT; i++)
		mighty_ids_remove(ids, got[i], now);
	for (int draw = 0; draw < DRAWS; draw++) {
		uint16_t id;
		now += MIGHTY_IDS_REST;
		assert_int_equal(mighty_ids_add(ids, owners, now, &id), ERR_OK);
		for (size_t i = 0; i < LEFT; i++)
			counts[i] += id == got[i] ? 1 : 0;
		mighty_ids_remove(ids, id, now);
	}
	for (size_t i = 0; i < LEFT; i++)
		assert_in_range(counts[i], DRAWS / LEFT - 200, DRAWS / LEFT + 200);
	mighty_ids_free(ids);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_all_shards),
		cmocka_unit_test(test_ids_of_others),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_shards),
		cmocka_unit_test(test_spread),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
