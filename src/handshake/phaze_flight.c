#include "handshake/phaze_flight.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "wire/cursor.h"

void phaze_flight_done(struct phaze_flight *flight) {
	if (flight->bytes)
		wipe(flight->bytes, flight->size);
	free(flight->bytes);
	*flight = (struct phaze_flight){0};
}

/* Makes room for so many bytes more, at the end. What is there is on the network anyway. */
static enum err grow(struct phaze_flight *flight, size_t size, uint8_t **out_at) {
	uint8_t *bytes = realloc(flight->bytes, flight->size + size);
	if (!bytes)
		return ERR_NO_MEMORY;
	flight->bytes = bytes;
	*out_at = bytes + flight->size;
	return ERR_OK;
}

enum err phaze_flight_add(struct phaze_flight *flight, const uint8_t *packet, size_t size) {
	uint8_t *at;
	enum err error = grow(flight, size, &at);
	if (error)
		return error;
	memcpy(at, packet, size);
	flight->size += size;
	return ERR_OK;
}

size_t phaze_flight_sealed_size(size_t body_size) {
	return body_size +
		   phaze_piece_count(body_size) * (size_t)(PHAZE_OVERHEAD + PHAZE_MESSAGE_HEAD_SIZE);
}

static enum err seal_piece(struct phaze_sealer *sealer, const struct random_source *random,
						   const struct phaze_piece *piece, uint8_t *out_packet, size_t *out_size) {
	struct {
		uint8_t plain[PHAZE_OPENED_SIZE];
	} scratch;
	WIPE_ON_EXIT(scratch);
	uint8_t nonce[AEAD_NONCE_SIZE];
	size_t size;
	enum err error = phaze_piece_encode(piece, scratch.plain, sizeof scratch.plain, &size);
	if (error)
		return error;
	const struct phaze_header header = {
		.type = PHAZE_HANDSHAKE,
		.sequence = ++sealer->sequence,
		.session_id = sealer->receiver,
		.length = (uint16_t)(PHAZE_OVERHEAD - PHAZE_HEADER_SIZE + size),
	};
	random_fill(random, nonce, sizeof nonce);
	phaze_packet_encode(&header, out_packet);
	memcpy(out_packet + PHAZE_HEADER_SIZE, nonce, sizeof nonce);
	*out_size = PHAZE_OVERHEAD + size;
	return aead_seal_with(sealer->algorithm, sealer->key, nonce,
						  slice_of(out_packet, PHAZE_HEADER_SIZE), scratch.plain, size,
						  out_packet + PHAZE_FRONT);
}

enum err phaze_flight_seal(struct phaze_flight *flight, struct phaze_sealer *sealer,
						   const struct random_source *random, enum phaze_message type,
						   struct slice body) {
	uint8_t *at = NULL;
	if (body.size > PHAZE_BODY_SIZE_MAX)
		return ERR_LIMIT;
	enum err error = grow(flight, phaze_flight_sealed_size(body.size), &at);
	size_t done = 0;
	for (size_t i = 0; i < phaze_piece_count(body.size) && !error; i++) {
		const struct phaze_piece piece = phaze_piece_of(type, body, i);
		size_t size = 0;
		error = seal_piece(sealer, random, &piece, at + done, &size);
		done += size;
	}
	if (!error)
		flight->size += done;
	return error;
}

bool phaze_flight_peek(const struct phaze_flight *flight, struct slice *out_packet) {
	struct phaze_header header;
	if (flight->at == flight->size || phaze_packet_decode_head(flight->bytes + flight->at, &header))
		return false;
	*out_packet = slice_of(flight->bytes + flight->at, PHAZE_HEADER_SIZE + (size_t)header.length);
	return true;
}

void phaze_flight_skip(struct phaze_flight *flight, size_t size) {
	flight->at += size;
}

enum err phaze_flight_open(enum aead_algorithm algorithm, const uint8_t key[static AEAD_KEY_SIZE],
						   const uint8_t *packet, size_t size,
						   uint8_t out_plain[static PHAZE_OPENED_SIZE],
						   struct phaze_piece *out_piece) {
	if (size < PHAZE_OVERHEAD || size - PHAZE_OVERHEAD > PHAZE_OPENED_SIZE)
		return ERR_AUTHENTICATION;
	const size_t plain_size = size - PHAZE_OVERHEAD;
	enum err error = aead_open_with(algorithm, key, packet + PHAZE_HEADER_SIZE,
									slice_of(packet, PHAZE_HEADER_SIZE), packet + PHAZE_FRONT,
									plain_size, out_plain);
	return error ? error : phaze_piece_decode(out_plain, plain_size, out_piece);
}
