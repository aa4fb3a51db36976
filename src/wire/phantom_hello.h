#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"

/*
 * What both messages of Phantom's handshake carry inside, sealed, and what both ends agree on
 * before them. See doc/protocol/phantom.md.
 */

#define PHANTOM_MAGIC "PHTN" /* of the prologue: it never travels */

enum {
	PHANTOM_VERSION = 1,
	PHANTOM_MAGIC_SIZE = 4,
	PHANTOM_EXPORTER_SIZE = 32,
	PHANTOM_PROLOGUE_SIZE = PHANTOM_MAGIC_SIZE + 1 + 1 + PHANTOM_EXPORTER_SIZE,

	PHANTOM_RANDOM_SIZE = 16,
	PHANTOM_HELLO_SIZE_MIN = 1 + 1 + 8 + PHANTOM_RANDOM_SIZE,
	/* Ours: the specification names no limit. Browsers keep cookies of up to 4096 characters. */
	PHANTOM_HELLO_PADDING_MAX = 1024,
	PHANTOM_HELLO_SIZE_MAX = PHANTOM_HELLO_SIZE_MIN + PHANTOM_HELLO_PADDING_MAX,

	/* e ‖ sealed s ‖ sealed hello, and e ‖ sealed hello */
	PHANTOM_FIRST_OVERHEAD = X25519_KEY_SIZE + X25519_KEY_SIZE + AEAD_TAG_SIZE + AEAD_TAG_SIZE,
	PHANTOM_FIRST_SIZE_MIN = PHANTOM_FIRST_OVERHEAD + PHANTOM_HELLO_SIZE_MIN, /* 122 */
	PHANTOM_FIRST_SIZE_MAX = PHANTOM_FIRST_OVERHEAD + PHANTOM_HELLO_SIZE_MAX,
	PHANTOM_SECOND_OVERHEAD = X25519_KEY_SIZE + AEAD_TAG_SIZE,
	PHANTOM_SECOND_SIZE_MIN = PHANTOM_SECOND_OVERHEAD + PHANTOM_HELLO_SIZE_MIN, /* 74 */
	PHANTOM_SECOND_SIZE_MAX = PHANTOM_SECOND_OVERHEAD + PHANTOM_HELLO_SIZE_MAX,
};

/* What carries the handshake and the frames behind it. */
enum phantom_carrier {
	PHANTOM_CARRIER_TLS = 0,
	PHANTOM_CARRIER_QUIC = 1,
	PHANTOM_CARRIER_WS = 2,
	PHANTOM_CARRIER_DNS = 3,
};

struct phantom_hello {
	bool padding_enabled; /* the sender pads its frames */
	uint64_t timestamp;   /* ms since the Unix epoch */
	uint8_t random[PHANTOM_RANDOM_SIZE];
};

/*
 * The hello and so many bytes of padding behind it, which are the caller's to have random:
 * out_padding points to them. ERR_INVALID for more than PHANTOM_HELLO_PADDING_MAX, ERR_LIMIT where
 * room is too small.
 */
enum err phantom_hello_encode(const struct phantom_hello *hello, size_t padding_size,
							  uint8_t *out_data, size_t room, size_t *out_size,
							  uint8_t **out_padding);

/*
 * The whole of data, whatever its padding. ERR_UNSUPPORTED for another version, ERR_MALFORMED for
 * flags that must be 0, ERR_TRUNCATED, ERR_LIMIT for more padding than the limit.
 */
enum err phantom_hello_decode(struct slice data, struct phantom_hello *out_hello);

/*
 * What both ends mix in before the first message. The exporter is that of the TLS below, with an
 * empty context; where somebody else may end the TLS (ws, dns) it is not looked at and zeros are
 * mixed in. ERR_INVALID for an unknown carrier, and for tls and quic with an exporter of zeros:
 * nothing would bind the handshake to its connection.
 */
enum err phantom_prologue(enum phantom_carrier carrier,
						  const uint8_t exporter[static PHANTOM_EXPORTER_SIZE],
						  uint8_t out_prologue[static PHANTOM_PROLOGUE_SIZE]);
