#include "wire/stream_datagram.h"

#include <stdlib.h>
#include <string.h>

#include "wire/cursor.h"

struct stream_datagram_reader {
	size_t limit;
	/* A datagram with its header that is not whole. */
	size_t size;
	size_t room; /* of buffer, and what of it the datagram needs is known from its header on */
	uint8_t *buffer;
};

void stream_datagram_header(size_t size, uint8_t out_header[static STREAM_DATAGRAM_HEADER_SIZE]) {
	struct writer writer = writer_of(out_header, STREAM_DATAGRAM_HEADER_SIZE);
	writer_u16_be(&writer, (uint16_t)size);
}

enum err stream_datagram_reader_new(size_t limit, struct stream_datagram_reader **out_reader) {
	if (limit > STREAM_DATAGRAM_MAX)
		return ERR_INVALID;
	struct stream_datagram_reader *reader = calloc(1, sizeof *reader);
	if (!reader)
		return ERR_NO_MEMORY;
	reader->limit = limit;
	*out_reader = reader;
	return ERR_OK;
}

void stream_datagram_reader_free(struct stream_datagram_reader *reader) {
	if (!reader)
		return;
	free(reader->buffer);
	free(reader);
}

static size_t size_at(const uint8_t *header) {
	struct reader reader = reader_of(header, STREAM_DATAGRAM_HEADER_SIZE);
	return reader_u16_be(&reader);
}

/* Copies what is missing of so many bytes, as far as it is there; whether it is all. */
static bool collect(struct stream_datagram_reader *reader, struct reader *bytes, size_t wanted) {
	size_t missing = wanted - reader->size, left = reader_left(bytes);
	size_t more = missing < left ? missing : left;
	reader_bytes(bytes, reader->buffer + reader->size, more);
	reader->size += more;
	return reader->size == wanted;
}

static enum err make_room(struct stream_datagram_reader *reader, size_t room) {
	if (room <= reader->room)
		return ERR_OK;
	uint8_t *buffer = realloc(reader->buffer, room);
	if (!buffer)
		return ERR_NO_MEMORY;
	reader->buffer = buffer;
	reader->room = room;
	return ERR_OK;
}

/* One that has begun in an earlier piece, or does not end in this one. */
static enum err put_together(struct stream_datagram_reader *reader, struct reader *bytes,
							 struct slice *out_datagram) {
	enum { HEADER = STREAM_DATAGRAM_HEADER_SIZE };
	if (reader_left(bytes) == 0)
		return ERR_AGAIN;
	enum err error = make_room(reader, HEADER);
	if (error)
		return error;
	if (reader->size < HEADER && !collect(reader, bytes, HEADER))
		return ERR_AGAIN;
	size_t size = size_at(reader->buffer);
	if (size > reader->limit)
		return ERR_LIMIT;
	error = make_room(reader, HEADER + size);
	if (error)
		return error;
	if (!collect(reader, bytes, HEADER + size))
		return ERR_AGAIN;
	reader->size = 0;
	*out_datagram = slice_of(reader->buffer + HEADER, size);
	return ERR_OK;
}

enum err stream_datagram_next(struct stream_datagram_reader *reader, struct slice *data,
							  struct slice *out_datagram) {
	struct reader bytes = reader_of(data->data, data->size);
	enum err error = ERR_AGAIN;
	if (reader->size == 0 && data->size >= STREAM_DATAGRAM_HEADER_SIZE) {
		size_t size = size_at(bytes.at);
		if (size > reader->limit)
			return ERR_LIMIT;
		if (data->size - STREAM_DATAGRAM_HEADER_SIZE >= size) {
			reader_skip(&bytes, STREAM_DATAGRAM_HEADER_SIZE);
			*out_datagram = reader_slice(&bytes, size);
			error = ERR_OK;
		}
	}
	if (error)
		error = put_together(reader, &bytes, out_datagram);
	*data = slice_of(bytes.at, reader_left(&bytes));
	return error;
}
