#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/cursor.h"

static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08};

static void test_integers_are_read_in_both_orders(void **state) {
	struct reader reader = reader_of(bytes, sizeof bytes);
	assert_int_equal(reader_u8(&reader), 0x01);
	assert_int_equal(reader_left(&reader), 7);
	reader = reader_of(bytes, sizeof bytes);
	assert_int_equal(reader_u16_be(&reader), 0x0102);
	assert_int_equal(reader_u16_le(&reader), 0x0403);
	assert_int_equal(reader_u32_be(&reader), 0x05060708);
	assert_int_equal(reader_finish(&reader), ERR_OK);
	reader = reader_of(bytes, sizeof bytes);
	assert_int_equal(reader_u32_le(&reader), 0x04030201);
	assert_int_equal(reader_left(&reader), 4);
	reader = reader_of(bytes, sizeof bytes);
	assert_int_equal(reader_u64_be(&reader), UINT64_C(0x0102030405060708));
	reader = reader_of(bytes, sizeof bytes);
	assert_int_equal(reader_u64_le(&reader), UINT64_C(0x0807060504030201));
	assert_int_equal(reader_finish(&reader), ERR_OK);
}

static void test_integers_are_written_in_both_orders(void **state) {
	static const uint8_t expected[] = {
		0x01,                                           /* u8 */
		0x01, 0x02, 0x02, 0x01,                         /* u16 */
		0x01, 0x02, 0x03, 0x04, 0x04, 0x03, 0x02, 0x01, /* u32 */
		0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, /* u64, big-endian */
		0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, /* u64, little-endian */
	};
	uint8_t data[sizeof expected];
	size_t size = 0;
	struct writer writer = writer_of(data, sizeof data);
	writer_u8(&writer, 0x01);
	writer_u16_be(&writer, 0x0102);
	writer_u16_le(&writer, 0x0102);
	writer_u32_be(&writer, 0x01020304);
	writer_u32_le(&writer, 0x01020304);
	writer_u64_be(&writer, UINT64_C(0x0102030405060708));
	writer_u64_le(&writer, UINT64_C(0x0102030405060708));
	assert_int_equal(writer_finish(&writer, &size), ERR_OK);
	assert_int_equal(size, sizeof expected);
	assert_memory_equal(data, expected, sizeof expected);
}

static void test_views_and_copies(void **state) {
	uint8_t copy[3];
	struct reader reader = reader_of(bytes, sizeof bytes);
	struct slice slice = reader_slice(&reader, 2);
	assert_ptr_equal(slice.data, bytes);
	assert_int_equal(slice.size, 2);
	reader_skip(&reader, 1);
	reader_bytes(&reader, copy, sizeof copy);
	assert_memory_equal(copy, bytes + 3, sizeof copy);
	slice = reader_slice(&reader, reader_left(&reader));
	assert_ptr_equal(slice.data, bytes + 6);
	assert_int_equal(slice.size, 2);
	assert_int_equal(reader_finish(&reader), ERR_OK);
}

/* After the first step beyond the end, reads give zeros and even fitting ones do nothing. */
static void test_reading_beyond_the_end_sticks(void **state) {
	uint8_t copy[4] = {0xee, 0xee, 0xee, 0xee};
	const uint8_t zeros[4] = {0};
	struct reader reader = reader_of(bytes, 3);
	assert_int_equal(reader_u32_be(&reader), 0);
	assert_int_equal(reader.error, ERR_TRUNCATED);
	assert_int_equal(reader_left(&reader), 3);
	assert_int_equal(reader_u8(&reader), 0);
	assert_int_equal(reader_u16_le(&reader), 0);
	reader_bytes(&reader, copy, sizeof copy);
	assert_memory_equal(copy, zeros, sizeof copy);
	struct slice slice = reader_slice(&reader, 1);
	assert_null(slice.data);
	assert_int_equal(slice.size, 0);
	assert_int_equal(reader_finish(&reader), ERR_TRUNCATED);
}

static void test_sizes_near_the_largest_do_not_wrap(void **state) {
	uint8_t data[4];
	struct reader reader = reader_of(bytes, sizeof bytes);
	reader_skip(&reader, 1);
	reader_skip(&reader, SIZE_MAX);
	assert_int_equal(reader_finish(&reader), ERR_TRUNCATED);
	struct writer writer = writer_of(data, sizeof data);
	writer_u8(&writer, 1);
	writer_zeros(&writer, SIZE_MAX);
	assert_int_equal(writer.error, ERR_LIMIT);
	assert_int_equal(writer_size(&writer), 1);
}

static void test_bytes_left_are_an_error(void **state) {
	struct reader reader = reader_of(bytes, 3);
	(void)reader_u16_be(&reader);
	assert_int_equal(reader_finish(&reader), ERR_TRAILING);
	(void)reader_u8(&reader);
	assert_int_equal(reader_finish(&reader), ERR_OK);
}

static void test_first_failure_is_kept(void **state) {
	struct reader reader = reader_of(bytes, 2);
	reader_expect(&reader, true);
	assert_int_equal(reader.error, ERR_OK);
	reader_expect(&reader, reader_u8(&reader) == 9);
	reader_fail(&reader, ERR_UNSUPPORTED);
	(void)reader_u64_be(&reader);
	assert_int_equal(reader_finish(&reader), ERR_MALFORMED);
}

static void test_empty_buffers(void **state) {
	struct reader reader = reader_of(NULL, 0);
	assert_int_equal(reader_slice(&reader, 0).size, 0);
	reader_bytes(&reader, NULL, 0);
	assert_int_equal(reader_finish(&reader), ERR_OK);
	assert_int_equal(reader_u8(&reader), 0);
	assert_int_equal(reader_finish(&reader), ERR_TRUNCATED);

	uint8_t nothing = 0xee;
	size_t size = 7;
	struct writer writer = writer_of(&nothing, 0);
	writer_bytes(&writer, NULL, 0);
	writer_zeros(&writer, 0);
	assert_int_equal(writer_finish(&writer, &size), ERR_OK);
	assert_int_equal(size, 0);
	writer_u8(&writer, 1);
	assert_int_equal(writer.error, ERR_LIMIT);
	assert_int_equal(nothing, 0xee);
}

/* A step that does not fit writes nothing, and neither do those after it. */
static void test_writing_beyond_the_end_sticks(void **state) {
	uint8_t data[6] = {0xee, 0xee, 0xee, 0xee, 0xee, 0xee};
	const uint8_t expected[6] = {1, 0xee, 0xee, 0xee, 0xee, 0xee};
	size_t size = 7;
	struct writer writer = writer_of(data, 4);
	writer_u8(&writer, 1);
	writer_u32_be(&writer, 2);
	writer_u8(&writer, 3);
	writer_bytes(&writer, bytes, 2);
	writer_zeros(&writer, 1);
	assert_int_equal(writer_finish(&writer, &size), ERR_LIMIT);
	assert_int_equal(size, 7);
	assert_int_equal(writer_size(&writer), 1);
	assert_memory_equal(data, expected, sizeof data);
}

static void test_bytes_and_zeros_are_written(void **state) {
	uint8_t data[6] = {0xee, 0xee, 0xee, 0xee, 0xee, 0xee};
	const uint8_t expected[6] = {1, 2, 0, 0, 0, 0xee};
	size_t size;
	struct writer writer = writer_of(data, sizeof data);
	writer_bytes(&writer, bytes, 2);
	writer_zeros(&writer, 3);
	assert_int_equal(writer_finish(&writer, &size), ERR_OK);
	assert_int_equal(size, 5);
	assert_memory_equal(data, expected, sizeof data);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers_are_read_in_both_orders),
		cmocka_unit_test(test_integers_are_written_in_both_orders),
		cmocka_unit_test(test_views_and_copies),
		cmocka_unit_test(test_reading_beyond_the_end_sticks),
		cmocka_unit_test(test_sizes_near_the_largest_do_not_wrap),
		cmocka_unit_test(test_bytes_left_are_an_error),
		cmocka_unit_test(test_first_failure_is_kept),
		cmocka_unit_test(test_empty_buffers),
		cmocka_unit_test(test_writing_beyond_the_end_sticks),
		cmocka_unit_test(test_bytes_and_zeros_are_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
