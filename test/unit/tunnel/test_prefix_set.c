#include "tunnel/prefix_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs those above. */
#include <cmocka.h>

enum {
	MANY = 12,
	UNIVERSE_BITS = 6, /* host bits of the small universes: addresses can be counted */
	UNIVERSE = 1 << UNIVERSE_BITS,
	ROUNDS = 3000,
};

static struct prefix make_prefix(const char *text) {
	struct prefix prefix;
	assert_int_equal(prefix_parse(text, &prefix), ERR_OK);
	return prefix;
}

static size_t read_prefixes(const char *text, struct prefix *out_prefixes) {
	char copy[512];
	size_t count = 0;
	assert_true(strlen(text) < sizeof copy);
	strcpy(copy, text);
	char *rest = copy;
	for (char *word; (word = strsep(&rest, " ")) && *word;) {
		assert_true(count < MANY);
		out_prefixes[count++] = make_prefix(word);
	}
	return count;
}

static void assert_subtracts(const char *from, const char *minus, const char *expected) {
	struct prefix left[MANY], right[MANY], *rest;
	size_t count, left_count = read_prefixes(from, left), right_count = read_prefixes(minus, right);
	assert_int_equal(prefix_set_subtract(left, left_count, right, right_count, &rest, &count),
					 ERR_OK);
	char found[1024] = "";
	for (size_t i = 0; i < count; i++) {
		char text[ADDRESS_TEXT_SIZE];
		prefix_format(&rest[i], text);
		strcat(strcat(found, i > 0 ? " " : ""), text);
	}
	free(rest);
	assert_string_equal(found, expected);
}

static void examples(void **state) {
	assert_subtracts("", "", "");
	assert_subtracts("", "10.0.0.0/8", "");
	assert_subtracts("10.0.0.0/8", "", "10.0.0.0/8");
	assert_subtracts("10.0.0.0/8", "11.0.0.0/8 fd00::/8 ::/0", "10.0.0.0/8");
	assert_subtracts("10.0.0.0/8", "10.0.0.0/8", "");
	assert_subtracts("10.1.0.0/16 fd00::/8", "10.0.0.0/8", "fd00::/8");
	assert_subtracts("10.0.0.0/8", "10.128.0.0/10", "10.0.0.0/9 10.192.0.0/10");
	assert_subtracts("10.0.0.0/30", "10.0.0.1/32", "10.0.0.0/32 10.0.0.2/31");
	assert_subtracts("10.0.0.0/30", "10.0.0.1/32 10.0.0.0/31 10.0.0.1/32", "10.0.0.2/31");
	/* Of two that overlap each is cut by itself; those untouched are not joined. */
	assert_subtracts("10.0.0.0/30 10.0.0.0/31 10.0.1.0/25 10.0.1.128/25", "10.0.0.0/32",
					 "10.0.0.1/32 10.0.0.2/31 10.0.1.0/25 10.0.1.128/25");
	assert_subtracts("fd00::/126", "fd00::3/128", "fd00::/127 fd00::2/128");
	assert_subtracts("0.0.0.0/0 ::/0", "128.0.0.0/1 8000::/1", "0.0.0.0/1 ::/1");
}

static void host_bits_do_not_matter(void **state) {
	struct prefix from = make_prefix("10.0.0.0/8"), minus = make_prefix("10.128.0.0/9"), *rest;
	from.address.bytes[3] = 1;
	minus.address.bytes[2] = 1;
	size_t count;
	assert_int_equal(prefix_set_subtract(&from, 1, &minus, 1, &rest, &count), ERR_OK);
	assert_int_equal(count, 1);
	struct prefix expected = make_prefix("10.0.0.0/9");
	assert_true(prefix_equal(&rest[0], &expected));
	free(rest);
}

static void one_address_of_everything(void **state) {
	struct prefix from = make_prefix("::/0"), minus = make_prefix("2001:db8::1/128"), *rest;
	size_t count;
	assert_int_equal(prefix_set_subtract(&from, 1, &minus, 1, &rest, &count), ERR_OK);
	assert_int_equal(count, 128);
	free(rest);
}

/* Every second address of a /15: as many pieces as may be, and one more. */
static void too_many_pieces(void **state) {
	size_t holes = PREFIX_SET_PIECES_MAX + 2, count;
	struct prefix *minus = calloc(holes, sizeof *minus), *rest = NULL;
	assert_non_null(minus);
	for (size_t i = 0; i < holes; i++) {
		minus[i] = make_prefix("10.0.0.0/32");
		minus[i].address.bytes[1] = (uint8_t)(2 * i >> 16);
		minus[i].address.bytes[2] = (uint8_t)(2 * i >> 8);
		minus[i].address.bytes[3] = (uint8_t)(2 * i);
	}
	struct prefix from = make_prefix("10.0.0.0/8");
	assert_int_equal(prefix_set_subtract(&from, 1, minus, holes, &rest, &count), ERR_LIMIT);
	assert_null(rest);
	assert_int_equal(prefix_set_subtract(&from, 1, minus, holes / 2, &rest, &count), ERR_OK);
	free(rest);
	free(minus);
}

/* Random prefixes of a universe of 64 addresses, against a map of its addresses. */

struct universe {
	const char *base; /* a prefix of UNIVERSE_BITS host bits */
	uint8_t whole;    /* its length */
};

static uint32_t next_random(uint32_t *seed) {
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

static uint8_t last_byte(const struct prefix *prefix) {
	return prefix->address.bytes[address_size(&prefix->address) - 1];
}

static size_t make_random(const struct universe *universe, uint32_t *seed,
						  struct prefix *out_prefixes) {
	size_t count = next_random(seed) % (MANY / 2);
	for (size_t i = 0; i < count; i++) {
		out_prefixes[i] = make_prefix(universe->base);
		out_prefixes[i].length =
			(uint8_t)(universe->whole + next_random(seed) % (UNIVERSE_BITS + 1));
		size_t last = address_size(&out_prefixes[i].address) - 1;
		out_prefixes[i].address.bytes[last] |= (uint8_t)(next_random(seed) % UNIVERSE);
		prefix_mask(&out_prefixes[i]);
	}
	return count;
}

static void mark(const struct universe *universe, const struct prefix *prefix,
				 bool addresses[static UNIVERSE], bool value) {
	unsigned first = last_byte(prefix) % UNIVERSE;
	unsigned size = 1U << (universe->whole + UNIVERSE_BITS - prefix->length);
	for (unsigned i = first; i < first + size; i++)
		addresses[i] = value;
}

/* The fewest prefixes for what is marked from `first` on, counted the slow way. */
static size_t count_cover(const bool addresses[static UNIVERSE], unsigned first, unsigned size) {
	unsigned set = 0;
	for (unsigned i = first; i < first + size; i++)
		set += addresses[i];
	if (set == 0 || set == size)
		return set > 0;
	return count_cover(addresses, first, size / 2) +
		   count_cover(addresses, first + size / 2, size / 2);
}

static void check_round(const struct universe *universe, uint32_t *seed) {
	struct prefix from[MANY], minus[MANY], *rest;
	size_t from_count = make_random(universe, seed, from);
	size_t minus_count = make_random(universe, seed, minus), count;
	bool expected[UNIVERSE] = {false}, found[UNIVERSE] = {false};
	for (size_t i = 0; i < from_count; i++)
		mark(universe, &from[i], expected, true);
	for (size_t i = 0; i < minus_count; i++)
		mark(universe, &minus[i], expected, false);
	assert_int_equal(prefix_set_subtract(from, from_count, minus, minus_count, &rest, &count),
					 ERR_OK);
	for (size_t i = 0; i < count; i++)
		mark(universe, &rest[i], found, true);
	assert_memory_equal(found, expected, sizeof found);
	for (size_t i = 1; i < count; i++)
		assert_true(prefix_set_compare(&rest[i - 1], &rest[i]) < 0);
	free(rest);
	/* Of one alone the cover is the smallest. */
	if (from_count == 0)
		return;
	bool one[UNIVERSE] = {false};
	mark(universe, &from[0], one, true);
	for (size_t i = 0; i < minus_count; i++)
		mark(universe, &minus[i], one, false);
	assert_int_equal(prefix_set_subtract(from, 1, minus, minus_count, &rest, &count), ERR_OK);
	assert_int_equal(count, count_cover(one, 0, UNIVERSE));
	free(rest);
}

static void small_universes(void **state) {
	static const struct universe universes[] = {{"192.0.2.192/26", 26}, {"2001:db8::/122", 122}};
	uint32_t seed = 4711;
	for (size_t i = 0; i < sizeof universes / sizeof *universes; i++)
		for (unsigned round = 0; round < ROUNDS; round++)
			check_round(&universes[i], &seed);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(host_bits_do_not_matter),
		cmocka_unit_test(one_address_of_everything),
		cmocka_unit_test(too_many_pieces),
		cmocka_unit_test(small_universes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
