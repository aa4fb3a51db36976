#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "crypto/sizes.h"

/*
 * The packets of Phaze, version 1, all integers big-endian: header and what is sealed in the small
 * ones. Byte diagrams stand over the codecs in phaze_packet.c; what the packets mean together is in
 * doc/protocol/phaze.md. Messages of the handshake: phaze_hello.h, phaze_piece.h, phaze_auth.h.
 */

enum phaze_type {
	PHAZE_DATA = 1,
	PHAZE_HANDSHAKE = 2, /* with sequence 0 in the clear, otherwise sealed under a handshake key */
	PHAZE_KEEPALIVE = 3,
	PHAZE_REKEY = 4,
	PHAZE_CLOSE = 5,
};

enum {
	PHAZE_VERSION = 1,
	PHAZE_RANDOM_SIZE = 32,
	PHAZE_COOKIE_SIZE = 32,

	PHAZE_HEADER_SIZE = 16,
	PHAZE_LENGTH_MAX = 65535, /* of what is behind the header */
	PHAZE_PACKET_SIZE_MAX = PHAZE_HEADER_SIZE + PHAZE_LENGTH_MAX,
	PHAZE_FRONT = PHAZE_HEADER_SIZE + AEAD_NONCE_SIZE, /* before what is sealed */
	PHAZE_OVERHEAD = PHAZE_FRONT + AEAD_TAG_SIZE,

	/* Plain messages of the handshake, as whole datagrams. */
	PHAZE_MESSAGE_HEAD_SIZE = 5, /* type, length, offset */
	PHAZE_PLAIN_FRONT = PHAZE_HEADER_SIZE + PHAZE_MESSAGE_HEAD_SIZE,
	PHAZE_CLIENT_HELLO_SIZE = 1200,
	PHAZE_RETRY_SIZE = PHAZE_PLAIN_FRONT + PHAZE_RANDOM_SIZE + PHAZE_COOKIE_SIZE,
	PHAZE_SERVER_HELLO_SIZE = PHAZE_PLAIN_FRONT + 4 + PHAZE_RANDOM_SIZE + X25519_KEY_SIZE + 1 + 1,

	/* Sealed ones come in pieces. */
	PHAZE_BODY_SIZE_MAX = 8192,
	PHAZE_PIECE_SIZE = 1100, /* of a body's bytes; the last may have fewer */
	PHAZE_PIECES_MAX = (PHAZE_BODY_SIZE_MAX + PHAZE_PIECE_SIZE - 1) / PHAZE_PIECE_SIZE,
	PHAZE_PIECE_PACKET_SIZE_MAX = PHAZE_OVERHEAD + PHAZE_MESSAGE_HEAD_SIZE + PHAZE_PIECE_SIZE,

	/* What is sealed in the other types, but for KEEPALIVE: see wire/keepalive.h. */
	PHAZE_REKEY_ASK_SIZE = 1,
	PHAZE_REKEY_SIZE = 1 + 4 + 4 + X25519_KEY_SIZE,
	PHAZE_CLOSE_SIZE = 1,
};

struct phaze_header {
	enum phaze_type type;
	uint32_t sequence;   /* from 1; 0 in a plain message of the handshake alone */
	uint32_t session_id; /* the receiver's; 0 in a ClientHello alone */
	uint16_t length;     /* of what follows */
};

enum phaze_rekey_kind {
	PHAZE_REKEY_ASK = 0, /* the server's: nothing else is in it */
	PHAZE_REKEY_INIT = 1,
	PHAZE_REKEY_ANSWER = 2,
};

struct phaze_rekey_message {
	enum phaze_rekey_kind kind;
	uint32_t generation; /* of the keys that come of it, from 1 */
	uint32_t session_id; /* the sender's new one, never 0 */
	uint8_t key[X25519_KEY_SIZE];
};

/* Why a session ends. A receiver takes an unknown code for PHAZE_CLOSE_DONE. */
enum phaze_close_code {
	PHAZE_CLOSE_DONE = 0,
	PHAZE_CLOSE_GOING_AWAY = 1, /* the server stops: another may be tried at once */
	PHAZE_CLOSE_REVOKED = 2,    /* the user, or what was logged in with */
	PHAZE_CLOSE_EXPIRED = 3,
	PHAZE_CLOSE_QUOTA = 4,
	PHAZE_CLOSE_REPLACED = 5, /* by another session of the user's */
};

/*
 * Of a datagram that is one packet as a whole: magic, version, type, sequence, id and length fit
 * together, and the size is one that the type can have. ERR_TRUNCATED, ERR_TRAILING, ERR_MALFORMED.
 */
enum err phaze_packet_decode(const uint8_t *data, size_t size, struct phaze_header *out_header);

/* Of PHAZE_HEADER_SIZE bytes, by the same rules, but for what follows. ERR_MALFORMED. */
enum err phaze_packet_decode_head(const uint8_t data[static PHAZE_HEADER_SIZE],
								  struct phaze_header *out_header);
void phaze_packet_encode(const struct phaze_header *header,
						 uint8_t out_data[static PHAZE_HEADER_SIZE]);

/* Of what is sealed: what is in front of the ciphertext, and the nonce of one that was decoded. */
void phaze_packet_encode_front(const struct phaze_header *header,
							   const uint8_t nonce[static AEAD_NONCE_SIZE],
							   uint8_t out_data[static PHAZE_FRONT]);
void phaze_packet_nonce(const uint8_t data[static PHAZE_FRONT],
						uint8_t out_nonce[static AEAD_NONCE_SIZE]);

/* Whether so many first bytes may be a packet's: each as far as magic and version go. */
bool phaze_packet_begins(const uint8_t *data, size_t size);

/* Of what is sealed in a packet of the type, all of it. ERR_TRUNCATED, ERR_TRAILING, ERR_MALFORMED.
 */
enum err phaze_packet_decode_rekey(const uint8_t *data, size_t size,
								   struct phaze_rekey_message *out_message);
/* *out_size is PHAZE_REKEY_ASK_SIZE or PHAZE_REKEY_SIZE. */
void phaze_packet_encode_rekey(const struct phaze_rekey_message *message,
							   uint8_t out_data[static PHAZE_REKEY_SIZE], size_t *out_size);

enum err phaze_packet_decode_close(const uint8_t *data, size_t size,
								   enum phaze_close_code *out_code);
void phaze_packet_encode_close(enum phaze_close_code code,
							   uint8_t out_data[static PHAZE_CLOSE_SIZE]);
