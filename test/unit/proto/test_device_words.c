#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proto/device_words.h"

enum { WORDS = 3 };

static const struct device_word words[WORDS] = {{"one", 1}, {"two", 2}, {"on", 7}};

static void parses_each_once(void **state) {
	(void)state;
	uint8_t values[WORDS];
	size_t count = 9;
	assert_int_equal(device_words_parse("two", words, WORDS, values, &count), ERR_OK);
	assert_true(count == 1 && values[0] == 2);
	assert_int_equal(device_words_parse("on,two,one", words, WORDS, values, &count), ERR_OK);
	assert_true(count == WORDS && values[0] == 7 && values[1] == 2 && values[2] == 1);
	static const char *const refused[] = {"",    ",",     "one,", ",one",    "one,,two",
										  "ONE", "three", "o",    "one,one", "one,two,on,one"};
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		assert_int_equal(device_words_parse(refused[i], words, WORDS, values, &count), ERR_INVALID);
		assert_int_equal(count, WORDS);
	}
}

static void puts_them_in_order(void **state) {
	(void)state;
	struct uapi_text text = {.size = 0};
	device_words_put(words, WORDS, (const uint8_t[]){7, 1}, 2, "words", &text);
	device_words_put(words, WORDS, NULL, 0, "none", &text);
	assert_int_equal(text.error, ERR_OK);
	const char expected[] = "words=on,one\nnone=\n";
	assert_int_equal(text.size, sizeof expected - 1);
	assert_memory_equal(text.data, expected, text.size);
	uapi_text_done(&text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_each_once),
		cmocka_unit_test(puts_them_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
