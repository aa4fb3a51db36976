#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/quota.h"

static void longest_unread_goes_first(void **state) {
	struct quota *quota;
	assert_int_equal(quota_new(100, &quota), ERR_OK);
	struct quota_item items[3];
	for (size_t i = 0; i < 3; i++) {
		quota_item_init(&items[i]);
		quota_add(quota, &items[i], 30);
	}
	assert_null(quota_victim(quota));
	quota_add(quota, &items[2], 10);
	assert_null(quota_victim(quota));
	quota_add(quota, &items[2], 1);
	assert_ptr_equal(quota_victim(quota), &items[0]);
	/* More data is no reading; reading a byte is. */
	quota_add(quota, &items[0], 10);
	assert_ptr_equal(quota_victim(quota), &items[0]);
	quota_release(quota, &items[0], 1);
	assert_ptr_equal(quota_victim(quota), &items[1]);
	quota_release(quota, &items[1], 0);
	assert_ptr_equal(quota_victim(quota), &items[1]);
	quota_forget(quota, &items[1]);
	assert_null(quota_victim(quota));
	assert_int_equal(quota_used(quota), 39 + 41);
	/* Who has nothing is never chosen, and comes back as the latest. */
	quota_add(quota, &items[1], 60);
	assert_ptr_equal(quota_victim(quota), &items[2]);
	for (size_t i = 0; i < 3; i++) {
		quota_forget(quota, &items[i]);
		quota_forget(quota, &items[i]);
	}
	assert_int_equal(quota_used(quota), 0);
	quota_free(quota);
	quota_free(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(longest_unread_goes_first)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
