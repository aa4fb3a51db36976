#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "daemon/operation.h"

static void feed(struct operation *operation, const char *text, size_t size) {
	while (size > 0) {
		uint8_t *room;
		size_t room_size;
		assert_int_equal(operation_reserve(operation, &room, &room_size), ERR_OK);
		assert_true(room_size > 0);
		size_t count = size < room_size ? size : room_size;
		memcpy(room, text, count);
		operation_fill(operation, count);
		text += count;
		size -= count;
	}
}

static void assert_set(struct operation *operation, const char *expected) {
	struct slice text;
	assert_int_equal(operation_next(operation, &text), OPERATION_SET);
	assert_int_equal(text.size, strlen(expected));
	assert_memory_equal(text.data, expected, text.size);
}

static void assert_next(struct operation *operation, enum operation_kind expected) {
	struct slice text;
	assert_int_equal(operation_next(operation, &text), expected);
}

static void test_several_in_one_piece(void **state) {
	static const char text[] = "get=1\n\nset=1\na=b\nc=d\n\nset=1\n\nget=1\n\n";
	struct operation operation = {0};
	assert_next(&operation, OPERATION_PARTIAL);
	feed(&operation, text, sizeof text - 1);
	assert_next(&operation, OPERATION_GET);
	assert_set(&operation, "a=b\nc=d\n");
	assert_set(&operation, "");
	assert_next(&operation, OPERATION_GET);
	assert_next(&operation, OPERATION_PARTIAL);
	operation_done(&operation);
}

static void test_byte_by_byte(void **state) {
	static const char text[] = "set=1\na=b\n\nget=1\n\n";
	struct operation operation = {0};
	struct slice lines;
	for (size_t i = 0; i < sizeof text - 1; i++) {
		feed(&operation, text + i, 1);
		if (i == 10)
			assert_set(&operation, "a=b\n");
		else if (i == sizeof text - 2)
			assert_int_equal(operation_next(&operation, &lines), OPERATION_GET);
		else
			assert_int_equal(operation_next(&operation, &lines), OPERATION_PARTIAL);
	}
	operation_done(&operation);
}

static void test_unknown_is_seen_at_its_first_byte(void **state) {
	static const char *const texts[] = {"x", "\n", "get=2", "set=1 ", "GET / HTTP/1.1"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct operation operation = {0};
		feed(&operation, texts[i], strlen(texts[i]));
		assert_next(&operation, OPERATION_UNKNOWN);
		assert_next(&operation, OPERATION_UNKNOWN);
		operation_done(&operation);
	}
}

static void test_more_behind_a_get(void **state) {
	struct operation operation = {0};
	feed(&operation, "get=1\nx", 7);
	assert_next(&operation, OPERATION_LONG_GET);
	assert_next(&operation, OPERATION_LONG_GET);
	operation_done(&operation);
}

static void test_taken_keys_are_wiped(void **state) {
	static const char text[] = "set=1\nprivate_key=0123456789abcdef\n\nset=1\npart";
	struct operation operation = {0};
	feed(&operation, text, sizeof text - 1);
	assert_set(&operation, "private_key=0123456789abcdef\n");
	assert_next(&operation, OPERATION_PARTIAL);
	assert_null(memmem(operation.data, operation.size, "0123", 4));
	assert_non_null(memmem(operation.data, operation.size, "part", 4));
	feed(&operation, "\n\n", 2);
	assert_set(&operation, "part\n");
	operation_done(&operation);
}

static void test_greatest_size(void **state) {
	static char block[1 << 20];
	memset(block, 'a', sizeof block);
	struct operation operation = {0};
	feed(&operation, "set=1\n", 6);
	for (size_t i = 0; i < OPERATION_SIZE_MAX / sizeof block - 1; i++) {
		feed(&operation, block, sizeof block);
		assert_next(&operation, OPERATION_PARTIAL);
	}
	feed(&operation, block, sizeof block - 6);
	assert_next(&operation, OPERATION_PARTIAL);
	uint8_t *room;
	size_t size;
	assert_int_equal(operation_reserve(&operation, &room, &size), ERR_LIMIT);
	operation_done(&operation);
	assert_null(operation.data);
}

static void test_many_small_ones_need_little_room(void **state) {
	struct operation operation = {0};
	for (unsigned i = 0; i < 100000; i++) {
		feed(&operation, "set=1\nkey=value\n\n", 17);
		assert_set(&operation, "key=value\n");
	}
	assert_true(operation.capacity <= 8192);
	operation_done(&operation);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_several_in_one_piece),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_unknown_is_seen_at_its_first_byte),
		cmocka_unit_test(test_more_behind_a_get),
		cmocka_unit_test(test_taken_keys_are_wiped),
		cmocka_unit_test(test_greatest_size),
		cmocka_unit_test(test_many_small_ones_need_little_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
