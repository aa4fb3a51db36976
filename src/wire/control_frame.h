#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Control frames: what two Umbras tell each other inside a tunnel, where the first nibble of an IP
 * packet would be 4 or 6. See doc/protocol/control-frames.md.
 */

enum control_frame_type {
	CONTROL_FRAME_PROBE = 1, /* "did so large a packet come through?" */
	CONTROL_FRAME_REPLY = 2, /* "it did" */
};

enum {
	CONTROL_FRAME_HEADER_SIZE = 4,
	CONTROL_FRAME_REPLY_SIZE = CONTROL_FRAME_HEADER_SIZE + 10,
	CONTROL_FRAME_PROBE_MIN = CONTROL_FRAME_REPLY_SIZE,
	CONTROL_FRAME_PROBE_MAX = 65475, /* the largest packet of a tunnel */
};

/* Of both types, which differ in their size alone. */
struct control_frame {
	uint8_t type;
	uint64_t nonce;
	uint16_t size; /* of the probe, header included */
};

/*
 * What a tunnel may have padded the frame with follows it and is not looked at. ERR_TRUNCATED;
 * ERR_MALFORMED; ERR_UNSUPPORTED for a type of later versions, which is to be ignored.
 */
enum err control_frame_decode(const uint8_t *data, size_t size, struct control_frame *out_frame);

/* A probe fills frame->size bytes, a reply CONTROL_FRAME_REPLY_SIZE. ERR_INVALID, ERR_LIMIT. */
enum err control_frame_encode(const struct control_frame *frame, uint8_t *out_data, size_t room,
							  size_t *out_size);
