#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "session/shuffled_count.h"

static void fill(void *context, void *out_data, size_t size) {
	uint8_t *data = out_data, *number = context;
	for (size_t i = 0; i < size; i++)
		data[i] = (*number)++;
}

static struct shuffled_count make(uint8_t start, unsigned bits) {
	const struct random_source random = {fill, &start};
	struct shuffled_count count;
	shuffled_count_init(&count, bits, &random);
	return count;
}

/* Whatever the number of bits: all of a round are different, and the next round is the same. */
static void each_once(void **state) {
	for (unsigned bits = 1; bits <= 13; bits++) {
		struct shuffled_count count = make((uint8_t)bits, bits);
		const uint32_t all = UINT32_C(1) << bits;
		uint8_t *seen = calloc(all, 1);
		assert_non_null(seen);
		for (uint32_t i = 0; i < 2 * all; i++) {
			const uint32_t number = shuffled_count_next(&count);
			assert_true(number < all);
			assert_int_equal(seen[number]++, i / all);
		}
		free(seen);
	}
}

/* Of wide ones, too, as far as anybody can count. */
static void none_again(void **state) {
	static const unsigned widths[] = {27, 31, 32};
	enum { DRAWN = 100000 };
	for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
		struct shuffled_count count = make(9, widths[i]);
		uint8_t *seen = calloc(UINT64_C(1) << widths[i] >> 3, 1);
		assert_non_null(seen);
		for (uint32_t j = 0; j < DRAWN; j++) {
			const uint32_t number = shuffled_count_next(&count);
			const uint8_t bit = (uint8_t)(1U << (number & 7));
			assert_false(seen[number >> 3] & bit);
			seen[number >> 3] |= bit;
		}
		free(seen);
	}
}

/* Two keys have two orders, and neither is the count's own. */
static void shuffled(void **state) {
	struct shuffled_count one = make(1, 16), other = make(2, 16);
	unsigned same = 0, rising = 0;
	uint32_t before = 0;
	for (uint32_t i = 0; i < 10000; i++) {
		const uint32_t number = shuffled_count_next(&one);
		same += number == shuffled_count_next(&other);
		rising += number > before;
		before = number;
	}
	assert_in_range(same, 0, 10);
	assert_in_range(rising, 4700, 5300);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_once),
		cmocka_unit_test(none_again),
		cmocka_unit_test(shuffled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
