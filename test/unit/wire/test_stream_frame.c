#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "wire/stream_frame.h"

/* The examples of the specification; what a sender pads with is random, here x. */
static const uint8_t hello[] = "\x00\x00\x00\x2a\x00\x05\x03Helloxxx";
static const uint8_t opening[] = "\x01\x00\x00\x01\x00\x0f\x08\x03\x0b"
								 "example.com\x01\xbbxxxxxxxx";
enum { HELLO_SIZE = sizeof hello - 1, OPENING_SIZE = sizeof opening - 1 };

static void examples(void **state) {
	struct stream_frame frame;
	assert_int_equal(stream_frame_decode(hello, HELLO_SIZE, &frame), ERR_OK);
	assert_int_equal(frame.type, STREAM_FRAME_DATA);
	assert_int_equal(frame.stream, 42);
	assert_int_equal(frame.padding, 3);
	assert_ptr_equal(frame.payload.data, hello + STREAM_FRAME_HEADER_SIZE);
	assert_int_equal(frame.payload.size, 5);

	assert_int_equal(OPENING_SIZE, 30);
	assert_int_equal(stream_frame_decode(opening, OPENING_SIZE, &frame), ERR_OK);
	assert_int_equal(frame.type, STREAM_FRAME_OPEN);
	assert_int_equal(frame.stream, 1);
	assert_int_equal(frame.padding, 8);
	assert_int_equal(frame.payload.size, 15);

	uint8_t data[64];
	size_t size = 0;
	memset(data, 'x', sizeof data);
	assert_int_equal(stream_frame_encode(&frame, data, sizeof data, &size), ERR_OK);
	assert_int_equal(size, OPENING_SIZE);
	assert_memory_equal(data, opening, OPENING_SIZE);
}

static void payload_that_is_in_place_already(void **state) {
	uint8_t data[HELLO_SIZE];
	size_t size = 0;
	memset(data, 'x', sizeof data);
	memcpy(data + STREAM_FRAME_HEADER_SIZE, "Hello", 5);
	const struct stream_frame frame = {STREAM_FRAME_DATA, 42,
									   slice_of(data + STREAM_FRAME_HEADER_SIZE, 5), 3};
	assert_int_equal(stream_frame_encode(&frame, data, sizeof data, &size), ERR_OK);
	assert_int_equal(size, HELLO_SIZE);
	assert_memory_equal(data, hello, HELLO_SIZE);
}

static void every_size_but_its_own_is_refused(void **state) {
	struct stream_frame frame = {.stream = 7};
	uint8_t longer[OPENING_SIZE + 1] = {0};
	memcpy(longer, opening, OPENING_SIZE);
	for (size_t size = 0; size < OPENING_SIZE; size++) {
		/* Of exactly that size, so that a sanitizer sees a step too far. */
		uint8_t *cut = malloc(size > 0 ? size : 1);
		assert_non_null(cut);
		memcpy(cut, opening, size);
		assert_int_equal(stream_frame_decode(cut, size, &frame), ERR_TRUNCATED);
		free(cut);
	}
	assert_int_equal(stream_frame_decode(longer, sizeof longer, &frame), ERR_TRAILING);
	assert_int_equal(frame.stream, 7);
}

static void largest(void **state) {
	static uint8_t data[STREAM_FRAME_SIZE_MAX + 1], payload[STREAM_FRAME_PAYLOAD_MAX + 1];
	size_t size = 0;
	struct stream_frame frame = {0xff, STREAM_ID_MAX, slice_of(payload, STREAM_FRAME_PAYLOAD_MAX),
								 0};
	struct stream_frame again;
	assert_int_equal(stream_frame_encode(&frame, data, STREAM_FRAME_SIZE_MAX - 1, &size),
					 ERR_LIMIT);
	assert_int_equal(stream_frame_encode(&frame, data, sizeof data, &size), ERR_OK);
	assert_int_equal(size, STREAM_FRAME_SIZE_MAX);
	assert_int_equal(stream_frame_decode(data, size, &again), ERR_OK);
	assert_int_equal(again.stream, STREAM_ID_MAX);
	assert_int_equal(again.payload.size, STREAM_FRAME_PAYLOAD_MAX);

	frame.payload.size -= STREAM_FRAME_PADDING_MAX;
	frame.padding = STREAM_FRAME_PADDING_MAX;
	assert_int_equal(stream_frame_encode(&frame, data, sizeof data, &size), ERR_OK);
	assert_int_equal(size, STREAM_FRAME_SIZE_MAX);
	frame.payload.size++;
	assert_int_equal(stream_frame_encode(&frame, data, sizeof data, &size), ERR_INVALID);
	frame.padding = 0;
	frame.payload.size = STREAM_FRAME_PAYLOAD_MAX + 1;
	assert_int_equal(stream_frame_encode(&frame, data, sizeof data, &size), ERR_INVALID);
	frame.payload.size = 0;
	frame.stream = STREAM_ID_MAX + 1;
	assert_int_equal(stream_frame_encode(&frame, data, sizeof data, &size), ERR_INVALID);

	/* A header can say more than a frame may have. */
	memset(data, 0, STREAM_FRAME_HEADER_SIZE);
	data[4] = data[5] = 0xff;
	data[5] = 0xf9;
	assert_int_equal(stream_frame_decode(data, STREAM_FRAME_SIZE_MAX + 1, &again), ERR_LIMIT);
}

static void closing(void **state) {
	static const uint8_t code[] = {0, 0, 0, 8, 0};
	bool reset = true;
	uint32_t error = 9;
	assert_int_equal(stream_frame_read_close(slice_of(NULL, 0), &reset, &error), ERR_OK);
	assert_false(reset);
	assert_int_equal(error, STREAM_ERROR_NONE);
	assert_int_equal(stream_frame_read_close(slice_of(code, 4), &reset, &error), ERR_OK);
	assert_true(reset);
	assert_int_equal(error, STREAM_ERROR_CONNECT);
	assert_int_equal(stream_frame_read_close(slice_of(code, 3), &reset, &error), ERR_MALFORMED);
	assert_int_equal(stream_frame_read_close(slice_of(code, 5), &reset, &error), ERR_MALFORMED);
	assert_true(reset);
}

static void integers(void **state) {
	uint8_t data[STREAM_FRAME_GOAWAY_SIZE + 1];
	uint32_t first = 1, second = 1;
	stream_frame_write_u32(data, 0x01020304);
	assert_memory_equal(data, "\1\2\3\4", 4);
	assert_int_equal(stream_frame_read_window_update(slice_of(data, 4), &first), ERR_OK);
	assert_int_equal(first, 0x01020304);
	assert_int_equal(stream_frame_read_window_update(slice_of(data, 3), &first), ERR_MALFORMED);
	assert_int_equal(stream_frame_read_window_update(slice_of(data, 5), &first), ERR_MALFORMED);

	stream_frame_write_goaway(data, STREAM_ID_MAX, STREAM_ERROR_FLOW_CONTROL);
	assert_memory_equal(data, "\0\xff\xff\xff\0\0\0\3", 8);
	assert_int_equal(stream_frame_read_goaway(slice_of(data, 8), &first, &second), ERR_OK);
	assert_int_equal(first, STREAM_ID_MAX);
	assert_int_equal(second, STREAM_ERROR_FLOW_CONTROL);
	assert_int_equal(stream_frame_read_goaway(slice_of(data, 7), &first, &second), ERR_MALFORMED);
	assert_int_equal(stream_frame_read_goaway(slice_of(data, 9), &first, &second), ERR_MALFORMED);
	data[0] = 1;
	assert_int_equal(stream_frame_read_goaway(slice_of(data, 8), &first, &second), ERR_MALFORMED);
}

static void names(void **state) {
	assert_string_equal(stream_error_name(STREAM_ERROR_NONE), "NO_ERROR");
	assert_string_equal(stream_error_name(STREAM_ERROR_FLOW_CONTROL), "FLOW_CONTROL_ERROR");
	assert_string_equal(stream_error_name(STREAM_ERROR_ENHANCE_YOUR_CALM), "ENHANCE_YOUR_CALM");
	assert_string_equal(stream_error_name(10), "unknown error");
	assert_string_equal(stream_error_name(UINT32_MAX), "unknown error");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(payload_that_is_in_place_already),
		cmocka_unit_test(every_size_but_its_own_is_refused),
		cmocka_unit_test(largest),
		cmocka_unit_test(closing),
		cmocka_unit_test(integers),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
