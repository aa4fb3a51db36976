#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "engine/slab.h"

enum { ITEM_SIZE = 48, ITEMS = 1000 };

static void test_reserved_items_are_distinct_and_aligned(void **state) {
	struct slab slab;
	slab_init(&slab, ITEM_SIZE);
	assert_null(slab_take(&slab));
	assert_int_equal(slab_reserve(&slab, ITEMS), ERR_OK);
	assert_true(slab.free_count >= ITEMS);

	static uint8_t *items[ITEMS];
	for (size_t i = 0; i < ITEMS; i++) {
		items[i] = slab_take(&slab);
		assert_non_null(items[i]);
		assert_int_equal((uintptr_t)items[i] % 16, 0);
		memset(items[i], (int)(i % 251), ITEM_SIZE);
	}
	for (size_t i = 0; i < ITEMS; i++)
		for (size_t j = 0; j < ITEM_SIZE; j++)
			assert_int_equal(items[i][j], i % 251);
	assert_int_equal(slab.used_count, ITEMS);
	slab_done(&slab);
}

static void test_given_items_are_used_again(void **state) {
	struct slab slab;
	slab_init(&slab, ITEM_SIZE);
	assert_int_equal(slab_reserve(&slab, 1), ERR_OK);
	size_t memory = slab_memory(&slab);
	for (size_t i = 0; i < ITEMS; i++) {
		assert_int_equal(slab_reserve(&slab, 1), ERR_OK);
		void *item = slab_take(&slab);
		assert_non_null(item);
		slab_give(&slab, item);
	}
	assert_int_equal(slab_memory(&slab), memory);
	assert_int_equal(slab.used_count, 0);
	slab_done(&slab);
}

static void test_memory_is_little_more_than_the_items(void **state) {
	struct slab slab;
	slab_init(&slab, ITEM_SIZE);
	for (size_t i = 0; i < 20000; i++) {
		assert_int_equal(slab_reserve(&slab, 1), ERR_OK);
		assert_non_null(slab_take(&slab));
	}
	assert_true(slab_memory(&slab) < 20000 * ITEM_SIZE * 102 / 100);
	slab_done(&slab);
	assert_int_equal(slab_memory(&slab), 0);
	assert_null(slab_take(&slab));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserved_items_are_distinct_and_aligned),
		cmocka_unit_test(test_given_items_are_used_again),
		cmocka_unit_test(test_memory_is_little_more_than_the_items),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
