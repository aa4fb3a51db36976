#include "wire/stream_frame.h"

#include "wire/cursor.h"

/*
 * Decoders and encoders of a message stand side by side under its diagram: offsets in bytes,
 * integers big-endian.
 *
 *   0      1           4                  6                  7         7 + n
 *   | type | stream id | payload length n | padding length p | payload | padding p |
 */
enum err stream_frame_decode(const uint8_t *data, size_t size, struct stream_frame *out_frame) {
	struct reader reader = reader_of(data, size);
	struct stream_frame frame = {.type = reader_u8(&reader)};
	frame.stream = (uint32_t)reader_u8(&reader) << 16;
	frame.stream |= reader_u16_be(&reader);
	uint16_t length = reader_u16_be(&reader);
	frame.padding = reader_u8(&reader);
	frame.payload = reader_slice(&reader, length);
	reader_skip(&reader, frame.padding);
	enum err error = reader_finish(&reader);
	if (error == ERR_OK && size > STREAM_FRAME_SIZE_MAX)
		error = ERR_LIMIT;
	if (error == ERR_OK)
		*out_frame = frame;
	return error;
}

enum err stream_frame_encode(const struct stream_frame *frame, uint8_t *out_data, size_t room,
							 size_t *out_size) {
	if (frame->stream > STREAM_ID_MAX ||
		frame->payload.size > (size_t)STREAM_FRAME_PAYLOAD_MAX - frame->padding)
		return ERR_INVALID;
	size_t size = STREAM_FRAME_HEADER_SIZE + frame->payload.size + frame->padding;
	if (room < size)
		return ERR_LIMIT;
	struct writer writer = writer_of(out_data, size);
	writer_u8(&writer, frame->type);
	writer_u8(&writer, (uint8_t)(frame->stream >> 16));
	writer_u16_be(&writer, (uint16_t)frame->stream);
	writer_u16_be(&writer, (uint16_t)frame->payload.size);
	writer_u8(&writer, frame->padding);
	if (frame->payload.data != writer.at)
		writer_bytes(&writer, frame->payload.data, frame->payload.size);
	*out_size = size;
	return ERR_OK;
}

/*
 *   CLOSE:   nothing, or   0            4
 *                          | error code |
 */
enum err stream_frame_read_close(struct slice payload, bool *out_reset, uint32_t *out_error) {
	if (payload.size == 0) {
		*out_reset = false;
		*out_error = STREAM_ERROR_NONE;
		return ERR_OK;
	}
	if (payload.size != STREAM_FRAME_RESET_SIZE)
		return ERR_MALFORMED;
	struct reader reader = reader_of(payload.data, payload.size);
	*out_error = reader_u32_be(&reader);
	*out_reset = true;
	return ERR_OK;
}

/*
 *   WINDOW_UPDATE:   0           4
 *                    | increment |
 */
enum err stream_frame_read_window_update(struct slice payload, uint32_t *out_increment) {
	if (payload.size != STREAM_FRAME_WINDOW_UPDATE_SIZE)
		return ERR_MALFORMED;
	struct reader reader = reader_of(payload.data, payload.size);
	*out_increment = reader_u32_be(&reader);
	return ERR_OK;
}

void stream_frame_write_u32(uint8_t out_payload[static 4], uint32_t value) {
	struct writer writer = writer_of(out_payload, sizeof value);
	writer_u32_be(&writer, value);
}

/*
 *   GOAWAY:   0                4            8
 *             | last stream id | error code |
 */
enum err stream_frame_read_goaway(struct slice payload, uint32_t *out_last_stream,
								  uint32_t *out_error) {
	if (payload.size != STREAM_FRAME_GOAWAY_SIZE)
		return ERR_MALFORMED;
	struct reader reader = reader_of(payload.data, payload.size);
	uint32_t last_stream = reader_u32_be(&reader);
	uint32_t error = reader_u32_be(&reader);
	if (last_stream > STREAM_ID_MAX)
		return ERR_MALFORMED;
	*out_last_stream = last_stream;
	*out_error = error;
	return ERR_OK;
}

void stream_frame_write_goaway(uint8_t out_payload[static STREAM_FRAME_GOAWAY_SIZE],
							   uint32_t last_stream, uint32_t error) {
	struct writer writer = writer_of(out_payload, STREAM_FRAME_GOAWAY_SIZE);
	writer_u32_be(&writer, last_stream);
	writer_u32_be(&writer, error);
}

const char *stream_error_name(uint32_t error) {
	static const char *const names[] = {
		[STREAM_ERROR_NONE] = "NO_ERROR",
		[STREAM_ERROR_PROTOCOL] = "PROTOCOL_ERROR",
		[STREAM_ERROR_INTERNAL] = "INTERNAL_ERROR",
		[STREAM_ERROR_FLOW_CONTROL] = "FLOW_CONTROL_ERROR",
		[STREAM_ERROR_STREAM_CLOSED] = "STREAM_CLOSED",
		[STREAM_ERROR_FRAME_SIZE] = "FRAME_SIZE_ERROR",
		[STREAM_ERROR_REFUSED_STREAM] = "REFUSED_STREAM",
		[STREAM_ERROR_CANCEL] = "CANCEL",
		[STREAM_ERROR_CONNECT] = "CONNECT_ERROR",
		[STREAM_ERROR_ENHANCE_YOUR_CALM] = "ENHANCE_YOUR_CALM",
	};
	return error < sizeof names / sizeof names[0] ? names[error] : "unknown error";
}
