#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
	int number;
	struct list link;
};

static void test_order(void **state) {
	struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
	struct list head;
	list_init(&head);
	assert_true(list_is_empty(&head));
	for (size_t i = 0; i < 3; i++)
		list_append(&head, &items[i].link);
	assert_false(list_is_empty(&head));
	int expected = 0;
	list_for_each (link, &head) {
		assert_int_equal(list_item(link, struct item, link)->number, expected);
		expected++;
	}
	assert_int_equal(expected, 3);
}

static void test_removal_while_walking(void **state) {
	struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
	struct list head;
	list_init(&head);
	for (size_t i = 0; i < 4; i++)
		list_append(&head, &items[i].link);
	list_for_each (link, &head) {
		if (list_item(link, struct item, link)->number % 2 == 0)
			list_remove(link);
	}
	list_remove(&items[0].link); /* again: nothing happens */
	assert_ptr_equal(list_take_first(&head), &items[1].link);
	assert_ptr_equal(list_take_first(&head), &items[3].link);
	assert_null(list_take_first(&head));
	assert_true(list_is_empty(&head));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_removal_while_walking),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
