#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/byte_queue.h"

static void test_empty(void **state) {
	struct byte_queue queue = {.bytes = NULL};
	assert_null(byte_queue_view(&queue).data);
	byte_queue_drop(&queue, 5);
	assert_int_equal(byte_queue_append(&queue, NULL, 0), ERR_OK);
	assert_int_equal(byte_queue_size(&queue), 0);
	byte_queue_done(&queue);
}

static void test_too_large(void **state) {
	struct byte_queue queue = {.bytes = NULL};
	assert_int_equal(byte_queue_append(&queue, "abc", 3), ERR_OK);
	assert_int_equal(byte_queue_append(&queue, "", SIZE_MAX), ERR_NO_MEMORY);
	assert_int_equal(byte_queue_append(&queue, "", SIZE_MAX / 2), ERR_NO_MEMORY);
	assert_int_equal(byte_queue_size(&queue), 3);
	assert_memory_equal(byte_queue_view(&queue).data, "abc", 3);
	byte_queue_done(&queue);
}

static void test_memory(void **state) {
	static const uint8_t bytes[BYTE_QUEUE_ROOM_KEPT + 1];
	struct byte_queue queue = {.bytes = NULL};
	for (size_t size = BYTE_QUEUE_ROOM_KEPT; size <= sizeof bytes; size++) {
		assert_int_equal(byte_queue_append(&queue, bytes, size), ERR_OK);
		byte_queue_drop(&queue, SIZE_MAX);
		assert_int_equal(queue.room, size == BYTE_QUEUE_ROOM_KEPT ? size : 0);
	}
	byte_queue_done(&queue);
}

/* What was asked for in one is not moved by what is appended then. */
static void test_reserve(void **state) {
	static const uint8_t bytes[10000] = {1, 2, 3};
	struct byte_queue queue = {.bytes = NULL};
	assert_int_equal(byte_queue_append(&queue, bytes, 100), ERR_OK);
	assert_int_equal(byte_queue_reserve(&queue, SIZE_MAX / 2), ERR_NO_MEMORY);
	assert_int_equal(byte_queue_reserve(&queue, 5 * sizeof bytes), ERR_OK);
	const uint8_t *place = queue.bytes;
	const size_t room = queue.room;
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(byte_queue_append(&queue, bytes, sizeof bytes), ERR_OK);
	assert_ptr_equal(queue.bytes, place);
	assert_int_equal(queue.room, room);
	assert_int_equal(byte_queue_size(&queue), 100 + 5 * sizeof bytes);
	assert_memory_equal(byte_queue_view(&queue).data + 100, bytes, sizeof bytes);
	byte_queue_done(&queue);
}

/* Against a count of what went in and out; sizes by a generator of numbers. */
static void test_order(void **state) {
	struct byte_queue queue = {.bytes = NULL};
	uint32_t number = 1;
	size_t in = 0, out = 0, emptied = 0;
	for (int i = 0; i < 20000; i++) {
		number = number * 1664525 + 1013904223;
		uint8_t bytes[3000];
		size_t size = (number >> 8) % sizeof bytes;
		/* Phases in which more goes in than out, and the other way round. */
		if ((number >> 24) % 8 < (i / 500 % 2 ? 5 : 3)) {
			for (size_t j = 0; j < size; j++)
				bytes[j] = (uint8_t)((in + j) * 7);
			assert_int_equal(byte_queue_append(&queue, bytes, size), ERR_OK);
			in += size;
		} else {
			struct slice view = byte_queue_view(&queue);
			size = size < view.size ? size : view.size;
			for (size_t j = 0; j < size; j++)
				assert_int_equal(view.data[j], (uint8_t)((out + j) * 7));
			byte_queue_drop(&queue, size);
			out += size;
		}
		assert_int_equal(byte_queue_size(&queue), in - out);
		emptied += in == out;
	}
	assert_true(in > 1000000 && emptied > 10);
	byte_queue_done(&queue);
	assert_int_equal(byte_queue_size(&queue), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),  cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_memory), cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
