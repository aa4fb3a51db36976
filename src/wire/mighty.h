#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"

/*
 * The packets of Mighty, version 1, all integers big-endian. Their byte diagrams stand over their
 * codecs in mighty.c; what they mean together is in doc/protocol/mighty.md.
 */

enum mighty_type {
	MIGHTY_REQUEST = 1,  /* ClientHello */
	MIGHTY_RESPONSE = 2, /* ServerHello, or a cookie answer */
	MIGHTY_COMPLETE = 3, /* Finalize */
	MIGHTY_DATA = 4,
	MIGHTY_KEEPALIVE = 5,
	MIGHTY_DISCONNECT = 6,
};

enum mighty_cipher {
	MIGHTY_AES_256_GCM = 1,
	MIGHTY_CHACHA20_POLY1305 = 2,
};

enum {
	MIGHTY_VERSION = 1,
	MIGHTY_PSK_SIZE = 32,
	MIGHTY_PSK_ID_SIZE = 8,
	MIGHTY_INSTANCE_SIZE = 8,
	MIGHTY_RANDOM_SIZE = 32,
	MIGHTY_COOKIE_SIZE = 32,
	MIGHTY_MAC_SIZE = HASH_SIZE,

	MIGHTY_HEADER_SIZE = 12,
	MIGHTY_LENGTH_MAX = 65535, /* of what is behind the header */
	MIGHTY_SEALED_OVERHEAD = AEAD_NONCE_SIZE + AEAD_TAG_SIZE,
	MIGHTY_DATA_FRONT = MIGHTY_HEADER_SIZE + AEAD_NONCE_SIZE,
	MIGHTY_DATA_OVERHEAD = MIGHTY_DATA_FRONT + AEAD_TAG_SIZE,

	MIGHTY_CIPHERS_MAX = 255, /* as a byte counts them */
	MIGHTY_CLIENT_HELLO_SIZE = 1200,
	MIGHTY_CLIENT_HELLO_CONTENT_SIZE = MIGHTY_CLIENT_HELLO_SIZE - MIGHTY_HEADER_SIZE,

	/* Through cipher, and through the MAC. */
	MIGHTY_SERVER_HELLO_PLAIN_SIZE = 1 + 2 + MIGHTY_RANDOM_SIZE + X25519_KEY_SIZE + 1,
	MIGHTY_SERVER_HELLO_OPEN_SIZE = MIGHTY_SERVER_HELLO_PLAIN_SIZE + MIGHTY_MAC_SIZE,
	MIGHTY_SERVER_HELLO_OVERHEAD =
		MIGHTY_HEADER_SIZE + MIGHTY_SERVER_HELLO_OPEN_SIZE + MIGHTY_SEALED_OVERHEAD,
	/* Never larger than what it answers. */
	MIGHTY_SERVER_HELLO_SIZE_MAX = MIGHTY_CLIENT_HELLO_SIZE,
	MIGHTY_PARAMETERS_SIZE_MAX = MIGHTY_SERVER_HELLO_SIZE_MAX - MIGHTY_SERVER_HELLO_OVERHEAD,

	MIGHTY_COOKIE_ANSWER_PLAIN_SIZE = 1 + MIGHTY_COOKIE_SIZE,
	MIGHTY_COOKIE_ANSWER_SIZE =
		MIGHTY_HEADER_SIZE + MIGHTY_COOKIE_ANSWER_PLAIN_SIZE + MIGHTY_MAC_SIZE,

	MIGHTY_FINALIZE_SIZE = MIGHTY_HEADER_SIZE + MIGHTY_SEALED_OVERHEAD + HASH_SIZE,

	MIGHTY_DISCONNECT_SIZE = 0, /* sealed in type 6, as wire/keepalive.h is in type 5 */
};

struct mighty_header {
	enum mighty_type type;
	uint16_t session_id; /* the receiver's; 0 in a ClientHello alone */
	uint32_t sequence;   /* from 1; 0 in types 1 to 3 */
	uint16_t length;     /* of what follows */
};

struct mighty_client_hello {
	uint16_t session_id; /* the client's */
	uint8_t instance[MIGHTY_INSTANCE_SIZE];
	uint8_t random[MIGHTY_RANDOM_SIZE];
	uint8_t key[X25519_KEY_SIZE];
	uint64_t time; /* ms since the Unix epoch */
	uint8_t psk_id[MIGHTY_PSK_ID_SIZE];
	size_t cipher_count;
	uint8_t ciphers[MIGHTY_CIPHERS_MAX]; /* by preference; unknown ones may be among them */
	bool has_cookie;
	uint8_t cookie[MIGHTY_COOKIE_SIZE];
	uint8_t mac[MIGHTY_MAC_SIZE];
};

struct mighty_server_hello {
	uint16_t receiver;   /* the client's session id, in the header */
	uint16_t session_id; /* the server's */
	uint8_t random[MIGHTY_RANDOM_SIZE];
	uint8_t key[X25519_KEY_SIZE];
	uint8_t cipher;
	uint8_t mac[MIGHTY_MAC_SIZE];
	uint8_t nonce[AEAD_NONCE_SIZE];
	struct slice sealed; /* parameters and their tag; decoded: a view into the datagram */
};

struct mighty_cookie_answer {
	uint16_t receiver;
	uint8_t cookie[MIGHTY_COOKIE_SIZE];
	uint8_t mac[MIGHTY_MAC_SIZE];
};

struct mighty_finalize {
	uint16_t receiver;
	uint8_t nonce[AEAD_NONCE_SIZE];
	uint8_t sealed[HASH_SIZE + AEAD_TAG_SIZE];
};

/*
 * Of a datagram that is one packet as a whole: version, type, reserved bits, id, sequence and
 * length fit together, and the size is one that the type can have. ERR_TRUNCATED, ERR_TRAILING,
 * ERR_MALFORMED.
 */
enum err mighty_decode_header(const uint8_t *data, size_t size, struct mighty_header *out_header);
void mighty_encode_header(const struct mighty_header *header,
						  uint8_t out_data[static MIGHTY_HEADER_SIZE]);

/* Of types 4 to 6: what is in front of the ciphertext, and the nonce of one that was decoded. */
void mighty_encode_sealed(const struct mighty_header *header,
						  const uint8_t nonce[static AEAD_NONCE_SIZE],
						  uint8_t out_data[static MIGHTY_DATA_FRONT]);
void mighty_sealed_nonce(const uint8_t data[static MIGHTY_DATA_FRONT],
						 uint8_t out_nonce[static AEAD_NONCE_SIZE]);

/* The type of such a datagram; 0 for anything else. */
enum mighty_type mighty_classify(const uint8_t *data, size_t size);

/*
 * Decoders take a whole datagram and all of it; nothing is authentic yet. ERR_MALFORMED also for
 * another type; ERR_UNSUPPORTED for a ClientHello that asks for what there is not yet.
 */
enum err mighty_decode_client_hello(const uint8_t *data, size_t size,
									struct mighty_client_hello *out_hello);
enum err mighty_decode_server_hello(const uint8_t *data, size_t size,
									struct mighty_server_hello *out_hello);
enum err mighty_decode_cookie_answer(const uint8_t *data, size_t size,
									 struct mighty_cookie_answer *out_answer);
enum err mighty_decode_finalize(const uint8_t *data, size_t size,
								struct mighty_finalize *out_finalize);

/* ERR_INVALID for no cipher at all. */
enum err mighty_encode_client_hello(const struct mighty_client_hello *hello,
									uint8_t out_data[static MIGHTY_CLIENT_HELLO_SIZE]);
/* ERR_INVALID without a tag in sealed, ERR_LIMIT where room or a ClientHello is smaller. */
enum err mighty_encode_server_hello(const struct mighty_server_hello *hello, uint8_t *out_data,
									size_t room, size_t *out_size);
void mighty_encode_cookie_answer(const struct mighty_cookie_answer *answer,
								 uint8_t out_data[static MIGHTY_COOKIE_ANSWER_SIZE]);
void mighty_encode_finalize(const struct mighty_finalize *finalize,
							uint8_t out_data[static MIGHTY_FINALIZE_SIZE]);
/* Whose a datagram of type MIGHTY_REQUEST says it is, before any of the rest is looked at. */
void mighty_request_psk_id(const uint8_t *data, size_t size,
						   uint8_t out_psk_id[static MIGHTY_PSK_ID_SIZE]);

/* Whether a response is a cookie answer, of what mighty_classify() calls one. */
bool mighty_is_cookie_answer(const uint8_t *data, size_t size);
