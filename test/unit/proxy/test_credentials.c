#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/credentials.h"

static struct credentials *two(void) {
	static const struct credential items[] = {{"alice", "secret"}, {"bob", ""}};
	struct credentials *credentials = NULL;
	assert_int_equal(credentials_new(items, 2, &credentials), ERR_OK);
	return credentials;
}

static void accepts(void **state) {
	struct credentials *credentials = two();
	static const struct {
		const char *name, *password;
		bool accepted;
	} rows[] = {
		{"alice", "secret", true}, {"bob", "", true},          {"alice", "", false},
		{"bob", "secret", false},  {"alice", "secre", false},  {"alice", "secrets", false},
		{"", "", false},           {"alices", "ecret", false}, {"Alice", "secret", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(credentials_accept(credentials, slice_of_text(rows[i].name),
											slice_of_text(rows[i].password)),
						 rows[i].accepted);
	/* Zeros behind a text are no part of it. */
	assert_false(credentials_accept(credentials, slice_of("bob", 4), slice_of("", 0)));
	assert_false(credentials_accept(credentials, slice_of("bob", 3), slice_of("\0", 1)));
	char large[300];
	memset(large, 'a', sizeof large);
	assert_false(credentials_accept(credentials, slice_of(large, sizeof large), slice_of("", 0)));
	assert_true(credentials_are_needed(credentials));
	credentials_free(credentials);
	assert_false(credentials_are_needed(NULL));
	assert_true(credentials_accept(NULL, slice_of("x", 1), slice_of("y", 1)));
	assert_true(credentials_accept_basic(NULL, slice_of("x", 1)));
}

/* Nobody gets in where nobody is listed. */
static void needs_one(void **state) {
	struct credentials *credentials = NULL;
	assert_int_equal(credentials_new(NULL, 0, &credentials), ERR_OK);
	assert_true(credentials_are_needed(credentials));
	assert_false(credentials_accept(credentials, slice_of("", 0), slice_of("", 0)));
	credentials_free(credentials);
	credentials_free(NULL);
}

static void basic(void **state) {
	struct credentials *credentials = two();
	static const struct {
		const char *value;
		bool accepted;
	} rows[] = {
		{"Basic YWxpY2U6c2VjcmV0", true},
		{"bASIC   YWxpY2U6c2VjcmV0", true},
		{"Basic Ym9iOg==", true},
		{"Basic Ym9iOg", true},
		{"Basic Ym9iOg=", true},
		{"Basic Ym9i", false}, /* without a colon */
		{"Basic Ym9iOg===", false},
		{"Basic Ym9iO", false},
		{"Basic Ym9iOg==a", false},
		{"Basic Ym9i Og==", false},
		{"Basic YWxpY2U6c2VjcmV1", false},
		{"BasicYWxpY2U6c2VjcmV0", false},
		{"Basic", false},
		{"Basic ", false},
		{"", false},
		{"Digest YWxpY2U6c2VjcmV0", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		/* Of its own memory, so that a step beyond its end is seen. */
		size_t size = strlen(rows[i].value);
		uint8_t *copy = malloc(size + 1);
		assert_non_null(copy);
		memcpy(copy, rows[i].value, size);
		if (credentials_accept_basic(credentials, slice_of(copy, size)) != rows[i].accepted)
			fail_msg("%s", rows[i].value);
		free(copy);
	}
	char large[2000] = "Basic ";
	memset(large + 6, 'A', sizeof large - 6);
	for (size_t size = 6; size <= sizeof large; size++)
		assert_false(credentials_accept_basic(credentials, slice_of(large, size)));
	credentials_free(credentials);
	/* The largest there are; and a colon in a password is one of its characters. */
	char name[256] = {0}, password[256] = {0};
	memset(name, 'a', 255);
	memset(password, ':', 255);
	const struct credential item = {name, password};
	assert_int_equal(credentials_new(&item, 1, &credentials), ERR_OK);
	memset(large + 6, 0, sizeof large - 6);
	for (size_t i = 0; i < 85; i++)
		memcpy(large + 6 + 4 * i, "YWFh", 4);
	for (size_t i = 85; i < 170; i++)
		memcpy(large + 6 + 4 * i, "Ojo6", 4);
	memcpy(large + 6 + 680, "Og==", 4);
	assert_true(credentials_accept_basic(credentials, slice_of_text(large)));
	credentials_free(credentials);
}

static void refuses(void **state) {
	struct credentials *credentials = NULL;
	char large[257] = {0};
	memset(large, 'a', 256);
	const struct credential rows[] = {{"", "x"}, {"a:b", "x"}, {large, "x"}, {"a", large}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct credential items[] = {{"good", "one"}, rows[i]};
		assert_int_equal(credentials_new(items, 2, &credentials), ERR_INVALID);
	}
	assert_int_equal(credentials_new(rows, CREDENTIALS_MAX + 1, &credentials), ERR_LIMIT);
	assert_null(credentials);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts),
		cmocka_unit_test(needs_one),
		cmocka_unit_test(basic),
		cmocka_unit_test(refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
