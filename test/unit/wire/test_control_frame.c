#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "wire/control_frame.h"

static const uint8_t reply[] = {0, 2, 0, 10, 1, 2, 3, 4, 5, 6, 7, 8, 5, 220};

static void test_reply(void **state) {
	const struct control_frame frame = {CONTROL_FRAME_REPLY, 0x0102030405060708, 1500};
	uint8_t data[64];
	size_t size = 0;
	assert_int_equal(control_frame_encode(&frame, data, sizeof data, &size), ERR_OK);
	assert_int_equal(size, sizeof reply);
	assert_memory_equal(data, reply, size);
	struct control_frame again;
	/* Padding behind it does not matter. */
	memset(data + size, 0xff, sizeof data - size);
	for (size_t more = 0; more < 16; more++) {
		assert_int_equal(control_frame_decode(data, size + more, &again), ERR_OK);
		assert_int_equal(again.type, CONTROL_FRAME_REPLY);
		assert_int_equal(again.nonce, frame.nonce);
		assert_int_equal(again.size, 1500);
	}
}

static void test_probe(void **state) {
	static uint8_t data[CONTROL_FRAME_PROBE_MAX];
	static const uint16_t sizes[] = {CONTROL_FRAME_PROBE_MIN, 48, 1280, 1421,
									 CONTROL_FRAME_PROBE_MAX};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		const struct control_frame frame = {CONTROL_FRAME_PROBE, i, sizes[i]};
		struct control_frame again;
		size_t size = 0;
		memset(data, 0xff, sizeof data);
		assert_int_equal(control_frame_encode(&frame, data, sizes[i] - 1U, &size), ERR_LIMIT);
		assert_int_equal(control_frame_encode(&frame, data, sizes[i], &size), ERR_OK);
		assert_int_equal(size, sizes[i]);
		assert_int_equal(control_frame_decode(data, size, &again), ERR_OK);
		assert_int_equal(again.size, sizes[i]);
		assert_int_equal(again.nonce, i);
		assert_int_equal(control_frame_decode(data, size - 1, &again), ERR_TRUNCATED);
	}
}

static void test_refused(void **state) {
	struct control_frame frame = {.size = 7};
	uint8_t data[sizeof reply];
	for (size_t size = 0; size < sizeof reply; size++)
		assert_int_equal(control_frame_decode(reply, size, &frame), ERR_TRUNCATED);
	static const struct {
		size_t at;
		uint8_t value;
		enum err error;
	} rows[] = {
		{0, 1, ERR_MALFORMED}, {1, 0, ERR_UNSUPPORTED}, {1, 3, ERR_UNSUPPORTED},
		{1, 1, ERR_MALFORMED}, /* a probe that is not as large as it says */
		{3, 9, ERR_TRUNCATED}, {12, 0, ERR_OK},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		memcpy(data, reply, sizeof data);
		data[rows[i].at] = rows[i].value;
		assert_int_equal(control_frame_decode(data, sizeof data, &frame), rows[i].error);
	}
	memcpy(data, reply, sizeof data);
	data[12] = 0;
	data[13] = CONTROL_FRAME_PROBE_MIN - 1;
	assert_int_equal(control_frame_decode(data, sizeof data, &frame), ERR_MALFORMED);
	data[12] = data[13] = 0xff;
	assert_int_equal(control_frame_decode(data, sizeof data, &frame), ERR_MALFORMED);

	size_t size = 7;
	const struct control_frame small = {CONTROL_FRAME_PROBE, 1, CONTROL_FRAME_PROBE_MIN - 1};
	assert_int_equal(control_frame_encode(&small, data, sizeof data, &size), ERR_INVALID);
	const struct control_frame strange = {3, 1, 100};
	assert_int_equal(control_frame_encode(&strange, data, sizeof data, &size), ERR_INVALID);
	assert_int_equal(size, 7);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
