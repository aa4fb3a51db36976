/*
 * A connection's bytes, cut in two ways: the packets are the same, each as the codec wants it, and
 * together they are what came in. The first byte chooses one way's cuts.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/phaze_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition) {
	if (!condition)
		abort();
}

/* Returns how many bytes of whole packets came out; whether the stream ended is *out_bad. */
static size_t run(const uint8_t *data, size_t size, size_t cut, bool *out_bad) {
	static struct phaze_stream stream;
	struct phaze_header header;
	struct slice packet;
	size_t at = 0, whole = 0;
	enum err error = ERR_AGAIN;
	phaze_stream_init(&stream);
	while (at < size && error == ERR_AGAIN) {
		const size_t part = size - at < cut ? size - at : cut;
		struct slice input = slice_of(data + at, part);
		while ((error = phaze_stream_take(&stream, &input, &packet)) == ERR_OK) {
			expect(!phaze_packet_decode(packet.data, packet.size, &header));
			expect(packet.size <= size - whole);
			expect(memcmp(packet.data, data + whole, packet.size) == 0);
			whole += packet.size;
		}
		expect(error == ERR_AGAIN || error == ERR_MALFORMED);
		expect(error == ERR_MALFORMED || input.size == 0);
		at += part;
	}
	*out_bad = error == ERR_MALFORMED;
	expect(*out_bad || stream.size == size - whole);
	return whole;
}

/* In place, without a stream: the same. */
static size_t walk(const uint8_t *data, size_t size, bool *out_bad) {
	size_t at = 0, packet;
	enum err error;
	while ((error = phaze_stream_size(data + at, size - at, &packet)) == ERR_OK &&
		   packet <= size - at)
		at += packet;
	*out_bad = error == ERR_MALFORMED;
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	bool bad[3];
	if (size < 2)
		return 0;
	const size_t some = run(data + 1, size - 1, (size_t)data[0] + 1, &bad[0]);
	const size_t all = run(data + 1, size - 1, size, &bad[1]);
	expect(some == all && bad[0] == bad[1]);
	expect(walk(data + 1, size - 1, &bad[2]) == all && bad[2] == bad[0]);
	return 0;
}
