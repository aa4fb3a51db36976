#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/stream_line.h"
#include "conf/both_kinds.h"

#define ONES "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
#define TWOS "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"
#define THREES "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM"
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SHORT "phantom://" ONES "@vpn.example.org:443?key=" TWOS

static struct stream_line good(const char *text) {
	struct stream_line line;
	const char *problem;
	if (stream_line_parse(text, &line, &problem))
		fail_msg("%s: %s", text, problem);
	assert_null(problem);
	return line;
}

static void the_least(void **state) {
	const struct stream_line line = good(" \n" SHORT "\r\n");
	assert_int_equal(line.private_key[31], 1);
	assert_int_equal(line.server_key[0], 2);
	assert_string_equal(line.host, "vpn.example.org");
	assert_int_equal(line.port, 443);
	assert_int_equal(line.pin_count, 0);
	assert_string_equal(line.server_name, "");
	assert_string_equal(line.cookie, "");
	assert_string_equal(line.path, "");
	assert_string_equal(line.label, "");
}

static void all_of_it(void **state) {
	static const char text[] = "phantom://" ONES "@[2001:db8::1]:8443?key=" TWOS "&pin=" THREES
							   "&pin=" ONES "&name=vpn.example.org&cookie=sid&path=%2Fa%3Fb%3D1"
							   "&address=10.66.0.2&address=fd66::2&route=0.0.0.0/0&route=fd00::/8"
							   "&dns=10.66.0.1#alice%20%40home";
	const struct stream_line line = good(text);
	char *formatted;
	assert_string_equal(line.host, "2001:db8::1");
	assert_int_equal(line.port, 8443);
	assert_int_equal(line.pin_count, 2);
	assert_int_equal(line.pins[0][31], 3);
	assert_string_equal(line.server_name, "vpn.example.org");
	assert_string_equal(line.cookie, "sid");
	assert_string_equal(line.path, "/a?b=1");
	assert_string_equal(line.label, "alice @home");
	assert_int_equal(line.address_count, 2);
	assert_int_equal(line.addresses[1].bytes[15], 2);
	assert_int_equal(line.route_count, 2);
	assert_int_equal(line.routes[1].length, 8);
	assert_int_equal(line.dns_count, 1);
	assert_int_equal(line.dns[0].bytes[3], 1);
	assert_int_equal(stream_line_format(&line, &formatted), ERR_OK);
	assert_string_equal(formatted, text);
	free(formatted);
}

static void what_is_unknown(void **state) {
	const struct stream_line line = good(SHORT "&carrier=quic&x&&=y#%zz");
	assert_int_equal(line.server_key[31], 2);
	assert_string_equal(line.label, "");
}

static void bad_lines(void **state) {
	static const struct {
		const char *text, *problem;
	} rows[] = {
		{"", "is of another kind"},
		{"phantom:" ONES, "is of another kind"},
		{"wireguard://" ONES "@a:1?key=" TWOS, "is of another kind"},
		{"phantom://@a:1?key=" TWOS, "begins with no private key"},
		{"phantom://a:1?key=" TWOS, "begins with no private key"},
		{"phantom://" ZEROS "@a:1?key=" TWOS, "begins with no private key"},
		{"phantom://" ONES "A@a:1?key=" TWOS, "begins with no private key"},
		{"phantom://" ONES "?key=" TWOS, "has no host and port behind its private key"},
		{"phantom://" ONES "@a?key=" TWOS, "has no host and port behind its private key"},
		{"phantom://" ONES "@:1?key=" TWOS, "has no host and port behind its private key"},
		{"phantom://" ONES "@a:0?key=" TWOS, "has no host and port behind its private key"},
		{"phantom://" ONES "@a:65536?key=" TWOS, "has no host and port behind its private key"},
		{"phantom://" ONES "@::1:1?key=" TWOS, "has no host and port behind its private key"},
		{"phantom://" ONES "@[]:1?key=" TWOS, "has no host and port behind its private key"},
		{"phantom://" ONES "@a%0a:1?key=" TWOS, "has no host and port behind its private key"},
		{"phantom://" ONES "@a:1", "has no key of the server"},
		{"phantom://" ONES "@a:1#key=" TWOS, "has no key of the server"},
		{SHORT "&key=x", "has a key that is none"},
		{SHORT "&pin=" ONES "=", "has a pin that is none"},
		{SHORT "&name=", "has a name that is none"},
		{SHORT "&name=%4", "has a name that is none"},
		{SHORT "&cookie=%00", "has a cookie that is none"},
		{SHORT "&path=a\x80", "has a path that is none"},
		{SHORT "&address=10.66.0.2/24", "has an address that is none"},
		{SHORT "&address=", "has an address that is none"},
		{SHORT "&route=10.66.0.0/33", "has a route that is none"},
		{SHORT "&route=any", "has a route that is none"},
		{SHORT "&dns=ns.example.org", "has a name server that is none"},
		{SHORT "&dns=::1&dns=::1&dns=::1&dns=::1&dns=::1&dns=::1&dns=::1&dns=::1&dns=::1",
		 "has too many addresses"},
		{SHORT "&pin=" ONES "&pin=" ONES "&pin=" ONES "&pin=" ONES "&pin=" ONES "&pin=" ONES
			   "&pin=" ONES "&pin=" ONES "&pin=" ONES,
		 "has too many pins"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct stream_line line = {.port = 7};
		const char *problem;
		assert_int_equal(stream_line_parse(rows[i].text, &line, &problem), ERR_INVALID);
		assert_string_equal(problem, rows[i].problem);
		assert_int_equal(line.port, 7);
	}
	char text[2 * STREAM_LINE_MAX] = SHORT;
	for (size_t i = 0; i <= STREAM_LINE_ROUTES_MAX; i++)
		strcat(text, "&route=::/0");
	assert_int_equal(stream_line_parse(text, &(struct stream_line){0}, &(const char *){NULL}),
					 ERR_INVALID);
	strcpy(text, SHORT "&x=");
	memset(text + strlen(text), 'x', STREAM_LINE_MAX);
	struct stream_line line;
	const char *problem;
	assert_int_equal(stream_line_parse(text, &line, &problem), ERR_INVALID);
	assert_string_equal(problem, "is too long");
}

static void which_texts_are_lines(void **state) {
	assert_true(stream_line_is_one("phantom://"));
	assert_true(stream_line_is_one("\n phantom://x"));
	assert_false(stream_line_is_one("phantom:/"));
	assert_false(stream_line_is_one("[Interface]\n"));
	assert_false(stream_line_is_one(""));
}

/* Every part at its longest, all of it to be encoded. */
static void the_longest(void **state) {
	struct stream_line line = {.port = 65535, .pin_count = STREAM_LINE_PINS_MAX}, again;
	const char *problem;
	char *text;
	memset(line.private_key, 1, TEXT_KEY_SIZE);
	memset(line.server_key, 2, TEXT_KEY_SIZE);
	memset(line.pins, 3, sizeof line.pins);
	memset(line.host, 'h', CONFIG_HOST_MAX);
	memset(line.server_name, '!', CONFIG_HOST_MAX);
	memset(line.cookie, '!', CONFIG_COOKIE_MAX);
	memset(line.path, '/', CONFIG_URL_PATH_MAX);
	memset(line.label, ' ', CONFIG_LABEL_MAX);
	line.address_count = STREAM_LINE_ADDRESSES_MAX;
	line.route_count = STREAM_LINE_ROUTES_MAX;
	line.dns_count = STREAM_LINE_DNS_MAX;
	for (size_t i = 0; i < STREAM_LINE_ROUTES_MAX; i++) {
		const struct address address = {{[0 ... 15] = 0xfd}, ADDRESS_V6};
		line.addresses[i % STREAM_LINE_ADDRESSES_MAX] = address;
		line.dns[i % STREAM_LINE_DNS_MAX] = address;
		line.routes[i] = (struct prefix){address, 128};
	}
	assert_int_equal(stream_line_format(&line, &text), ERR_OK);
	assert_int_equal(stream_line_parse(text, &again, &problem), ERR_OK);
	assert_memory_equal(&line, &again, sizeof line);
	free(text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least),       cmocka_unit_test(all_of_it),
		cmocka_unit_test(what_is_unknown), cmocka_unit_test(bad_lines),
		cmocka_unit_test(the_longest),     cmocka_unit_test(which_texts_are_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
