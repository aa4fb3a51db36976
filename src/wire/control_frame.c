#include "wire/control_frame.h"

#include <stdbool.h>

#include "wire/cursor.h"

/*
 *    0               1               2               3
 *   +---------------+---------------+---------------+---------------+
 *   |       0       |     type      |   length of what follows      |
 *   +---------------+---------------+---------------+---------------+
 *   |                             nonce                             |
 *   |                                                               |
 *   +---------------+---------------+---------------+---------------+
 *   |       size of the probe       |   PROBE: zeros up to the size
 *   +---------------+---------------+---------------+--- - - -
 */

static bool is_valid(const struct control_frame *frame) {
	return (frame->type == CONTROL_FRAME_PROBE || frame->type == CONTROL_FRAME_REPLY) &&
		   frame->size >= CONTROL_FRAME_PROBE_MIN && frame->size <= CONTROL_FRAME_PROBE_MAX;
}

static size_t size_of(const struct control_frame *frame) {
	return frame->type == CONTROL_FRAME_PROBE ? frame->size : CONTROL_FRAME_REPLY_SIZE;
}

enum err control_frame_decode(const uint8_t *data, size_t size, struct control_frame *out_frame) {
	struct reader reader = reader_of(data, size);
	struct control_frame frame = {.type = 0};
	reader_expect(&reader, reader_u8(&reader) == 0);
	frame.type = reader_u8(&reader);
	uint16_t length = reader_u16_be(&reader);
	struct slice body = reader_slice(&reader, length);
	if (reader.error)
		return reader.error;
	if (frame.type != CONTROL_FRAME_PROBE && frame.type != CONTROL_FRAME_REPLY)
		return ERR_UNSUPPORTED;
	struct reader inside = reader_of(body.data, body.size);
	frame.nonce = reader_u64_be(&inside);
	frame.size = reader_u16_be(&inside);
	if (inside.error)
		return inside.error;
	if (!is_valid(&frame) || size_of(&frame) != (size_t)length + CONTROL_FRAME_HEADER_SIZE)
		return ERR_MALFORMED;
	*out_frame = frame;
	return ERR_OK;
}

enum err control_frame_encode(const struct control_frame *frame, uint8_t *out_data, size_t room,
							  size_t *out_size) {
	if (!is_valid(frame))
		return ERR_INVALID;
	size_t size = size_of(frame);
	struct writer writer = writer_of(out_data, room);
	writer_u8(&writer, 0);
	writer_u8(&writer, frame->type);
	writer_u16_be(&writer, (uint16_t)(size - CONTROL_FRAME_HEADER_SIZE));
	writer_u64_be(&writer, frame->nonce);
	writer_u16_be(&writer, frame->size);
	writer_zeros(&writer, size - CONTROL_FRAME_REPLY_SIZE);
	return writer_finish(&writer, out_size);
}
