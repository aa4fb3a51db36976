#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/node_resolvers.h"

static void assert_address(const struct address *address, const char *text) {
	char shown[ADDRESS_TEXT_SIZE];
	address_format(address, shown);
	assert_string_equal(shown, text);
}

static void test_parse(void **state) {
	struct address found[8];
	static const char text[] = "# nameserver 192.0.2.9\n"
							   "search example.org\n"
							   "nameserver 192.0.2.53\n"
							   "nameserver\t2001:db8::53 # second\n"
							   "nameserver 192.0.2.53\n"
							   "nameservers 192.0.2.54\n"
							   "nameserver\n"
							   "nameserver fe80::1%eth0\n"
							   "nameserver 198.51.100.1";
	assert_int_equal(node_resolvers_parse(text, found, 8), 3);
	assert_address(&found[0], "192.0.2.53");
	assert_address(&found[1], "2001:db8::53");
	assert_address(&found[2], "198.51.100.1");
	assert_int_equal(node_resolvers_parse(text, found, 2), 2);
	assert_int_equal(node_resolvers_parse("", found, 8), 0);
}

/* A resolver of this host would ask on without a mark, and be blocked. */
static void test_own_host(void **state) {
	struct address found[8];
	assert_int_equal(node_resolvers_parse("nameserver 127.0.0.53\nnameserver ::1\n", found, 8), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_own_host),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
