/* A frame that decodes encodes to the same bytes, but for its padding; so does what it carries. */
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "wire/stream_frame.h"

static void read_payload(struct slice payload) {
	uint8_t again[STREAM_FRAME_GOAWAY_SIZE];
	uint32_t first = 0, second = 0;
	bool reset = false;
	if (stream_frame_read_close(payload, &reset, &first) == ERR_OK) {
		expect(reset == (payload.size > 0));
		stream_frame_write_u32(again, first);
		expect(!reset || memcmp(again, payload.data, STREAM_FRAME_RESET_SIZE) == 0);
		expect(stream_error_name(first)[0] != '\0');
	}
	if (stream_frame_read_window_update(payload, &first) == ERR_OK) {
		stream_frame_write_u32(again, first);
		expect(memcmp(again, payload.data, STREAM_FRAME_WINDOW_UPDATE_SIZE) == 0);
	}
	if (stream_frame_read_goaway(payload, &first, &second) == ERR_OK) {
		stream_frame_write_goaway(again, first, second);
		expect(memcmp(again, payload.data, sizeof again) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static uint8_t again[STREAM_FRAME_SIZE_MAX];
	struct stream_frame frame;
	size_t made = 0;
	if (stream_frame_decode(data, size, &frame))
		return 0;
	expect(stream_frame_encode(&frame, again, sizeof again, &made) == ERR_OK && made == size);
	expect(memcmp(again, data, size - frame.padding) == 0);
	read_payload(frame.payload);
	return 0;
}
