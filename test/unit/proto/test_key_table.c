#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/key_table.h"

enum { ITEMS = 1000, KEY_SIZE = 4 };

static void fill(void *context, void *out_data, size_t size) {
	memset(out_data, 7, size);
}

static const struct random_source random_source = {fill, NULL};

struct item {
	uint8_t key[KEY_SIZE];
	bool is_in;
};

static void make_items(struct item items[static ITEMS]) {
	for (size_t i = 0; i < ITEMS; i++)
		items[i] = (struct item){.key = {(uint8_t)i, (uint8_t)(i >> 8)}};
}

static void assert_table(const struct key_table *table, struct item items[static ITEMS]) {
	size_t count = 0;
	for (size_t i = 0; i < ITEMS; i++) {
		uint8_t key[KEY_SIZE];
		memcpy(key, items[i].key, sizeof key);
		assert_ptr_equal(key_table_find(table, key), items[i].is_in ? &items[i] : NULL);
		count += items[i].is_in ? 1 : 0;
	}
	assert_int_equal(table->count, count);
}

/* Whatever comes and goes, in whatever order: the rest is still found. */
static void test_comes_and_goes(void **state) {
	static struct item items[ITEMS];
	struct key_table table;
	uint32_t draw = 1;
	make_items(items);
	key_table_init(&table, &random_source, KEY_SIZE);
	assert_table(&table, items);
	for (unsigned round = 0; round < 40; round++) {
		for (size_t i = 0; i < ITEMS / 4; i++) {
			draw = draw * 1664525 + 1013904223;
			struct item *item = &items[(draw >> 8) % ITEMS];
			if (item->is_in)
				key_table_remove(&table, item->key);
			else
				assert_int_equal(key_table_add(&table, item->key, item), ERR_OK);
			item->is_in = !item->is_in;
		}
		assert_table(&table, items);
	}
	key_table_done(&table);
	key_table_done(&table);
}

/* A copy stays as it was, also of one that is empty. */
static void test_copy(void **state) {
	static struct item items[ITEMS];
	struct key_table table;
	make_items(items);
	key_table_init(&table, &random_source, KEY_SIZE);
	struct key_table *copy = key_table_copy(&table);
	assert_table(copy, items);
	for (size_t i = 0; i < ITEMS; i += 2) {
		assert_int_equal(key_table_add(&table, items[i].key, &items[i]), ERR_OK);
		items[i].is_in = true;
	}
	assert_null(key_table_find(copy, items[0].key));
	free(copy);
	copy = key_table_copy(&table);
	for (size_t i = 0; i < ITEMS; i += 2)
		key_table_remove(&table, items[i].key);
	assert_int_equal(table.count, 0);
	key_table_done(&table);
	assert_table(copy, items);
	free(copy);
}

static void test_one_of_a_key(void **state) {
	struct item first = {.key = {1}}, second = {.key = {1}}, other = {.key = {2}};
	struct key_table table;
	key_table_init(&table, &random_source, KEY_SIZE);
	key_table_remove(&table, first.key);
	assert_int_equal(key_table_add(&table, first.key, &first), ERR_OK);
	assert_int_equal(key_table_add(&table, second.key, &second), ERR_EXISTS);
	key_table_remove(&table, other.key);
	assert_ptr_equal(key_table_find(&table, second.key), &first);
	key_table_remove(&table, second.key);
	assert_null(key_table_find(&table, first.key));
	assert_int_equal(key_table_add(&table, second.key, &second), ERR_OK);
	assert_ptr_equal(key_table_find(&table, first.key), &second);
	key_table_done(&table);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_and_goes),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_one_of_a_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
