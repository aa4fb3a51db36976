#include "wire/phaze_piece.h"

#include "wire/cursor.h"

size_t phaze_piece_count(size_t length) {
	return length == 0 ? 1 : (length + PHAZE_PIECE_SIZE - 1) / PHAZE_PIECE_SIZE;
}

/* The bytes of the piece at that offset. */
static size_t size_at(size_t length, size_t offset) {
	return length - offset < PHAZE_PIECE_SIZE ? length - offset : PHAZE_PIECE_SIZE;
}

struct phaze_piece phaze_piece_of(enum phaze_message type, struct slice body, size_t number) {
	const size_t offset = number * PHAZE_PIECE_SIZE;
	const size_t size = size_at(body.size, offset);
	return (struct phaze_piece){
		.type = type,
		.length = (uint16_t)body.size,
		.offset = (uint16_t)offset,
		.bytes = slice_of(size > 0 ? body.data + offset : NULL, size),
	};
}

/*
 *   0        1               3          5
 *   | type 1 | body length 2 | offset 2 | up to 1100 bytes |
 */
enum err phaze_piece_decode(const uint8_t *data, size_t size, struct phaze_piece *out_piece) {
	struct reader reader = reader_of(data, size);
	struct phaze_piece piece = {.type = reader_u8(&reader)};
	reader_expect(&reader, piece.type >= PHAZE_SERVER_AUTH && piece.type <= PHAZE_SERVER_REJECT);
	piece.length = reader_u16_be(&reader);
	piece.offset = reader_u16_be(&reader);
	reader_expect(&reader, piece.length <= PHAZE_BODY_SIZE_MAX);
	reader_expect(&reader, piece.offset % PHAZE_PIECE_SIZE == 0);
	reader_expect(&reader, piece.offset / PHAZE_PIECE_SIZE < phaze_piece_count(piece.length));
	if (reader.error)
		return reader.error;
	piece.bytes = reader_slice(&reader, size_at(piece.length, piece.offset));
	enum err error = reader_finish(&reader);
	if (!error)
		*out_piece = piece;
	return error;
}

enum err phaze_piece_encode(const struct phaze_piece *piece, uint8_t *out_data, size_t room,
							size_t *out_size) {
	struct writer writer = writer_of(out_data, room);
	writer_u8(&writer, (uint8_t)piece->type);
	writer_u16_be(&writer, piece->length);
	writer_u16_be(&writer, piece->offset);
	writer_bytes(&writer, piece->bytes.data, piece->bytes.size);
	return writer_finish(&writer, out_size);
}
