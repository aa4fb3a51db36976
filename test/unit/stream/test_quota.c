#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/quota.h"

static void longest_unread_goes_first(void **state) {
	struct quota *quota;
	assert_int_equal(quota_new(100, NULL, &quota), ERR_OK);
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

/* Of all clients the one that holds the most loses what it has not read for longest. */
static void greediest_client_goes_first(void **state) {
	struct quota *total, *clients[3];
	struct quota_item items[3][2];
	assert_int_equal(quota_new(100, NULL, &total), ERR_OK);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(quota_new(80, total, &clients[i]), ERR_OK);
		for (size_t j = 0; j < 2; j++)
			quota_item_init(&items[i][j]);
	}
	quota_add(clients[0], &items[0][0], 10);
	quota_add(clients[1], &items[1][0], 20);
	quota_add(clients[1], &items[1][1], 40);
	quota_add(clients[2], &items[2][0], 30);
	assert_null(quota_victim(clients[0]));
	assert_int_equal(quota_used(total), 100);
	/* Whoever's byte it is that was one too many. */
	quota_add(clients[0], &items[0][1], 1);
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(quota_victim(clients[i]), &items[1][0]);
	quota_forget(clients[1], &items[1][0]);
	assert_null(quota_victim(clients[0]));
	/* A client's own limit comes first. */
	quota_add(clients[2], &items[2][1], 51);
	assert_ptr_equal(quota_victim(clients[2]), &items[2][0]);
	quota_set_limit(total, 10);
	quota_forget(clients[2], &items[2][0]);
	assert_ptr_equal(quota_victim(clients[2]), &items[2][1]);
	for (size_t i = 0; i < 3; i++) {
		for (size_t j = 0; j < 2; j++)
			quota_forget(clients[i], &items[i][j]);
		quota_free(clients[i]);
	}
	assert_int_equal(quota_used(total), 0);
	quota_free(total);
}

static void staging_is_shared(void **state) {
	struct quota *total, *clients[3];
	assert_int_equal(quota_new(200, NULL, &total), ERR_OK);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(quota_new(180, total, &clients[i]), ERR_OK);
	quota_stage(clients[0], 89);
	assert_false(quota_is_short(clients[0]));
	quota_stage(clients[0], 1);
	assert_true(quota_is_short(clients[0]));
	quota_unstage(clients[0], 20);
	quota_stage(clients[1], 29);
	assert_false(quota_is_short(clients[0]));
	/* All are: who has more than his share of them is short of it, and nobody else. */
	quota_stage(clients[1], 1);
	assert_int_equal(quota_staged(total), 100);
	assert_true(quota_is_short(clients[0]));
	assert_false(quota_is_short(clients[1]));
	assert_false(quota_is_short(clients[2]));
	quota_unstage(clients[1], 30);
	assert_false(quota_is_short(clients[0]));
	quota_unstage(clients[0], 70);
	for (size_t i = 0; i < 3; i++)
		quota_free(clients[i]);
	assert_int_equal(quota_staged(total), 0);
	quota_free(total);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(longest_unread_goes_first),
									   cmocka_unit_test(greediest_client_goes_first),
									   cmocka_unit_test(staging_is_shared)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
