#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "proto/device_draft.h"

enum { MOST = 3, ITEMS = 100 };

static void grows_when_full(void **state) {
	(void)state;
	int *items = NULL;
	size_t capacity = 0;
	for (size_t count = 0; count < ITEMS; count++) {
		const size_t before = capacity;
		assert_true(device_draft_grow((void **)&items, count, &capacity, sizeof *items));
		assert_true(capacity > count);
		assert_true(capacity == before || count == before);
		items[count] = (int)count;
	}
	for (size_t i = 0; i < ITEMS; i++)
		assert_int_equal(items[i], i);
	free(items);
}

static void has_each_endpoint_once(void **state) {
	(void)state;
	struct endpoint list[MOST], endpoint = {.address = {{192, 0, 2, 1}, ADDRESS_V4}};
	size_t count = 0;
	for (endpoint.port = 1; endpoint.port <= MOST; endpoint.port++)
		for (unsigned times = 0; times < 2; times++) {
			assert_int_equal(device_draft_add_endpoint(list, &count, MOST, &endpoint), 0);
			assert_int_equal(count, endpoint.port);
			assert_true(endpoint_equal(&list[count - 1], &endpoint));
		}
	assert_int_equal(device_draft_add_endpoint(list, &count, MOST, &endpoint), ENOSPC);
	assert_int_equal(device_draft_add_endpoint(list, &count, MOST, &list[0]), 0);
	assert_int_equal(count, MOST);
}

static void has_each_prefix_once(void **state) {
	(void)state;
	struct prefix list[MOST], prefix = {.address = {{10}, ADDRESS_V4}};
	size_t count = 0;
	for (prefix.length = 8; prefix.length < 8 + MOST; prefix.length++)
		for (unsigned times = 0; times < 2; times++) {
			assert_int_equal(device_draft_add_prefix(list, &count, MOST, &prefix), 0);
			assert_int_equal(count, prefix.length - 7);
			assert_true(prefix_equal(&list[count - 1], &prefix));
		}
	assert_int_equal(device_draft_add_prefix(list, &count, MOST, &prefix), ENOSPC);
	assert_int_equal(device_draft_add_prefix(list, &count, MOST, &list[0]), 0);
	assert_int_equal(count, MOST);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_when_full),
		cmocka_unit_test(has_each_endpoint_once),
		cmocka_unit_test(has_each_prefix_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
