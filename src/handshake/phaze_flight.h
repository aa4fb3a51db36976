#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"
#include "crypto/aead.h"
#include "wire/phaze_piece.h"

/*
 * What an end of Phaze's handshake says at a time: packets, made once and sent as often as needed.
 * Zeroed is empty.
 */

/* Seals the pieces of messages under a handshake key. */
struct phaze_sealer {
	enum aead_algorithm algorithm;
	uint8_t key[AEAD_KEY_SIZE];
	uint32_t receiver; /* session id */
	uint32_t sequence; /* of the last packet; 0 before the first */
};

struct phaze_flight {
	uint8_t *bytes; /* packets one after another */
	size_t size;
	size_t at; /* where the next one to be sent begins */
};

/* Wipes and frees it; it is empty then. */
void phaze_flight_done(struct phaze_flight *flight);

/* Adds a plain packet as it is. ERR_NO_MEMORY. */
enum err phaze_flight_add(struct phaze_flight *flight, const uint8_t *packet, size_t size);

/* Adds a message, sealed in pieces with fresh nonces. On failure flight and sealer are unchanged.
 */
enum err phaze_flight_seal(struct phaze_flight *flight, struct phaze_sealer *sealer,
						   const struct random_source *random, enum phaze_message type,
						   struct slice body);

/* How many bytes the pieces of a body are, sealed. */
size_t phaze_flight_sealed_size(size_t body_size);

/* The next packet to be sent; *out_packet is valid until the flight changes. Does not step on. */
bool phaze_flight_peek(const struct phaze_flight *flight, struct slice *out_packet);
/* Steps behind it. */
void phaze_flight_skip(struct phaze_flight *flight, size_t size);

enum { PHAZE_OPENED_SIZE = PHAZE_MESSAGE_HEAD_SIZE + PHAZE_PIECE_SIZE };

/*
 * Opens a packet of the handshake, which phaze_packet_decode() found good. The piece is a view into
 * out_plain. ERR_AUTHENTICATION; ERR_MALFORMED and others for what no piece is: authentic, yet
 * wrong.
 */
enum err phaze_flight_open(enum aead_algorithm algorithm, const uint8_t key[static AEAD_KEY_SIZE],
						   const uint8_t *packet, size_t size,
						   uint8_t out_plain[static PHAZE_OPENED_SIZE],
						   struct phaze_piece *out_piece);
