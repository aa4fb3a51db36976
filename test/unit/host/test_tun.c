#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "host/tun.h"

static void test_names(void **state) {
	const char *const valid[] = {"wg0", "a", "fifteen-letters", "um.0", "x_y"};
	const char *const invalid[] = {
		"",     "sixteen-letters-", "a b", "a/b", ".", "..", "wg%d", "eth:0", "a\n",
		"\x7f", "\xc3\xa9"};
	for (size_t i = 0; i < sizeof valid / sizeof *valid; i++)
		assert_true(tun_name_valid(valid[i]));
	for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
		assert_false(tun_name_valid(invalid[i]));
}

static void test_request_is_checked_before_anything_is_opened(void **state) {
	struct tun tun;
	memset(&tun, 0x5a, sizeof tun);
	const struct tun before = tun;
	assert_int_equal(tun_open(&(struct tun_request){.name = "", .queues = 1}, &tun), ERR_INVALID);
	assert_int_equal(tun_open(&(struct tun_request){.name = "wg0", .queues = 0}, &tun),
					 ERR_INVALID);
	assert_int_equal(tun_open(&(struct tun_request){.name = "wg0", .queues = 17}, &tun),
					 ERR_INVALID);
	assert_memory_equal(&tun, &before, sizeof tun);
}

static void test_done_of_nothing(void **state) {
	struct tun tun = {.count = 0};
	tun_done(&tun);
	assert_int_equal(tun.count, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_request_is_checked_before_anything_is_opened),
		cmocka_unit_test(test_done_of_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
