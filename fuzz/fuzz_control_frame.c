/* A frame that decodes encodes to the same bytes, but for what fills a probe. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/control_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static uint8_t again[CONTROL_FRAME_PROBE_MAX];
	struct control_frame frame;
	size_t made;
	if (control_frame_decode(data, size, &frame))
		return 0;
	if (control_frame_encode(&frame, again, sizeof again, &made) || made > size)
		abort();
	if (memcmp(again, data, CONTROL_FRAME_REPLY_SIZE) != 0)
		abort();
	return 0;
}
