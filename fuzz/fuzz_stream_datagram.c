/* The same datagrams however the stream is cut. The first byte: how large the pieces are. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "wire/stream_datagram.h"

enum { LIMIT = 1500 };

struct result {
	enum err error;
	size_t count;
	unsigned long sum;
};

static struct result run(const uint8_t *data, size_t size, size_t piece) {
	struct result result = {.error = ERR_AGAIN};
	struct stream_datagram_reader *reader = NULL;
	expect(!stream_datagram_reader_new(LIMIT, &reader));
	for (size_t at = 0; at < size && result.error == ERR_AGAIN; at += piece) {
		struct slice left = slice_of(data + at, size - at < piece ? size - at : piece), datagram;
		while (!(result.error = stream_datagram_next(reader, &left, &datagram))) {
			expect(datagram.size <= LIMIT);
			for (size_t i = 0; i < datagram.size; i++)
				result.sum = result.sum * 31 + datagram.data[i];
			result.count++;
		}
		expect(result.error != ERR_AGAIN || left.size == 0);
	}
	stream_datagram_reader_free(reader);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size < 1)
		return 0;
	struct result whole = run(data + 1, size - 1, size);
	struct result cut = run(data + 1, size - 1, data[0] + 1U);
	expect(whole.error == cut.error && whole.count == cut.count && whole.sum == cut.sum);
	return 0;
}
