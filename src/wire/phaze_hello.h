#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "wire/phaze_packet.h"

/*
 * Phaze's messages in the clear, each a datagram as a whole: ClientHello, Retry, ServerHello. Their
 * byte diagrams stand over their codecs. Nothing of them is authentic yet.
 */

/* The messages of a handshake, these and those that come sealed (phaze_piece.h). */
enum phaze_message {
	PHAZE_CLIENT_HELLO = 1,
	PHAZE_RETRY = 2,
	PHAZE_SERVER_HELLO = 3,
	PHAZE_SERVER_AUTH = 4,
	PHAZE_CLIENT_AUTH = 5,
	PHAZE_SERVER_ACCEPT = 6, /* wire/parameters.h */
	PHAZE_SERVER_REJECT = 7,
};

enum phaze_cipher {
	PHAZE_CHACHA20_POLY1305 = 1,
	PHAZE_AES_256_GCM = 2,
};

enum {
	PHAZE_CIPHERS_MAX = 255, /* as a byte counts them */
	PHAZE_TICKET_ID_SIZE = 16,
	PHAZE_BINDER_SIZE = HASH_SIZE,
	PHAZE_CLIENT_HELLO_BODY_SIZE = PHAZE_CLIENT_HELLO_SIZE - PHAZE_PLAIN_FRONT,
	PHAZE_TRANSCRIPT_HEAD_SIZE = 3, /* type and length of a message: its offset is left out */
};

struct phaze_client_hello {
	uint32_t session_id; /* the client's, never 0 */
	uint8_t random[PHAZE_RANDOM_SIZE];
	uint8_t key[X25519_KEY_SIZE];
	bool aes; /* the client's processor has instructions for it */
	size_t cipher_count;
	uint8_t ciphers[PHAZE_CIPHERS_MAX]; /* unknown ones may be among them */
	bool has_cookie;
	uint8_t cookie[PHAZE_COOKIE_SIZE];
	bool has_ticket;
	uint8_t ticket_id[PHAZE_TICKET_ID_SIZE];
	uint8_t binder[PHAZE_BINDER_SIZE];
};

struct phaze_retry {
	uint32_t receiver;                 /* the client's session id, in the header */
	uint8_t random[PHAZE_RANDOM_SIZE]; /* the client's */
	uint8_t cookie[PHAZE_COOKIE_SIZE];
};

struct phaze_server_hello {
	uint32_t receiver;
	uint32_t session_id; /* the server's, never 0 */
	uint8_t random[PHAZE_RANDOM_SIZE];
	uint8_t key[X25519_KEY_SIZE];
	uint8_t cipher;
	bool ticket_accepted;
};

/* The message of a datagram that is a plain packet; 0 for anything else. */
enum phaze_message phaze_hello_classify(const uint8_t *data, size_t size);

/*
 * Decoders take a whole datagram and all of it. ERR_MALFORMED also for another message;
 * ERR_UNSUPPORTED for a ClientHello that asks for what there is not yet.
 */
enum err phaze_hello_decode_client(const uint8_t *data, size_t size,
								   struct phaze_client_hello *out_hello);
enum err phaze_hello_decode_retry(const uint8_t *data, size_t size, struct phaze_retry *out_retry);
enum err phaze_hello_decode_server(const uint8_t *data, size_t size,
								   struct phaze_server_hello *out_hello);

/* ERR_INVALID for no cipher at all, and for more than a byte counts. */
enum err phaze_hello_encode_client(const struct phaze_client_hello *hello,
								   uint8_t out_data[static PHAZE_CLIENT_HELLO_SIZE]);
void phaze_hello_encode_retry(const struct phaze_retry *retry,
							  uint8_t out_data[static PHAZE_RETRY_SIZE]);
void phaze_hello_encode_server(const struct phaze_server_hello *hello,
							   uint8_t out_data[static PHAZE_SERVER_HELLO_SIZE]);

/* What of such a datagram is in transcripts: type and length, and the body. */
void phaze_hello_parts(const uint8_t *data, size_t size, struct slice out_parts[static 2]);
