#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/origin.h"

static void authorities(void **state) {
	static const struct {
		const char *text, *target;
	} rows[] = {
		{"example.com:443", "example.com:443"},
		{"example.com.:443", "example.com:443"},
		{"192.0.2.1:22", "192.0.2.1:22"},
		{"[2001:db8::1]:443", "[2001:db8::1]:443"},
		{"a:0", NULL},
		{"a", NULL},
		{"a:", NULL},
		{":443", NULL},
		{"", NULL},
		{"a:65536", NULL},
		{"a:x", NULL},
		{"a:-1", NULL},
		{"a:+1", NULL},
		{"a: 1", NULL},
		{"a:01", NULL},
		{"a:1:2", NULL},
		{"[::1]", NULL},
		{"[::1]x:1", NULL},
		{"[::1:443", NULL},
		{"::1:443", NULL},
		{"[]:1", NULL},
		{"[a]:1", NULL},
		{"[127.0.0.1]:1", NULL},
		{"u@a:1", NULL},
		{"a/b:1", NULL},
		{"http://a:1", NULL},
		{"0x7f.1:1", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct target target;
		char text[TARGET_TEXT_SIZE] = "";
		size_t size = strlen(rows[i].text);
		uint8_t *copy = malloc(size + 1);
		assert_non_null(copy);
		memcpy(copy, rows[i].text, size);
		enum err error = origin_parse_authority(slice_of(copy, size), &target);
		free(copy);
		if (!error)
			target_format(&target, text);
		if (rows[i].target ? strcmp(text, rows[i].target) != 0 : error != ERR_INVALID)
			fail_msg("%s", rows[i].text);
	}
	struct target target;
	assert_int_equal(origin_parse_authority(slice_of("a\0b:1", 5), &target), ERR_INVALID);
}

static void absolute(void **state) {
	static const struct {
		const char *text, *target, *host, *path;
		enum err error;
	} rows[] = {
		{"http://example.com", "example.com:80", "example.com", "", ERR_OK},
		{"HTTP://Example.com:8080/a/b?c://d", "Example.com:8080", "Example.com:8080", "/a/b?c://d",
		 ERR_OK},
		{"http://example.com?q", "example.com:80", "example.com", "?q", ERR_OK},
		{"http://example.com:/", "example.com:80", "example.com:", "/", ERR_OK},
		{"http://[2001:db8::1]/", "[2001:db8::1]:80", "[2001:db8::1]", "/", ERR_OK},
		{"/a", NULL, NULL, NULL, ERR_MALFORMED},
		{"/a:b", NULL, NULL, NULL, ERR_MALFORMED},
		{"*", NULL, NULL, NULL, ERR_MALFORMED},
		{"", NULL, NULL, NULL, ERR_MALFORMED},
		{"example.com", NULL, NULL, NULL, ERR_MALFORMED},
		{"https://example.com/", NULL, NULL, NULL, ERR_UNSUPPORTED},
		{"http:/example.com", NULL, NULL, NULL, ERR_UNSUPPORTED},
		{"http:example.com", NULL, NULL, NULL, ERR_UNSUPPORTED},
		{"http://", NULL, NULL, NULL, ERR_INVALID},
		{"http:///a", NULL, NULL, NULL, ERR_INVALID},
		{"http://u:p@example.com/", NULL, NULL, NULL, ERR_INVALID},
		{"http://u@example.com/", NULL, NULL, NULL, ERR_INVALID},
		{"http://example.com#a", NULL, NULL, NULL, ERR_INVALID},
		{"http://example.com/#a", NULL, NULL, NULL, ERR_INVALID},
		{"http://example.com\\@a/", NULL, NULL, NULL, ERR_INVALID},
		{"http://%65xample.com/", NULL, NULL, NULL, ERR_INVALID},
		{"http://[fe80::1%25eth0]/", NULL, NULL, NULL, ERR_INVALID},
		{"http://0/", NULL, NULL, NULL, ERR_INVALID},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct origin origin;
		char text[TARGET_TEXT_SIZE];
		enum err error = origin_parse(slice_of_text(rows[i].text), &origin);
		if (error != rows[i].error)
			fail_msg("%s", rows[i].text);
		if (error)
			continue;
		target_format(&origin.target, text);
		assert_string_equal(text, rows[i].target);
		assert_int_equal(origin.host.size, strlen(rows[i].host));
		assert_memory_equal(origin.host.data, rows[i].host, origin.host.size);
		assert_int_equal(origin.path.size, strlen(rows[i].path));
		if (origin.path.size > 0)
			assert_memory_equal(origin.path.data, rows[i].path, origin.path.size);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(authorities),
		cmocka_unit_test(absolute),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
