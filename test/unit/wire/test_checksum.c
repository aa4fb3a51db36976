#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "wire/checksum.h"
#include "wire/ip.h"

/* RFC 1071 to the letter: 16-bit big-endian words, one after the other. Returned as memory. */
static uint16_t naive(const uint8_t *data, size_t size) {
	uint32_t sum = 0;
	for (size_t i = 0; i < size; i++)
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	while (sum > UINT16_MAX)
		sum = (sum & UINT16_MAX) + (sum >> 16);
	uint8_t bytes[2] = {(uint8_t)(sum >> 8), (uint8_t)sum};
	uint16_t folded;
	memcpy(&folded, bytes, sizeof folded);
	return folded;
}

/* Repeats in every run. */
static uint32_t next_random(uint32_t *seed) {
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void test_every_size_and_alignment(void **state) {
	uint8_t data[600];
	uint32_t seed = 1;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)next_random(&seed);
	for (size_t offset = 0; offset < 16; offset++)
		for (size_t size = 0; size + offset <= sizeof data; size++)
			assert_int_equal(checksum_fold(checksum_add(0, data + offset, size)),
							 naive(data + offset, size));
}

/* Sums that carry everywhere, in exactly as much memory as they take. */
static void test_all_ones(void **state) {
	for (size_t size = 0; size <= 65600; size = size < 100 ? size + 1 : size * 3 + 1) {
		uint8_t *data = malloc(size + 1);
		assert_non_null(data);
		memset(data, 0xff, size + 1);
		assert_int_equal(checksum_fold(checksum_add(0, data + 1, size)), naive(data + 1, size));
		free(data);
	}
}

static void test_sparse_bits(void **state) {
	uint8_t data[97] = {0};
	for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
		data[bit / 8] = (uint8_t)(1 << bit % 8);
		assert_int_equal(checksum_fold(checksum_add(0, data, sizeof data)),
						 naive(data, sizeof data));
		data[bit / 8] = 0;
	}
	assert_int_equal(checksum_fold(checksum_add(0, data, sizeof data)), 0);
	assert_int_equal(checksum_add(0, NULL, 0), 0);
}

/* Parts of even sizes, and an odd one at the end, add up to the whole. */
static void test_chains(void **state) {
	uint8_t data[301];
	uint32_t seed = 2;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)next_random(&seed);
	uint16_t whole = naive(data, sizeof data);
	for (int round = 0; round < 500; round++) {
		uint64_t sum = 0;
		size_t at = 0;
		while (at < sizeof data) {
			size_t size = next_random(&seed) % 60 * 2;
			if (size > sizeof data - at)
				size = sizeof data - at;
			sum = checksum_add(sum, data + at, size);
			at += size;
		}
		assert_int_equal(checksum_fold(sum), whole);
	}
}

static void test_sums_near_the_largest_carry(void **state) {
	const uint8_t data[64] = {[0] = 1, [32] = 2, [62] = 3};
	/* UINT64_MAX is 2^64 - 1, a multiple of 2^16 - 1: it counts as nothing. */
	assert_int_equal(checksum_fold(checksum_add(UINT64_MAX, data, sizeof data)),
					 naive(data, sizeof data));
	assert_int_equal(checksum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(checksum_fold(UINT64_C(0xffffffff00000000)), 0xffff);
	assert_int_equal(checksum_fold(UINT64_C(0x8000800080008001)), 3);
}

/* The example of RFC 1071 section 3. */
static void test_published_example(void **state) {
	const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	const uint8_t expected[] = {0xdd, 0xf2};
	uint16_t sum = checksum_fold(checksum_add(0, data, sizeof data));
	assert_memory_equal(&sum, expected, sizeof expected);
}

/* The pseudo header laid out byte by byte as the RFCs draw it. */
static void test_pseudo_headers(void **state) {
	static const size_t sizes[] = {0, 8, 20, 1400, 65515};
	uint8_t v4[20] = {0x45}, v6[40] = {0x60};
	uint32_t seed = 3;
	for (size_t i = 1; i < sizeof v4; i++)
		v4[i] = (uint8_t)next_random(&seed);
	for (size_t i = 1; i < sizeof v6; i++)
		v6[i] = (uint8_t)next_random(&seed);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		uint8_t low = (uint8_t)sizes[i], high = (uint8_t)(sizes[i] >> 8);
		uint8_t drawn_v4[12] = {[9] = IP_PROTOCOL_UDP, [10] = high, [11] = low};
		uint8_t drawn_v6[40] = {[34] = high, [35] = low, [39] = IP_PROTOCOL_TCP};
		memcpy(drawn_v4, v4 + 12, 8);
		memcpy(drawn_v6, v6 + 8, 32);
		assert_int_equal(checksum_fold(checksum_pseudo(v4, IP_PROTOCOL_UDP, sizes[i])),
						 naive(drawn_v4, sizeof drawn_v4));
		assert_int_equal(checksum_fold(checksum_pseudo(v6, IP_PROTOCOL_TCP, sizes[i])),
						 naive(drawn_v6, sizeof drawn_v6));
	}
}

/* With the checksum of all in its place, the whole sums up to all ones. */
static void test_complete_datagram(void **state) {
	uint8_t data[29] = {
		0x45, 0,    0, 29, 0, 0, 0x40, 0, 64,  IP_PROTOCOL_UDP, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
		0x04, 0xd2, 0, 53, 0, 9, 0,    0, 'a',
	};
	uint64_t sum = checksum_pseudo(data, IP_PROTOCOL_UDP, 9);
	uint16_t field = (uint16_t)~checksum_fold(checksum_add(sum, data + 20, 9));
	assert_int_not_equal(field, 0);
	memcpy(data + 26, &field, sizeof field);
	assert_int_equal(checksum_fold(checksum_add(sum, data + 20, 9)), 0xffff);
	/* c000+0201+c000+0202+0011+0009+04d2+0035+0009+6100 = 1ea2d, and ~(ea2d+1) = 15d1 */
	const uint8_t expected[] = {0x15, 0xd1};
	assert_memory_equal(data + 26, expected, sizeof expected);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_size_and_alignment),
		cmocka_unit_test(test_all_ones),
		cmocka_unit_test(test_sparse_bits),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_sums_near_the_largest_carry),
		cmocka_unit_test(test_published_example),
		cmocka_unit_test(test_pseudo_headers),
		cmocka_unit_test(test_complete_datagram),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
