#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/control_gather.h"

static void test_nothing_to_wait_for(void **state) {
	struct control_gather gather = control_gather_until(100);
	assert_true(control_gather_ready(&gather, 0));
}

static void test_waits_for_all(void **state) {
	struct control_gather gather = control_gather_until(100);
	control_gather_expect(&gather, 0);
	control_gather_expect(&gather, 63);
	assert_false(control_gather_ready(&gather, 0));
	control_gather_came(&gather, 1);
	control_gather_came(&gather, 0);
	control_gather_came(&gather, 0);
	assert_false(control_gather_ready(&gather, 0));
	control_gather_came(&gather, 63);
	assert_true(control_gather_ready(&gather, 0));
}

static void test_but_not_for_ever(void **state) {
	struct control_gather gather = control_gather_until(100);
	control_gather_expect(&gather, 5);
	assert_false(control_gather_ready(&gather, 99));
	assert_true(control_gather_ready(&gather, 100));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_to_wait_for),
		cmocka_unit_test(test_waits_for_all),
		cmocka_unit_test(test_but_not_for_ever),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
