#include "wire/phaze_stream.h"

#include <string.h>

enum err phaze_stream_size(const uint8_t *data, size_t size, size_t *out_size) {
	struct phaze_header header;
	if (!phaze_packet_begins(data, size))
		return ERR_MALFORMED;
	if (size < PHAZE_HEADER_SIZE)
		return ERR_AGAIN;
	if (phaze_packet_decode_head(data, &header))
		return ERR_MALFORMED;
	*out_size = PHAZE_HEADER_SIZE + header.length;
	return ERR_OK;
}

void phaze_stream_init(struct phaze_stream *stream) {
	stream->error = ERR_OK;
	stream->size = 0;
}

/* Moves bytes until there are so many. */
static void fill(struct phaze_stream *stream, struct slice *input, size_t wanted) {
	const size_t missing = wanted - stream->size;
	const size_t taken = input->size < missing ? input->size : missing;
	if (taken == 0)
		return;
	memcpy(stream->packet + stream->size, input->data, taken);
	stream->size += taken;
	*input = slice_of(input->data + taken, input->size - taken);
}

enum err phaze_stream_take(struct phaze_stream *stream, struct slice *input,
						   struct slice *out_packet) {
	size_t wanted;
	if (stream->error)
		return stream->error;
	if (stream->size < PHAZE_HEADER_SIZE)
		fill(stream, input, PHAZE_HEADER_SIZE);
	const enum err error = phaze_stream_size(stream->packet, stream->size, &wanted);
	if (error == ERR_MALFORMED)
		stream->error = error;
	if (error)
		return error;
	fill(stream, input, wanted);
	if (stream->size < wanted)
		return ERR_AGAIN;
	*out_packet = slice_of(stream->packet, wanted);
	stream->size = 0;
	return ERR_OK;
}
