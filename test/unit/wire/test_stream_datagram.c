#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "wire/stream_datagram.h"

/* Every way to cut the stream in two or into equal pieces gives the same datagrams. */
static void takes_pieces(void **state) {
	static const size_t sizes[] = {5, 0, 1, 300, 0, 2};
	uint8_t stream[400];
	size_t size = 0;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		stream_datagram_header(sizes[i], stream + size);
		size += STREAM_DATAGRAM_HEADER_SIZE;
		memset(stream + size, (int)('a' + i), sizes[i]);
		size += sizes[i];
	}
	for (size_t piece = 1; piece <= size; piece++) {
		struct stream_datagram_reader *reader = NULL;
		size_t found = 0;
		assert_int_equal(stream_datagram_reader_new(300, &reader), ERR_OK);
		for (size_t at = 0; at < size; at += piece) {
			size_t part = size - at < piece ? size - at : piece;
			uint8_t *copy = malloc(part);
			assert_non_null(copy);
			memcpy(copy, stream + at, part);
			struct slice data = slice_of(copy, part), datagram;
			enum err error;
			while (!(error = stream_datagram_next(reader, &data, &datagram))) {
				assert_true(found < sizeof sizes / sizeof sizes[0]);
				assert_int_equal(datagram.size, sizes[found]);
				for (size_t i = 0; i < datagram.size; i++)
					assert_int_equal(datagram.data[i], 'a' + found);
				found++;
			}
			assert_int_equal(error, ERR_AGAIN);
			assert_int_equal(data.size, 0);
			free(copy);
		}
		assert_int_equal(found, sizeof sizes / sizeof sizes[0]);
		stream_datagram_reader_free(reader);
	}
}

static void has_a_limit(void **state) {
	static const uint8_t large[] = {0, 11, 'x'};
	for (size_t first = 1; first <= sizeof large; first++) {
		struct stream_datagram_reader *reader = NULL;
		struct slice data = slice_of(large, first), datagram;
		assert_int_equal(stream_datagram_reader_new(10, &reader), ERR_OK);
		enum err error = stream_datagram_next(reader, &data, &datagram);
		if (first == 1) {
			assert_int_equal(error, ERR_AGAIN);
			data = slice_of(large + 1, 1);
			error = stream_datagram_next(reader, &data, &datagram);
		}
		assert_int_equal(error, ERR_LIMIT);
		stream_datagram_reader_free(reader);
	}
	struct stream_datagram_reader *reader = NULL;
	assert_int_equal(stream_datagram_reader_new(STREAM_DATAGRAM_MAX + 1, &reader), ERR_INVALID);
	assert_null(reader);
	stream_datagram_reader_free(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_pieces),
		cmocka_unit_test(has_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
