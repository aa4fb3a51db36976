#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "transport/dns/frame.h"

struct seen {
	size_t count, sizes[4];
	uint8_t last[8];
	enum err error;
};

static enum err whole(void *context, const uint8_t *message, size_t size) {
	struct seen *seen = context;
	if (seen->count < 4)
		seen->sizes[seen->count] = size;
	seen->count++;
	memcpy(seen->last, message, size < sizeof seen->last ? size : sizeof seen->last);
	return seen->error;
}

static const uint8_t two[] = {0, 3, 'a', 'b', 'c', 0, 1, 'x'};

static void test_pieces(void **state) {
	for (size_t piece = 1; piece <= sizeof two; piece++) {
		struct seen seen = {0};
		struct frame frame;
		frame_init(&frame, 100);
		for (size_t at = 0; at < sizeof two; at += piece) {
			size_t size = sizeof two - at < piece ? sizeof two - at : piece;
			assert_int_equal(frame_put(&frame, two + at, size, whole, &seen), ERR_OK);
		}
		assert_int_equal(seen.count, 2);
		assert_int_equal(seen.sizes[0], 3);
		assert_int_equal(seen.sizes[1], 1);
		assert_int_equal(seen.last[0], 'x');
		frame_done(&frame);
	}
}

static void test_limits(void **state) {
	struct seen seen = {0};
	struct frame frame;
	frame_init(&frame, 3);
	assert_int_equal(frame_put(&frame, (uint8_t[]){0, 4}, 2, whole, &seen), ERR_LIMIT);
	frame_done(&frame);
	frame_init(&frame, 3);
	assert_int_equal(frame_put(&frame, (uint8_t[]){0, 0}, 2, whole, &seen), ERR_LIMIT);
	frame_done(&frame);
	/* What the receiver says ends it; half a message is forgotten. */
	seen.error = ERR_CLOSED;
	frame_init(&frame, 3);
	assert_int_equal(frame_put(&frame, two, sizeof two, whole, &seen), ERR_CLOSED);
	assert_int_equal(seen.count, 1);
	assert_int_equal(frame_put(&frame, two, 4, whole, &seen), ERR_OK);
	frame_done(&frame);
	frame_done(&frame);
}

static void test_header(void **state) {
	uint8_t header[FRAME_HEADER_SIZE];
	frame_header(0x1234, header);
	assert_int_equal(header[0], 0x12);
	assert_int_equal(header[1], 0x34);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
