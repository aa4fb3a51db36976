#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "base/text.h"
#include "bench/generator/arguments.h"

#define KEY "--key=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define SERVER "--server=10.99.0.1:51820"

enum { WORDS_MAX = 8 };

static enum err parse(struct arguments *out_arguments, const char **out_wrong,
					  const char *const *words) {
	int count = 0;
	char *copies[WORDS_MAX];
	while (words[count]) {
		copies[count] = (char *)(uintptr_t)words[count];
		count++;
	}
	return arguments_parse(count, copies, out_arguments, out_wrong);
}

#define PARSE(arguments, wrong, ...) \
	parse(arguments, wrong, (const char *const[]){"clients", __VA_ARGS__, NULL})

static void test_load(void **state) {
	struct arguments arguments;
	const char *wrong;
	assert_int_equal(PARSE(&arguments, &wrong, "load", SERVER, KEY, "--to=10.98.0.1",
						   "--count=1000", "--rate=1000000000"),
					 ERR_OK);
	assert_int_equal(arguments.mode, ARGUMENTS_LOAD);
	assert_int_equal(arguments.server.port, 51820);
	assert_int_equal(arguments.key[31], 1);
	assert_int_equal(arguments.count, 1000);
	assert_int_equal(arguments.sockets, 1000);
	assert_int_equal(arguments.burst, 32);
	assert_int_equal(arguments.rate, 1000000000);
	assert_true(arguments.cookie_wait_ms == ARGUMENTS_NO_WAIT);
}

static void test_handshakes_share_sockets(void **state) {
	struct arguments arguments;
	const char *wrong;
	assert_int_equal(PARSE(&arguments, &wrong, "handshakes", SERVER, KEY, "--count=1000"), ERR_OK);
	assert_int_equal(arguments.sockets, 64);
	assert_int_equal(PARSE(&arguments, &wrong, "handshakes", SERVER, KEY, "--count=3"), ERR_OK);
	assert_int_equal(arguments.sockets, 3);
	assert_int_equal(
		PARSE(&arguments, &wrong, "handshakes", SERVER, KEY, "--count=3", "--sockets=9"), ERR_OK);
	assert_int_equal(arguments.sockets, 3);
}

static void test_missing(void **state) {
	struct arguments arguments;
	const char *wrong = "";
	assert_int_equal(PARSE(&arguments, &wrong, "load", SERVER, KEY), ERR_INVALID); /* --to */
	assert_null(wrong);
	assert_int_equal(PARSE(&arguments, &wrong, "connect", SERVER), ERR_INVALID);
	assert_null(wrong);
	assert_int_equal(PARSE(&arguments, &wrong, "keys"), ERR_OK);
}

static void test_flood_is_asked_for_twice(void **state) {
	struct arguments arguments;
	const char *wrong;
	assert_int_equal(PARSE(&arguments, &wrong, "flood", SERVER, KEY, "--rate=50000"), ERR_INVALID);
	assert_int_equal(PARSE(&arguments, &wrong, "flood", SERVER, KEY, "--spoof"), ERR_INVALID);
	assert_int_equal(PARSE(&arguments, &wrong, "flood", SERVER, KEY, "--rate=50000", "--spoof"),
					 ERR_OK);
}

static void test_wrong_words_are_named(void **state) {
	static const char *const words[] = {
		"--count=0",    "--count=65536",    "--count=x",       "--count",
		"count=1",      "--burst=33",       "--size=1421",     "--key=AQE",
		"--to=fd00::1", "--server=[::1]:1", "--duration-ms=0", "--nothing=1",
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct arguments arguments;
		const char *wrong = NULL;
		assert_int_equal(PARSE(&arguments, &wrong, "load", words[i]), ERR_INVALID);
		assert_ptr_equal(wrong, words[i]);
	}
	struct arguments arguments;
	const char *wrong = NULL;
	assert_int_equal(PARSE(&arguments, &wrong, "lift"), ERR_INVALID);
	assert_string_equal(wrong, "lift");
	/* Each for itself is fine. */
	assert_int_equal(PARSE(&arguments, &wrong, "keys", "--first=60000", "--count=60000"),
					 ERR_INVALID);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_handshakes_share_sockets),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_flood_is_asked_for_twice),
		cmocka_unit_test(test_wrong_words_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
