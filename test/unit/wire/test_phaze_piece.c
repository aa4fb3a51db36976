#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/phaze_piece.h"

static uint8_t body[PHAZE_BODY_SIZE_MAX];

static void bodies_go_there_and_back(void **state) {
	static const size_t sizes[] = {0, 1, 1099, 1100, 1101, 2200, 2201, 7700, 7701, 8192};
	static const size_t counts[] = {1, 1, 1, 1, 2, 2, 3, 7, 8, 8};
	for (size_t i = 0; i < sizeof body; i++)
		body[i] = (uint8_t)(i * 7 + i / 256);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		size_t done = 0;
		assert_int_equal(phaze_piece_count(sizes[i]), counts[i]);
		for (size_t number = 0; number < counts[i]; number++) {
			uint8_t data[PHAZE_MESSAGE_HEAD_SIZE + PHAZE_PIECE_SIZE];
			size_t size;
			struct phaze_piece piece = phaze_piece_of(PHAZE_SERVER_AUTH, slice_of(body, sizes[i]),
													  number),
							   again;
			assert_int_equal(phaze_piece_encode(&piece, data, sizeof data, &size), ERR_OK);
			assert_int_equal(phaze_piece_decode(data, size, &again), ERR_OK);
			assert_int_equal(again.type, PHAZE_SERVER_AUTH);
			assert_int_equal(again.length, sizes[i]);
			assert_int_equal(again.offset, done);
			assert_int_equal(again.bytes.size,
							 number + 1 < counts[i] ? PHAZE_PIECE_SIZE : sizes[i] - done);
			if (again.bytes.size > 0)
				assert_memory_equal(again.bytes.data, body + done, again.bytes.size);
			done += again.bytes.size;
		}
		assert_int_equal(done, sizes[i]);
	}
}

/* The head in bytes and how much stands behind it. */
static void only_just_those_pieces_are_taken(void **state) {
	static const struct {
		char head[PHAZE_MESSAGE_HEAD_SIZE + 1];
		size_t behind;
		enum err error;
	} rows[] = {
		{"\4\0\0\0\0", 0, ERR_OK},
		{"\7\0\1\0\0", 1, ERR_OK},
		{"\3\0\1\0\0", 1, ERR_MALFORMED}, /* plain messages, and none */
		{"\1\0\1\0\0", 1, ERR_MALFORMED},
		{"\0\0\1\0\0", 1, ERR_MALFORMED},
		{"\x8\0\1\0\0", 1, ERR_MALFORMED},
		{"\4\0\1\0\0", 2, ERR_TRAILING},
		{"\4\0\2\0\0", 1, ERR_TRUNCATED},
		{"\4\0\0\4\x4c", 0, ERR_MALFORMED},    /* nothing, at 1100 */
		{"\4\4\x4c\0\0", 1100, ERR_OK},        /* 1100 bytes: one piece */
		{"\4\4\x4c\4\x4c", 0, ERR_MALFORMED},  /* and no empty second */
		{"\4\4\x4d\4\x4c", 1, ERR_OK},         /* the second of 1101 */
		{"\4\4\x4d\0\0", 1099, ERR_TRUNCATED}, /* its first, cut short */
		{"\4\4\x4d\0\0", 1101, ERR_TRAILING},  /* or all of it at once */
		{"\4\4\x4d\4\x4b", 2, ERR_MALFORMED},  /* at 1099 */
		{"\4\4\x4d\0\1", 1100, ERR_MALFORMED}, /* at 1 */
		{"\4\x20\0\x1e\x14", 492, ERR_OK},     /* the last of 8192 */
		{"\4\x20\1\x1e\x14", 493, ERR_MALFORMED},
		{"\4\xff\xff\0\0", 1100, ERR_MALFORMED},
		{"\4\x20\0\xfb\x70", 1100, ERR_MALFORMED}, /* far behind the end */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t data[PHAZE_MESSAGE_HEAD_SIZE + PHAZE_PIECE_SIZE + 8] = {0};
		struct phaze_piece piece;
		memcpy(data, rows[i].head, PHAZE_MESSAGE_HEAD_SIZE);
		assert_int_equal(phaze_piece_decode(data, PHAZE_MESSAGE_HEAD_SIZE + rows[i].behind, &piece),
						 rows[i].error);
		for (size_t size = 0; size < PHAZE_MESSAGE_HEAD_SIZE; size++)
			assert_int_not_equal(phaze_piece_decode(data, size, &piece), ERR_OK);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_go_there_and_back),
		cmocka_unit_test(only_just_those_pieces_are_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
