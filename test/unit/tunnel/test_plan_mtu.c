#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tunnel/plan_mtu.h"

#define V4 ADDRESS_V4
#define V6 ADDRESS_V6

static uint32_t of(enum address_family family, uint32_t mtu, bool v6) {
	const struct plan_mtu_way way = {family, mtu};
	return plan_mtu(&way, 1, v6);
}

static void test_overhead(void **state) {
	assert_int_equal(of(V4, 1500, true), 1440);
	assert_int_equal(of(V6, 1500, true), 1420);
	assert_int_equal(of(ADDRESS_NONE, 1500, true), 1420);
	assert_int_equal(of(V4, 1400, false), 1340);
	assert_int_equal(of(V6, 9000, true), 8920);
}

static void test_bounds(void **state) {
	assert_int_equal(of(V4, 65535, true), 65475);
	assert_int_equal(of(V6, UINT32_MAX, true), PLAN_MTU_MAX);
	assert_int_equal(of(V4, 1340, true), 1280);
	assert_int_equal(of(V4, 1339, true), 1280);
	assert_int_equal(of(V4, 1339, false), 1279);
	assert_int_equal(of(V4, 600, false), 576);
	assert_int_equal(of(V6, 1, false), 576);
	assert_int_equal(of(V6, 1, true), 1280);
}

static void test_least(void **state) {
	const struct plan_mtu_way ways[] = {{V4, 9000}, {V4, 1500}, {V6, 1510}, {V4, 0}};
	assert_int_equal(plan_mtu(ways, 4, true), 1430);
	assert_int_equal(plan_mtu(ways, 2, true), 1440);
	assert_int_equal(plan_mtu(ways, 1, true), 8940);
}

static void test_unknown(void **state) {
	assert_int_equal(of(V4, 0, true), PLAN_MTU);
	assert_int_equal(plan_mtu(NULL, 0, false), PLAN_MTU);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overhead),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
