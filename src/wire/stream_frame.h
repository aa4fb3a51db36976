#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * The frames that carry streams, as plaintext: what is sealed, and by what, is stream/'s. See
 * doc/protocol/phantom.md.
 */

enum stream_frame_type {
	STREAM_FRAME_DATA = 0x00,
	STREAM_FRAME_OPEN = 0x01,
	STREAM_FRAME_CLOSE = 0x02,
	STREAM_FRAME_WINDOW_UPDATE = 0x03,
	STREAM_FRAME_PING = 0x04,
	STREAM_FRAME_PONG = 0x05,
	STREAM_FRAME_GOAWAY = 0x06,
	STREAM_FRAME_PADDING = 0x07,
	STREAM_FRAME_KEY_UPDATE = 0x08,
	STREAM_FRAME_SETTINGS = 0x09,
	STREAM_FRAME_IGNORED_MIN = 0x80, /* of later versions: to be ignored */
};

enum stream_error {
	STREAM_ERROR_NONE = 0x00,
	STREAM_ERROR_PROTOCOL = 0x01,
	STREAM_ERROR_INTERNAL = 0x02,
	STREAM_ERROR_FLOW_CONTROL = 0x03,
	STREAM_ERROR_STREAM_CLOSED = 0x04,
	STREAM_ERROR_FRAME_SIZE = 0x05,
	STREAM_ERROR_REFUSED_STREAM = 0x06,
	STREAM_ERROR_CANCEL = 0x07,
	STREAM_ERROR_CONNECT = 0x08,
	STREAM_ERROR_ENHANCE_YOUR_CALM = 0x09,
};

enum {
	STREAM_FRAME_HEADER_SIZE = 7,
	STREAM_FRAME_SIZE_MAX = 65535,      /* header, payload and padding */
	STREAM_FRAME_SEND_SIZE_MAX = 16366, /* with length and tag one full TLS record */
	STREAM_FRAME_SEND_PAYLOAD_MAX = STREAM_FRAME_SEND_SIZE_MAX - STREAM_FRAME_HEADER_SIZE,
	STREAM_FRAME_PADDING_MAX = 255,
	STREAM_FRAME_PAYLOAD_MAX = STREAM_FRAME_SIZE_MAX - STREAM_FRAME_HEADER_SIZE,
	STREAM_FRAME_PING_SIZE = 8,
	STREAM_ID_MAX = 16777215,
};

/* What the key that hides the frames' lengths is derived with. */
#define STREAM_FRAME_LENGTH_LABEL "phantom length"

struct stream_frame {
	uint8_t type;
	uint32_t stream;
	struct slice payload; /* a view into what was decoded */
	uint8_t padding;      /* bytes behind the payload */
};

/*
 * One frame of exactly size bytes. Every type passes that fits its length; what its payload means
 * is read by the functions below. ERR_TRUNCATED, ERR_TRAILING, ERR_LIMIT beyond the largest frame.
 */
enum err stream_frame_decode(const uint8_t *data, size_t size, struct stream_frame *out_frame);

/*
 * Header and payload, which may lie where it is to go already (out_data +
 * STREAM_FRAME_HEADER_SIZE), but not half over it. The padding's bytes behind them are left to the
 * caller. ERR_INVALID for an id or a size beyond the limits, ERR_LIMIT where room is too small;
 * out_size counts the padding.
 */
enum err stream_frame_encode(const struct stream_frame *frame, uint8_t *out_data, size_t room,
							 size_t *out_size);

/*
 * CLOSE: empty is the end of the sender's data (half close, then *out_reset is false), four bytes a
 * reset with its code, of which unknown ones pass. ERR_MALFORMED for other sizes, here and below,
 * and for a GOAWAY's stream beyond STREAM_ID_MAX.
 */
enum err stream_frame_read_close(struct slice payload, bool *out_reset, uint32_t *out_error);
enum err stream_frame_read_window_update(struct slice payload, uint32_t *out_increment);
enum err stream_frame_read_goaway(struct slice payload, uint32_t *out_last_stream,
								  uint32_t *out_error);

enum {
	STREAM_FRAME_RESET_SIZE = 4,
	STREAM_FRAME_WINDOW_UPDATE_SIZE = 4,
	STREAM_FRAME_GOAWAY_SIZE = 8,
};
void stream_frame_write_u32(uint8_t out_payload[static 4], uint32_t value);
void stream_frame_write_goaway(uint8_t out_payload[static STREAM_FRAME_GOAWAY_SIZE],
							   uint32_t last_stream, uint32_t error);

/* "FLOW_CONTROL_ERROR"; "unknown error" for codes that have no name. Never NULL. */
const char *stream_error_name(uint32_t error);
