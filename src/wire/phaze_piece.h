#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "wire/phaze_hello.h"

/*
 * Sealed messages of Phaze's handshake come in pieces, each in a packet of its own: all but the
 * last have PHAZE_PIECE_SIZE bytes of the body. handshake/phaze_assembly.h puts them together.
 */

struct phaze_piece {
	enum phaze_message type; /* PHAZE_SERVER_AUTH and above */
	uint16_t length;         /* of the whole body */
	uint16_t offset;         /* of these bytes in it */
	struct slice bytes;      /* decoded: a view into what was */
};

/* How many pieces a body has; one, which is empty, of an empty one. */
size_t phaze_piece_count(size_t length);

/* The piece of that number of a body, which has at most PHAZE_BODY_SIZE_MAX bytes. */
struct phaze_piece phaze_piece_of(enum phaze_message type, struct slice body, size_t number);

/*
 * Of what is sealed in a packet of the handshake, all of it. ERR_TRUNCATED; ERR_MALFORMED for a
 * plain message and for a piece that is not just one of those phaze_piece_of() makes.
 */
enum err phaze_piece_decode(const uint8_t *data, size_t size, struct phaze_piece *out_piece);

/* ERR_LIMIT where room is too small. */
enum err phaze_piece_encode(const struct phaze_piece *piece, uint8_t *out_data, size_t room,
							size_t *out_size);
