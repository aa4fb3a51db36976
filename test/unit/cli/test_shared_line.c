#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/shared_line.h"
#include "conf/all_kinds.h"
#include "crypto/hash.h"

/* sha256sum(1) of what stands before the sum. */
#define KEY "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"
#define ALL                                                                            \
	"mighty://" KEY "@vpn.example.org:51820,192.0.2.1:1,[2001:db8::1]:65535?route=0.0" \
	".0.0/0&route=::/0&name=my%20phone&sum=de208ec0"
#define LEAST "mighty://" KEY "@h:1?sum=2ae9d722"

static struct shared_line parse(const char *text) {
	struct shared_line line;
	const char *problem;
	if (shared_line_parse(text, &line, &problem))
		fail_msg("%s", problem);
	assert_null(problem);
	return line;
}

static void check_formatted(const struct shared_line *line, const char *expected) {
	char *text;
	assert_int_equal(shared_line_format(line, &text), ERR_OK);
	assert_string_equal(text, expected);
	free(text);
}

static void test_all_of_it(void **state) {
	struct shared_line line = parse(ALL);
	for (size_t i = 0; i < sizeof line.key; i++)
		assert_int_equal(line.key[i], i + 1);
	assert_int_equal(line.endpoint_count, 3);
	assert_string_equal(line.endpoints[0].host, "vpn.example.org");
	assert_string_equal(line.endpoints[2].host, "2001:db8::1");
	assert_int_equal(line.endpoints[2].port, 65535);
	assert_int_equal(line.route_count, 2);
	assert_int_equal(line.routes[1].address.family, ADDRESS_V6);
	assert_string_equal(line.label, "my phone");
	check_formatted(&line, ALL);
}

static void test_the_least(void **state) {
	struct shared_line line = parse(" \n" LEAST "\r\n ");
	assert_int_equal(line.endpoint_count, 1);
	assert_int_equal(line.route_count, 0);
	assert_string_equal(line.label, "");
	check_formatted(&line, LEAST);
	assert_true(shared_line_is_one("\n" LEAST));
	assert_false(shared_line_is_one("phantom://" KEY "@h:1"));
	assert_false(shared_line_is_one("[Interface]"));
}

static void refuses(const char *text, const char *expected) {
	struct shared_line line;
	const char *problem = NULL;
	memset(&line, 7, sizeof line);
	const struct shared_line before = line;
	assert_int_equal(shared_line_parse(text, &line, &problem), ERR_INVALID);
	assert_non_null(problem);
	if (expected)
		assert_string_equal(problem, expected);
	assert_memory_equal(&line, &before, sizeof line);
}

/* Whatever character is another one, missing or twice, and wherever the line ends too early. */
static void test_mistyped_lines(void **state) {
	const size_t size = strlen(ALL);
	char text[512];
	for (size_t i = 0; i < size; i++) {
		strcpy(text, ALL);
		text[i] = text[i] == 'x' ? 'y' : 'x';
		refuses(text, NULL);
		strcpy(text, ALL);
		memmove(text + i, text + i + 1, size - i);
		refuses(text, NULL);
		strcpy(text, ALL);
		memmove(text + i + 1, text + i, size - i + 1);
		refuses(text, NULL);
		strcpy(text, ALL);
		text[i] = '\0';
		refuses(text, NULL);
		if (i == 0 || text[i - 1] == ALL[i])
			continue;
		strcpy(text, ALL);
		text[i] = ALL[i - 1];
		text[i - 1] = ALL[i];
		refuses(text, NULL);
	}
}

/* The line with a sum that fits. */
static void sign(const char *line, char out_text[static 512]) {
	uint8_t digest[HASH_SIZE];
	const struct slice part = slice_of_text(line);
	assert_int_equal(hash_digest(HASH_SHA256, &part, 1, digest), ERR_OK);
	(void)snprintf(out_text, 512, "%s%csum=%02x%02x%02x%02x", line, strchr(line, '?') ? '&' : '?',
				   digest[0], digest[1], digest[2], digest[3]);
}

static void test_what_is_wrong(void **state) {
	static const struct {
		const char *line, *problem;
	} rows[] = {
		{"mighty://@h:1", "begins with no key"},
		{"mighty://AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@h:1", "begins with no key"},
		{"mighty://" KEY "AA@h:1", "begins with no key"},
		{"mighty://" KEY, "has no host and port behind its key"},
		{"mighty://" KEY "@", "has no host and port behind its key"},
		{"mighty://" KEY "@h", "has no host and port behind its key"},
		{"mighty://" KEY "@h:0", "has no host and port behind its key"},
		{"mighty://" KEY "@h:1,,h:2", "has no host and port behind its key"},
		{"mighty://" KEY "@2001:db8::1:1", "has no host and port behind its key"},
		{"mighty://" KEY "@a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9", "has too many endpoints"},
		{"mighty://" KEY "@h:1?route=10.0.0.0%2F33", "has a route that is none"},
		{"mighty://" KEY "@h:1?route=", "has a route that is none"},
		{"mighty://" KEY "@h:1?name=%0a", "has a name that is none"},
	};
	refuses("phantom://" KEY "@h:1", "is of another kind");
	refuses("mighty://" KEY "@h:1", "is cut off: its sum is missing");
	refuses("mighty://" KEY "@h:1?sum=00000000",
			"does not fit its sum: a character is wrong, missing or too many");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[512];
		sign(rows[i].line, text);
		refuses(text, rows[i].problem);
	}
}

static void test_unknown_parameters(void **state) {
	char text[512];
	sign("mighty://" KEY "@h:1?later=1&name=a&more", text);
	struct shared_line line = parse(text);
	assert_string_equal(line.label, "a");
}

static void test_a_line_without_endpoint(void **state) {
	char *text = NULL;
	assert_int_equal(shared_line_format(&(struct shared_line){.key = {1}}, &text), ERR_INVALID);
	assert_null(text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_without_endpoint), cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_mistyped_lines),          cmocka_unit_test(test_the_least),
		cmocka_unit_test(test_unknown_parameters),      cmocka_unit_test(test_what_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
