#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "conf/advice.h"
#include "conf/loading.h"

#define HEAD "tunnels:\n  um0:\n    private_key_file: k\n"

static void test_one_family(void **state) {
	static const struct {
		const char *routes, *advice;
	} rows[] = {
		{"", NULL},
		{"    routes: { include: [10.0.0.0/8] }\n", NULL},
		{"    routes: { include: [0.0.0.0/0] }\n",
		 "IPv6 is blocked by its kill switch: 0.0.0.0/0 is routed into it, but not ::/0"},
		{"    routes: { include: [\"::/0\"] }\n",
		 "IPv4 is blocked by its kill switch: ::/0 is routed into it, but not 0.0.0.0/0"},
		{"    kill_switch: false\n    routes: { include: [0.0.0.0/0] }\n",
		 "IPv6 goes past it: 0.0.0.0/0 is routed into it, but not ::/0"},
		{"    routes: { include: [0.0.0.0/0, \"::/0\"] }\n", NULL},
		{"    routes: { include: [0.0.0.0/0], table: 100 }\n", NULL},
		{"    routes: { include: [0.0.0.0/0], table: off }\n", NULL},
		{"    peers: [{ public_key: \"" KEY_A "\", allowed_ips: [0.0.0.0/0] }]\n",
		 "IPv6 is blocked by its kill switch: 0.0.0.0/0 is routed into it, but not ::/0"},
		{"    peers: [{ public_key: \"" KEY_A "\", allowed_ips: [0.0.0.0/0, \"::/0\"] }]\n", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[256] = HEAD, advice[ADVICE_SIZE] = "untouched";
		strcat(text, rows[i].routes);
		struct config *config = loading_good(text);
		assert_int_equal(advice_of(&config->tunnels[0], advice), rows[i].advice != NULL);
		assert_string_equal(advice, rows[i].advice ? rows[i].advice : "untouched");
		config_free(config);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_family)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
