#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "engine/index_table.h"

/* Repeats itself from run to run (xorshift). */
static void fill_pseudo(void *context, void *out_data, size_t size) {
	uint64_t *state = context;
	uint8_t *data = out_data;
	for (size_t i = 0; i < size; i++) {
		*state ^= *state << 13;
		*state ^= *state >> 7;
		*state ^= *state << 17;
		data[i] = (uint8_t)(*state >> 32);
	}
}

/* Hands out the words of a script, then pseudo-random ones. */
struct script {
	const uint32_t *words;
	size_t count;
	uint64_t state;
};

static void fill_script(void *context, void *out_data, size_t size) {
	struct script *script = context;
	if (script->count == 0 || size != sizeof script->words[0]) {
		fill_pseudo(&script->state, out_data, size);
		return;
	}
	memcpy(out_data, script->words, size);
	script->words++;
	script->count--;
}

static struct index_table *new_table(const struct random_source *random, unsigned shard) {
	struct index_table *table = NULL;
	assert_int_equal(index_table_new(random, shard, &table), ERR_OK);
	assert_non_null(table);
	return table;
}

static void test_low_bits_name_the_shard(void **state) {
	uint64_t seed = 1;
	struct random_source random = {.fill = fill_pseudo, .context = &seed};
	for (unsigned shard = 0; shard < INDEX_TABLE_SHARDS; shard++) {
		struct index_table *table = new_table(&random, shard);
		uint32_t any = 0;
		for (size_t i = 0; i < 100; i++) {
			uint32_t index;
			assert_int_equal(index_table_add(table, &seed, &index), ERR_OK);
			assert_int_equal(index & 15, shard);
			assert_int_not_equal(index, 0);
			any |= index;
		}
		assert_int_equal(any | 15, UINT32_MAX);
		index_table_free(table);
	}
	struct index_table *untouched = NULL;
	assert_int_equal(index_table_new(&random, INDEX_TABLE_SHARDS, &untouched), ERR_INVALID);
	assert_null(untouched);
	index_table_free(NULL);
}

static void test_zero_and_used_indices_are_drawn_again(void **state) {
	static const uint32_t words[] = {0x00000007, 0x50000003, 0x50000009, 0x0000000f, 0x60000000};
	struct script script = {.words = words, .count = 5, .state = 3};
	struct random_source random = {.fill = fill_script, .context = &script};
	struct index_table *table = new_table(&random, 0);
	uint32_t index;
	assert_int_equal(index_table_add(table, &script, &index), ERR_OK);
	assert_int_equal(index, 0x50000000);
	assert_int_equal(index_table_add(table, &script, &index), ERR_OK);
	assert_int_equal(index, 0x60000000);
	assert_int_equal(index_table_count(table), 2);
	index_table_free(table);
}

static void test_set_replaces_only_what_is_there(void **state) {
	uint64_t seed = 5;
	struct random_source random = {.fill = fill_pseudo, .context = &seed};
	struct index_table *table = new_table(&random, 4);
	int first, second;
	uint32_t index;
	assert_int_equal(index_table_add(table, NULL, &index), ERR_INVALID);
	assert_int_equal(index_table_add(table, &first, &index), ERR_OK);
	assert_ptr_equal(index_table_find(table, index), &first);
	assert_int_equal(index_table_set(table, index, &second), ERR_OK);
	assert_ptr_equal(index_table_find(table, index), &second);
	assert_int_equal(index_table_set(table, index, NULL), ERR_INVALID);
	assert_int_equal(index_table_set(table, index ^ 0x100, &first), ERR_NOT_FOUND);
	assert_null(index_table_find(table, index ^ 0x100));
	assert_null(index_table_find(table, index ^ 1)); /* another shard's */
	assert_null(index_table_find(table, 0));
	index_table_remove(table, index ^ 0x100);
	index_table_remove(table, 0);
	assert_ptr_equal(index_table_find(table, index), &second);
	index_table_remove(table, index);
	index_table_remove(table, index);
	assert_null(index_table_find(table, index));
	assert_int_equal(index_table_count(table), 0);
	index_table_free(table);
}

/* Neighbours at the end of the table wrap around to its beginning; every order of removal. */
static void test_removal_keeps_colliding_indices(void **state) {
	/* Homes 62, 62, 63, 62, 0 of 64. */
	static const uint32_t words[5] = {0x103e0, 0x203e0, 0x303f0, 0x403e0, 0x50000};
	for (size_t order = 0; order < 5 * 4 * 3 * 2; order++) {
		struct script script = {.words = words, .count = 5, .state = 3};
		struct random_source random = {.fill = fill_script, .context = &script};
		struct index_table *table = new_table(&random, 9);
		bool present[5] = {false};
		int owners[5];
		uint32_t indices[5];
		for (size_t i = 0; i < 5; i++) {
			assert_int_equal(index_table_add(table, &owners[i], &indices[i]), ERR_OK);
			assert_int_equal(indices[i], words[i] | 9);
			present[i] = true;
		}
		size_t code = order;
		for (size_t left = 5; left > 0; left--) {
			size_t victim = 0;
			for (size_t skip = code % left; skip > 0 || !present[victim]; victim++)
				skip -= present[victim];
			code /= left;
			index_table_remove(table, indices[victim]);
			present[victim] = false;
			for (size_t i = 0; i < 5; i++)
				assert_ptr_equal(index_table_find(table, indices[i]),
								 present[i] ? &owners[i] : NULL);
		}
		index_table_free(table);
	}
}

static void test_many_random_edits_against_an_array(void **state) {
	enum { SLOTS = 3000, EDITS = 60000 };
	static uint32_t indices[SLOTS]; /* 0: free */
	static int owners[2][SLOTS];
	static void *expected[SLOTS];
	uint64_t seed = 7;
	struct random_source random = {.fill = fill_pseudo, .context = &seed};
	struct index_table *table = new_table(&random, 15);
	size_t count = 0;
	for (size_t i = 0; i < EDITS; i++) {
		size_t slot = random_u32(&random) % SLOTS;
		if (indices[slot] == 0) {
			expected[slot] = &owners[0][slot];
			assert_int_equal(index_table_add(table, expected[slot], &indices[slot]), ERR_OK);
			count++;
		} else if (i % 3 == 0) {
			expected[slot] = &owners[1][slot];
			assert_int_equal(index_table_set(table, indices[slot], expected[slot]), ERR_OK);
		} else {
			index_table_remove(table, indices[slot]);
			assert_null(index_table_find(table, indices[slot]));
			indices[slot] = 0;
			count--;
		}
		assert_int_equal(index_table_count(table), count);
		if (i % 5000 != 0)
			continue;
		for (size_t j = 0; j < SLOTS; j++)
			if (indices[j] != 0)
				assert_ptr_equal(index_table_find(table, indices[j]), expected[j]);
	}
	index_table_free(table);
}

static void test_limit(void **state) {
	uint64_t seed = 11;
	struct random_source random = {.fill = fill_pseudo, .context = &seed};
	struct index_table *table = new_table(&random, 2);
	uint32_t index = 0;
	for (size_t i = 0; i < INDEX_TABLE_MAXIMUM; i++)
		if (index_table_add(table, &seed, &index))
			fail();
	uint32_t last = index;
	assert_int_equal(index_table_add(table, &seed, &index), ERR_LIMIT);
	assert_int_equal(index, last);
	index_table_remove(table, last);
	assert_int_equal(index_table_add(table, &seed, &index), ERR_OK);
	assert_int_equal(index_table_count(table), INDEX_TABLE_MAXIMUM);
	index_table_free(table);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_low_bits_name_the_shard),
		cmocka_unit_test(test_zero_and_used_indices_are_drawn_again),
		cmocka_unit_test(test_set_replaces_only_what_is_there),
		cmocka_unit_test(test_removal_keeps_colliding_indices),
		cmocka_unit_test(test_many_random_edits_against_an_array),
		cmocka_unit_test(test_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
