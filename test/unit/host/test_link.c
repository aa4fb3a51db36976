#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/link.h"

/* Segments of TCP with timestamps over IPv4 that a packet of this limit holds. */
static uint32_t segments_of(uint32_t mtu, uint32_t limit) {
	return (limit - 52) / (mtu - 52);
}

static void test_gso_size_at_usual_mtu(void **state) {
	assert_int_equal(link_gso_size(1420, 32), 45 * 1368 + 52);
	assert_int_equal(link_gso_size(1420, 32), 61612);
	assert_int_equal(link_gso_size(1280, 32), 49 * 1228 + 52);
}

static void test_gso_size_fits_one_send_and_is_largest(void **state) {
	for (uint32_t mtu = 68; mtu <= 65475; mtu++) {
		uint32_t limit = link_gso_size(mtu, 32), segments = segments_of(mtu, limit);
		assert_true(limit <= 65535);
		assert_true(segments >= 1 && segments <= 64);
		assert_true(segments * (mtu + 32) <= 65507);
		assert_true(segments == 64 || (segments + 1) * (mtu + 32) > 65507);
	}
}

static void test_gso_size_holds_one_packet_of_any_mtu(void **state) {
	assert_int_equal(link_gso_size(65475, 32), 65475);
	assert_int_equal(link_gso_size(65535, 32), 65535);
	assert_int_equal(link_gso_size(52, 32), 52);
	assert_int_equal(link_gso_size(0, 32), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gso_size_at_usual_mtu),
		cmocka_unit_test(test_gso_size_fits_one_send_and_is_largest),
		cmocka_unit_test(test_gso_size_holds_one_packet_of_any_mtu),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
