#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/holdings.h"

static void asks_who_holds_most(void **state) {
	struct holdings holdings;
	struct holding three[3];
	holdings_init(&holdings, 100);
	for (size_t i = 0; i < 3; i++)
		holdings_add(&holdings, &three[i]);
	holdings_set(&holdings, &three[0], 10);
	holdings_set(&holdings, &three[1], 60);
	holdings_set(&holdings, &three[2], 30);
	assert_null(holdings_excess(&holdings));
	/* Not the one that was too much. */
	holdings_set(&holdings, &three[0], 11);
	assert_ptr_equal(holdings_excess(&holdings), &three[1]);
	holdings_set(&holdings, &three[1], 59);
	assert_null(holdings_excess(&holdings));
	holdings_set(&holdings, &three[2], 200);
	assert_ptr_equal(holdings_excess(&holdings), &three[2]);
	holdings_remove(&holdings, &three[2]);
	assert_null(holdings_excess(&holdings));
	assert_int_equal(holdings.total, 70);
	holdings_remove(&holdings, &three[0]);
	holdings_remove(&holdings, &three[1]);
	assert_int_equal(holdings.total, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_who_holds_most),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
