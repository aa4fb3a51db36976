#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/mighty_ids.h"

#define NOW (100 * CLOCK_SECOND)

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

static struct mighty_ids *new_ids(unsigned shard) {
	struct mighty_ids *ids;
	seed = shard + 1;
	assert_int_equal(mighty_ids_new(&randomness, shard, &ids), ERR_OK);
	return ids;
}

static void test_all_of_a_shard(void **state) {
	for (unsigned shard = 0; shard < MIGHTY_IDS_SHARDS; shard++) {
		static uint16_t got[MIGHTY_IDS_MAX];
		struct mighty_ids *ids = new_ids(shard);
		const size_t all = shard == 0 ? MIGHTY_IDS_MAX - 1 : MIGHTY_IDS_MAX;
		for (size_t i = 0; i < all; i++) {
			assert_int_equal(mighty_ids_add(ids, &owners[i], NOW, &got[i]), ERR_OK);
			assert_int_not_equal(got[i], 0);
			assert_int_equal(mighty_ids_shard(got[i]), shard);
		}
		/* Each is somebody's own. */
		for (size_t i = 0; i < all; i++)
			assert_ptr_equal(mighty_ids_find(ids, got[i]), &owners[i]);
		uint16_t id = 7;
		assert_int_equal(mighty_ids_add(ids, owners, NOW, &id), ERR_LIMIT);
		assert_int_equal(id, 7);
		mighty_ids_free(ids);
	}
}

/* The low bits of another shard's id say so, and the rest is no reason to find anything. */
static void test_ids_of_others(void **state) {
	struct mighty_ids *ids = new_ids(3);
	uint16_t id;
	assert_int_equal(mighty_ids_add(ids, owners, NOW, &id), ERR_OK);
	for (uint16_t other = 0; other < MIGHTY_IDS_SHARDS; other++)
		assert_ptr_equal(mighty_ids_find(ids, (uint16_t)((id & ~15) | other)),
						 other == 3 ? owners : NULL);
	assert_int_equal(mighty_ids_set(ids, id ^ 1, owners), ERR_NOT_FOUND);
	mighty_ids_remove(ids, id ^ 1, NOW);
	assert_ptr_equal(mighty_ids_find(ids, id), owners);
	mighty_ids_free(ids);
}

static void test_rest(void **state) {
	static uint16_t got[MIGHTY_IDS_MAX];
	struct mighty_ids *ids = new_ids(1);
	for (size_t i = 0; i < MIGHTY_IDS_MAX; i++)
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
	assert_int_equal(mighty_ids_new(&randomness, MIGHTY_IDS_SHARDS, &ids), ERR_INVALID);
	assert_null(ids);
	mighty_ids_free(ids);
}

/* Where most are in use, those that are left are still as likely as each other. */
static void test_spread(void **state) {
	enum { LEFT = 4, DRAWS = 4000 };
	static uint16_t got[MIGHTY_IDS_MAX];
	struct mighty_ids *ids = new_ids(2);
	for (size_t i = 0; i < MIGHTY_IDS_MAX; i++)
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
		cmocka_unit_test(test_all_of_a_shard), cmocka_unit_test(test_ids_of_others),
		cmocka_unit_test(test_rest),           cmocka_unit_test(test_set),
		cmocka_unit_test(test_shards),         cmocka_unit_test(test_spread),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
