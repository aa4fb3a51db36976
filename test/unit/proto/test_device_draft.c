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

static void assert_edit(const struct device_draft_edit *edit, enum device_draft_edit_kind kind,
						size_t draft, unsigned removals) {
	assert_int_equal(edit->kind, kind);
	assert_int_equal(edit->draft, draft);
	assert_int_equal(edit->removals, removals);
}

static void keeps_edits_in_their_order(void **state) {
	(void)state;
	const struct prefix prefix = {.address = {{10}, ADDRESS_V4}, .length = 8};
	struct uapi_entry replace = {.key = UAPI_REPLACE_ALLOWED_IPS};
	struct uapi_entry allowed = {.key = UAPI_ALLOWED_IP, .prefix = prefix};
	struct uapi_entry other = {.key = UAPI_ENDPOINT};
	struct device_draft_edits edits = {.count = 0};
	assert_int_equal(device_draft_edits_take(&edits, &other, 0, 0), EINVAL);
	assert_int_equal(edits.count, 0);
	for (unsigned i = 0; i < ITEMS; i++) {
		allowed.subtract = false;
		assert_int_equal(device_draft_edits_take(&edits, &replace, i, 1), 0);
		assert_int_equal(device_draft_edits_take(&edits, &allowed, i, 2), 0);
		allowed.subtract = true;
		assert_int_equal(device_draft_edits_take(&edits, &allowed, i, 3), 0);
	}
	assert_int_equal(edits.count, 3 * ITEMS);
	for (size_t i = 0; i < ITEMS; i++) {
		const struct device_draft_edit *edit = &edits.items[3 * i];
		assert_edit(&edit[0], DEVICE_DRAFT_PREFIXES_REPLACED, i, 1);
		assert_edit(&edit[1], DEVICE_DRAFT_PREFIX_ADDED, i, 2);
		assert_edit(&edit[2], DEVICE_DRAFT_PREFIX_TAKEN, i, 3);
		assert_true(prefix_equal(&edit[1].prefix, &prefix));
		assert_true(prefix_equal(&edit[2].prefix, &prefix));
	}
	device_draft_edits_done(&edits);
	assert_int_equal(edits.count, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_when_full),
		cmocka_unit_test(has_each_endpoint_once),
		cmocka_unit_test(has_each_prefix_once),
		cmocka_unit_test(keeps_edits_in_their_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
