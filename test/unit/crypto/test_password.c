#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "crypto/password.h"

/* Small costs: what is looked at is the string. */
#define GOOD "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"

static enum err verify(const char *password, const char *text) {
	return password_verify(slice_of_text(password), text);
}

/* Of the reference implementation (phc-winner-argon2, src/test.c). */
static void test_known_answers(void **state) {
	static const char *const texts[] = {
		GOOD,
		"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		assert_int_equal(verify("password", texts[i]), ERR_OK);
		assert_int_equal(verify("passwore", texts[i]), ERR_AUTHENTICATION);
	}
}

static void count_up(void *context, void *out_data, size_t size) {
	for (size_t i = 0; i < size; i++)
		((uint8_t *)out_data)[i] = (uint8_t)i;
}

static void test_round_trip(void **state) {
	static const struct random_source random = {count_up, NULL};
	char text[PASSWORD_TEXT_SIZE];
	assert_int_equal(password_hash(slice_of_text("secret"), &random, text), ERR_OK);
	static const char start[] = "$argon2id$v=19$m=65536,t=3,p=1$AAECAwQFBgcICQoLDA0ODw$";
	assert_memory_equal(text, start, strlen(start));
	assert_int_equal(strlen(text), strlen(start) + 43);
	assert_int_equal(verify("secret", text), ERR_OK);
	assert_int_equal(verify("Secret", text), ERR_AUTHENTICATION);
	assert_int_equal(verify("", text), ERR_AUTHENTICATION);
}

static void test_nobody_is_never_right(void **state) {
	assert_int_equal(password_pretend(slice_of_text("secret")), ERR_AUTHENTICATION);
	assert_int_equal(password_pretend(slice_of_text("")), ERR_AUTHENTICATION);
}

/* None of these costs anything. */
static void test_refused(void **state) {
	static const char *const texts[] = {
		"",
		"$",
		"secret",
		"$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR",
		"$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR",
		"$argon2id$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR",
		"$argon2id$v=19$m=256,t=2$c29tZXNhbHQ$nf65EOgLrQMR",
		"$argon2id$v=19$t=2,m=256,p=1$c29tZXNhbHQ$nf65EOgLrQMR",
		"$argon2id$v=19$m=262145,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR",
		"$argon2id$v=19$m=4294967552,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR",
		"$argon2id$v=19$m=7,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR",
		"$argon2id$v=19$m=256,t=17,p=1$c29tZXNhbHQ$nf65EOgLrQMR",
		"$argon2id$v=19$m=256,t=0,p=1$c29tZXNhbHQ$nf65EOgLrQMR",
		"$argon2id$v=19$m=256,t=2,p=17$c29tZXNhbHQ$nf65EOgLrQMR",
		"$argon2id$v=19$m=256,t=2,p=0$c29tZXNhbHQ$nf65EOgLrQMR",
		"$argon2id$v=19$m=-1,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR",
		"$argon2id$v=19$m=256,t=2,p=1$$nf65EOgLrQMR",
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbA$nf65EOgLrQMR", /* seven bytes of salt */
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgL",    /* six of hash */
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$",
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHR$nf65EOgLrQMR", /* bits left over */
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ=$nf65EOgLrQMR",
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgL-QMR",
		GOOD "\n",
		GOOD "$",
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_int_equal(verify("password", texts[i]), ERR_MALFORMED);
}

/* The longest salt and hash that are taken, and one more of each. */
static void test_sizes(void **state) {
	char long_text[87], text[PASSWORD_TEXT_SIZE];
	memset(long_text, 'A', 86);
	long_text[86] = '\0'; /* 64 bytes */
	(void)snprintf(text, sizeof text, "$argon2id$v=19$m=256,t=1,p=1$%s$%s", long_text, long_text);
	assert_int_equal(verify("password", text), ERR_AUTHENTICATION);
	(void)snprintf(text, sizeof text, "$argon2id$v=19$m=256,t=1,p=1$%sAA$%s", long_text, long_text);
	assert_int_equal(verify("password", text), ERR_MALFORMED);
	(void)snprintf(text, sizeof text, "$argon2id$v=19$m=256,t=1,p=1$%s$%sAA", long_text, long_text);
	assert_int_equal(verify("password", text), ERR_MALFORMED);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_nobody_is_never_right),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_sizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
