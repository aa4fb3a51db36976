#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/wipe.h"
#include "conf/arena.h"

static void test_pieces_are_apart_zeroed_and_aligned(void **state) {
	enum { COUNT = 5000 };
	struct arena arena = {0};
	static uint8_t *pieces[COUNT];
	for (size_t i = 0; i < COUNT; i++) {
		size_t size = i % 300;
		pieces[i] = arena_take(&arena, size);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % sizeof(void *), 0);
		assert_true(wipe_is_zero(pieces[i], size));
		memset(pieces[i], (int)(i % 255), size);
	}
	for (size_t i = 0; i < COUNT; i++)
		for (size_t j = 0; j < i % 300; j++)
			assert_int_equal(pieces[i][j], i % 255);
	assert_false(arena.failed);
	arena_done(&arena);
	assert_null(arena.blocks);
	arena_done(&arena);
}

static void test_large_pieces(void **state) {
	struct arena arena = {0};
	char *large = arena_take(&arena, 10 << 20);
	assert_non_null(large);
	memset(large, 1, 10 << 20);
	assert_string_equal(arena_text(&arena, "phone and more", 5), "phone");
	assert_string_equal(arena_text(&arena, NULL, 0), "");
	arena_done(&arena);
}

static void test_failure_sticks(void **state) {
	struct arena arena = {0};
	assert_null(arena_take(&arena, SIZE_MAX - 2));
	assert_true(arena.failed);
	assert_non_null(arena_take(&arena, 1));
	assert_true(arena.failed);
	arena_done(&arena);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_are_apart_zeroed_and_aligned),
		cmocka_unit_test(test_large_pieces),
		cmocka_unit_test(test_failure_sticks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
