#include "wire/phaze_stream.h"

#include <string.h>

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
	struct phaze_header header;
	if (stream->error)
		return stream->error;
	if (stream->size < PHAZE_HEADER_SIZE)
		fill(stream, input, PHAZE_HEADER_SIZE);
	if (!phaze_packet_begins(stream->packet, stream->size))
		return stream->error = ERR_MALFORMED;
	if (stream->size < PHAZE_HEADER_SIZE)
		return ERR_AGAIN;
	if (phaze_packet_decode_head(stream->packet, &header))
		return stream->error = ERR_MALFORMED;
	const size_t wanted = PHAZE_HEADER_SIZE + header.length;
	fill(stream, input, wanted);
	if (stream->size < wanted)
		return ERR_AGAIN;
	*out_packet = slice_of(stream->packet, wanted);
	stream->size = 0;
	return ERR_OK;
}
