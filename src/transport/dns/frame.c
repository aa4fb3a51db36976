#include "transport/dns/frame.h"

#include <stdlib.h>
#include <string.h>

#include "wire/cursor.h"

void frame_init(struct frame *frame, size_t limit) {
	*frame = (struct frame){.limit = limit};
}

static void begin_again(struct frame *frame) {
	free(frame->message);
	frame->message = NULL;
	frame->header_size = frame->size = frame->wanted = 0;
}

void frame_done(struct frame *frame) {
	begin_again(frame);
}

static enum err read_header(struct frame *frame, struct reader *reader) {
	while (frame->header_size < FRAME_HEADER_SIZE && reader_left(reader) > 0)
		frame->header[frame->header_size++] = reader_u8(reader);
	if (frame->header_size < FRAME_HEADER_SIZE)
		return ERR_OK;
	struct reader header = reader_of(frame->header, FRAME_HEADER_SIZE);
	frame->wanted = reader_u16_be(&header);
	if (frame->wanted == 0 || frame->wanted > frame->limit)
		return ERR_LIMIT;
	frame->message = malloc(frame->wanted);
	return frame->message ? ERR_OK : ERR_NO_MEMORY;
}

enum err frame_put(struct frame *frame, const uint8_t *data, size_t size,
				   enum err (*whole)(void *context, const uint8_t *message, size_t message_size),
				   void *context) {
	struct reader reader = reader_of(data, size);
	while (reader_left(&reader) > 0) {
		enum err error = frame->message ? ERR_OK : read_header(frame, &reader);
		if (error)
			return error;
		if (!frame->message)
			continue;
		size_t missing = frame->wanted - frame->size, left = reader_left(&reader);
		size_t more = missing < left ? missing : left;
		reader_bytes(&reader, frame->message + frame->size, more);
		frame->size += more;
		if (frame->size < frame->wanted)
			continue;
		error = whole(context, frame->message, frame->size);
		begin_again(frame);
		if (error)
			return error;
	}
	return ERR_OK;
}

void frame_header(size_t size, uint8_t out_header[static FRAME_HEADER_SIZE]) {
	struct writer writer = writer_of(out_header, FRAME_HEADER_SIZE);
	writer_u16_be(&writer, (uint16_t)size);
}
