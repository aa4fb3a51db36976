#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/resolv_conf.h"

static void parse(const char *text, struct resolv_conf *file) {
	resolv_conf_parse(text, strlen(text), file);
}

static void check_server(const struct resolv_conf *file, size_t index, const char *expected) {
	char text[ENDPOINT_TEXT_SIZE];
	assert_true(index < file->server_count);
	endpoint_format(&file->servers[index], text);
	assert_string_equal(text, expected);
}

static void test_parse(void **state) {
	struct resolv_conf file;
	parse("# nameserver 192.0.2.9\n"
		  "; nameserver 192.0.2.8\n"
		  "nameserver 192.0.2.1\n"
		  "nameserver\t2001:db8::1 # that one\r\n"
		  "  nameserver 192.0.2.2\n"
		  "nameserver\n"
		  "nameserver here\n"
		  "nameserver fe80::1%nowhere0\n"
		  "nameservers 192.0.2.7\n"
		  "search home example.org\n"
		  "options ndots:2 trust-ad edns0\n"
		  "options timeout:1 wrong;word\n"
		  "nameserver ::1",
		  &file);
	assert_int_equal(file.server_count, 4);
	check_server(&file, 0, "192.0.2.1:53");
	check_server(&file, 1, "[2001:db8::1]:53");
	check_server(&file, 2, "192.0.2.2:53");
	check_server(&file, 3, "[::1]:53");
	assert_string_equal(file.options, "ndots:2 edns0 timeout:1");
}

static void test_scopes(void **state) {
	struct resolv_conf file;
	parse("nameserver fe80::1%lo\n", &file);
	assert_int_equal(file.server_count, 1);
	assert_int_equal(file.servers[0].scope_id, 1);
}

static void test_limits(void **state) {
	char text[8192] = "";
	struct resolv_conf file;
	size_t used = 0;
	for (int i = 0; i < 40; i++)
		used += (size_t)sprintf(text + used, "nameserver 192.0.2.%d\n", i);
	used += (size_t)sprintf(text + used, "options");
	for (int i = 0; i < 400; i++)
		used += (size_t)sprintf(text + used, " word:%d", i);
	resolv_conf_parse(text, used, &file);
	assert_int_equal(file.server_count, RESOLV_CONF_SERVERS_MAX);
	assert_true(strlen(file.options) > 200 && strlen(file.options) < sizeof file.options);
	memset(text, 'x', sizeof text);
	resolv_conf_parse(text, sizeof text, &file);
	assert_int_equal(file.server_count, 0);
	resolv_conf_parse("nameserver 192.0.2.1\0\nnameserver 192.0.2.2\n", 44, &file);
	assert_int_equal(file.server_count, 1);
	check_server(&file, 0, "192.0.2.2:53");
	resolv_conf_parse(NULL, 0, &file);
	assert_int_equal(file.server_count, 0);
}

static void test_format(void **state) {
	struct address servers[2];
	const char *const search[] = {"example.org", "home"};
	assert_int_equal(address_parse("10.0.0.1", &servers[0]), ERR_OK);
	assert_int_equal(address_parse("fd00::1", &servers[1]), ERR_OK);
	struct resolv_conf_wish wish = {servers, 2, search, 2, "edns0"};
	char *text;
	size_t size;
	assert_int_equal(resolv_conf_format(&wish, &text, &size), ERR_OK);
	assert_int_equal(size, strlen(text));
	assert_true(resolv_conf_is_ours(text, size));
	assert_false(resolv_conf_is_ours(text, 20));
	assert_false(resolv_conf_is_ours("nameserver 10.0.0.1\n", 20));
	assert_string_equal(strstr(text, "nameserver"), "nameserver 10.0.0.1\nnameserver fd00::1\n"
													"search example.org home\noptions edns0\n");
	struct resolv_conf file;
	resolv_conf_parse(text, size, &file);
	assert_int_equal(file.server_count, 2);
	free(text);
	wish = (struct resolv_conf_wish){servers, 1, NULL, 0, ""};
	assert_int_equal(resolv_conf_format(&wish, &text, &size), ERR_OK);
	assert_string_equal(strstr(text, "nameserver"), "nameserver 10.0.0.1\n");
	free(text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_format),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
