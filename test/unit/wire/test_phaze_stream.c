#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/phaze_stream.h"

static size_t put(uint8_t *at, enum phaze_type type, uint32_t sequence, size_t size) {
	const struct phaze_header header = {type, sequence, 7, (uint16_t)(size - PHAZE_HEADER_SIZE)};
	memset(at, (int)sequence, size);
	phaze_packet_encode(&header, at);
	return size;
}

enum { PACKETS = 6 };
static const size_t sizes[PACKETS] = {53, 44, PHAZE_PACKET_SIZE_MAX, 45, 1400, 44};
static const enum phaze_type types[PACKETS] = {PHAZE_KEEPALIVE, PHAZE_DATA, PHAZE_DATA,
											   PHAZE_CLOSE,     PHAZE_DATA, PHAZE_DATA};

/* However the bytes are cut, the same packets come out. */
static void packets_come_out_as_they_went_in(void **state) {
	static uint8_t bytes[PHAZE_PACKET_SIZE_MAX + 4096];
	static struct phaze_stream stream;
	static const size_t cuts[] = {1, 7, 15, 16, 17, 44, 1000, 65536, sizeof bytes};
	size_t total = 0;
	for (size_t i = 0; i < PACKETS; i++)
		total += put(bytes + total, types[i], (uint32_t)(i + 1), sizes[i]);
	for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
		size_t seen = 0, at = 0, packet_at = 0;
		phaze_stream_init(&stream);
		while (at < total) {
			const size_t size = total - at < cuts[c] ? total - at : cuts[c];
			struct slice input = slice_of(bytes + at, size), packet;
			enum err error;
			while ((error = phaze_stream_take(&stream, &input, &packet)) == ERR_OK) {
				assert_true(seen < PACKETS);
				assert_int_equal(packet.size, sizes[seen]);
				assert_memory_equal(packet.data, bytes + packet_at, packet.size);
				packet_at += sizes[seen++];
			}
			assert_int_equal(error, ERR_AGAIN);
			assert_int_equal(input.size, 0);
			at += size;
		}
		assert_int_equal(seen, PACKETS);
		assert_int_equal(stream.size, 0);
	}
}

/* The size is known with the header, and says nothing of what is not there yet. */
static void sizes_are_known_with_the_header(void **state) {
	static uint8_t bytes[PHAZE_PACKET_SIZE_MAX];
	size_t size = 1;
	(void)put(bytes, PHAZE_DATA, 1, sizeof bytes);
	for (size_t i = 0; i < PHAZE_HEADER_SIZE; i++)
		assert_int_equal(phaze_stream_size(bytes, i, &size), ERR_AGAIN);
	assert_int_equal(size, 1);
	assert_int_equal(phaze_stream_size(bytes, PHAZE_HEADER_SIZE, &size), ERR_OK);
	assert_int_equal(size, sizeof bytes);
	assert_int_equal(phaze_stream_size((const uint8_t *)"PHAX", 4, &size), ERR_MALFORMED);
	bytes[5] = 6;
	assert_int_equal(phaze_stream_size(bytes, sizeof bytes, &size), ERR_MALFORMED);
}

/* Who speaks something else is known by his first wrong byte, for good. */
static void strangers_are_known_at_once(void **state) {
	static struct phaze_stream stream;
	static const char *const strangers[] = {"GET / HTTP/1.1\r\n", "\x16\3\1", "PHAX", "PHAZ\2"};
	static uint8_t good[44];
	struct slice packet = {0};
	put(good, PHAZE_DATA, 1, sizeof good);
	for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
		struct slice input = slice_of_text(strangers[i]);
		phaze_stream_init(&stream);
		assert_int_equal(phaze_stream_take(&stream, &input, &packet), ERR_MALFORMED);
		input = slice_of(good, sizeof good);
		assert_int_equal(phaze_stream_take(&stream, &input, &packet), ERR_MALFORMED);
		assert_int_equal(input.size, sizeof good);
	}
	assert_null(packet.data);
}

/* Also behind a good packet, and before any of what is announced is waited for. */
static void bad_headers_end_a_stream(void **state) {
	static struct phaze_stream stream;
	static uint8_t bytes[44 + PHAZE_HEADER_SIZE];
	struct slice packet;
	static const struct phaze_header rows[] = {
		{PHAZE_DATA, 0, 7, 100},       {PHAZE_DATA, 1, 0, 100}, {PHAZE_DATA, 1, 7, 27},
		{PHAZE_CLOSE, 1, 7, 100},      {6, 1, 7, 100},          {PHAZE_HANDSHAKE, 0, 0, 1185},
		{PHAZE_HANDSHAKE, 1, 7, 1134},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		put(bytes, PHAZE_DATA, 1, 44);
		phaze_packet_encode(&rows[i], bytes + 44);
		struct slice input = slice_of(bytes, sizeof bytes);
		phaze_stream_init(&stream);
		assert_int_equal(phaze_stream_take(&stream, &input, &packet), ERR_OK);
		assert_int_equal(packet.size, 44);
		assert_int_equal(phaze_stream_take(&stream, &input, &packet), ERR_MALFORMED);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_come_out_as_they_went_in),
		cmocka_unit_test(sizes_are_known_with_the_header),
		cmocka_unit_test(strangers_are_known_at_once),
		cmocka_unit_test(bad_headers_end_a_stream),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
