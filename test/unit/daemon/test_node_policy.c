#include "daemon/node_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/config.h"

static void test_ports(void **state) {
	struct config_tunnel tunnel = {.listen = {.port = 51820}};
	assert_true(node_policy_port_fits(&tunnel, 51820));
	assert_false(node_policy_port_fits(&tunnel, 51821));
	assert_false(node_policy_port_fits(&tunnel, 0));
	tunnel.listen.port = 0;
	assert_true(node_policy_port_fits(&tunnel, 0));
	assert_true(node_policy_port_fits(&tunnel, 1024));
	assert_false(node_policy_port_fits(&tunnel, 1023));
	assert_false(node_policy_port_fits(&tunnel, 53));
	tunnel.listen.port = 53;
	assert_true(node_policy_port_fits(&tunnel, 53));
	tunnel.carries_streams = true;
	assert_false(node_policy_port_fits(&tunnel, 53));
}

static void test_routes(void **state) {
	static const char *const texts[] = {"0.0.0.0/0", "10.0.0.0/8", "128.0.0.0/1", "::/0",
										"fc00::/7",  "8000::/1",   "192.0.2.1/32"};
	struct prefix prefixes[7];
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(prefix_parse(texts[i], &prefixes[i]), ERR_OK);
	assert_int_equal(node_policy_routes(prefixes, 7), 3);
	static const char *const kept[] = {"10.0.0.0/8", "fc00::/7", "192.0.2.1/32"};
	for (size_t i = 0; i < 3; i++) {
		char text[ADDRESS_TEXT_SIZE];
		prefix_format(&prefixes[i], text);
		assert_string_equal(text, kept[i]);
	}
	assert_int_equal(node_policy_routes(prefixes, 0), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_routes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
