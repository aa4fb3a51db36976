#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"
#include "store/store_seen.h"

struct list {
	struct store_seen items[16];
	size_t count;
};

static enum err take(void *context, const struct store_seen *seen) {
	struct list *list = context;
	assert_true(list->count < 16);
	list->items[list->count++] = *seen;
	return ERR_OK;
}

static enum err refuse(void *context, const struct store_seen *seen) {
	return ERR_LIMIT;
}

static struct store_seen seen_of(uint8_t client, uint8_t random, uint64_t timestamp) {
	struct store_seen seen = {.timestamp = timestamp};
	memset(seen.client, client, sizeof seen.client);
	memset(seen.random, random, sizeof seen.random);
	return seen;
}

static void keeps_what_was_seen(void **state) {
	char folder[] = "/tmp/umbra-seen-XXXXXX", path[64], problem[STORE_PROBLEM_SIZE], command[96];
	struct store *store;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/umbra.db", folder);
	assert_int_equal(store_open(path, &store, problem), ERR_OK);
	const struct store_seen first = seen_of(1, 2, 1000), second = seen_of(1, 3, 2000),
							third = seen_of(4, 2, 3000), large = seen_of(1, 1, UINT64_MAX);
	assert_int_equal(store_seen_add(store, "a", &first), ERR_OK);
	assert_int_equal(store_seen_add(store, "a", &first), ERR_OK);
	assert_int_equal(store_seen_add(store, "a", &second), ERR_OK);
	assert_int_equal(store_seen_add(store, "b", &third), ERR_OK);
	assert_int_equal(store_seen_add(store, "a", &large), ERR_LIMIT);
	/* Another process finds them. */
	store_close(store);
	assert_int_equal(store_open(path, &store, problem), ERR_OK);
	struct list list = {.count = 0};
	assert_int_equal(store_seen_each(store, "a", take, &list), ERR_OK);
	assert_int_equal(list.count, 2);
	assert_memory_equal(&list.items[0], &first, sizeof first);
	assert_memory_equal(&list.items[1], &second, sizeof second);
	assert_int_equal(store_seen_each(store, "a", refuse, NULL), ERR_LIMIT);
	assert_int_equal(store_seen_trim(store, 2000), ERR_OK);
	list.count = 0;
	assert_int_equal(store_seen_each(store, "a", take, &list), ERR_OK);
	assert_int_equal(list.count, 1);
	assert_int_equal(store_seen_each(store, "b", take, &list), ERR_OK);
	assert_int_equal(list.count, 2);
	assert_memory_equal(&list.items[1], &third, sizeof third);
	store_close(store);
	/* A file of before gets the table. */
	sqlite3 *database;
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(database,
					 "DROP TABLE ticket; DROP TABLE lease; DROP TABLE user_group; DROP TABLE user;"
					 "ALTER TABLE peer DROP COLUMN rules; DROP TABLE seen; PRAGMA user_version = 1",
					 NULL, NULL, NULL),
		SQLITE_OK);
	(void)sqlite3_close(database);
	assert_int_equal(store_open(path, &store, problem), ERR_OK);
	assert_int_equal(store_seen_add(store, "a", &first), ERR_OK);
	store_close(store);
	(void)snprintf(command, sizeof command, "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_what_was_seen)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
