#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/slice.h"
#include "crypto/aead.h"
#include "crypto/sizes.h"

/*
 * One direction of a connection that carries streams: frames (wire/stream_frame.h) to and from the
 * bytes of a reliable carrier.
 *
 *   0                                 2            2 + n
 *   | u16 frame length n, masked      | sealed n   | tag 16 |
 *
 * Frame number i under a key, from 0: its nonce is i, its associated data the two masked bytes, and
 * the mask bytes 2i and 2i + 1 of the keystream of the length key, which is derived of key and
 * handshake. Whoever sees the carrier's bytes can tell neither lengths nor where frames begin.
 *
 * A cipher either seals or opens. It is used by one thread at a time, with a worker of its back
 * end.
 */

struct cipher;

enum {
	CIPHER_LENGTH_SIZE = 2,
	CIPHER_OVERHEAD = CIPHER_LENGTH_SIZE + AEAD_TAG_SIZE,
	CIPHER_BATCH_MAX = 32, /* frames that one call of cipher_open() hands out */
};

/* When a key has done its work. Frames count from the key's first. */
struct cipher_rules {
	uint64_t rekey_frames, rekey_age; /* frames, ns: from here on a new key is due */
	uint64_t frames_max;              /* no further frame is sealed or opened; at most 2^37 */
};

/* 2^32 frames or 24 hours; none beyond 2^33. */
extern const struct cipher_rules cipher_rules;

struct cipher_setup {
	const struct aead_backend *backend;
	const struct cipher_rules *rules; /* outlives the cipher */
	uint8_t key[AEAD_KEY_SIZE];       /* of Split(); the caller wipes his copy */
	uint8_t handshake_hash[HASH_SIZE];
};

/* The caller owns the result and gives it to cipher_free(), which wipes it. now in ns. */
enum err cipher_new(const struct cipher_setup *setup, uint64_t now, struct cipher **out_cipher);
void cipher_free(struct cipher *cipher);

/*
 * Seals count frames in place, which lie in data one behind the other: CIPHER_LENGTH_SIZE bytes
 * free, sizes[i] bytes of the frame, AEAD_TAG_SIZE free. ERR_INVALID for a frame smaller than its
 * header or larger than the largest, ERR_EXPIRED when the key has no numbers left for all of them:
 * then nothing has changed. After any other error the connection is over.
 */
enum err cipher_seal(struct cipher *cipher, struct aead_worker *worker, uint8_t *data,
					 const size_t *sizes, size_t count);

/*
 * The next key, for who seals: after the call of cipher_seal() whose last frame was KEY_UPDATE. An
 * opening cipher does it by itself behind such a frame. After an error the connection is over.
 */
enum err cipher_rekey(struct cipher *cipher, uint64_t now);

/* Whether who seals should send KEY_UPDATE. */
bool cipher_is_rekey_due(const struct cipher *cipher, uint64_t now);
/* When it will be for its age; the number of frames may be first. */
uint64_t cipher_rekey_time(const struct cipher *cipher);

/* What a call of cipher_open() found: views that hold until the next call for that cipher. */
struct cipher_frames {
	struct slice frames[CIPHER_BATCH_MAX]; /* authentic, at least as large as a frame's header */
	size_t count;
	size_t used; /* bytes of data that are done with */
};

/*
 * Opens what came of the carrier, cut into pieces in any way. Frames that are whole in data are
 * opened there, so it is overwritten, and has to stay as long as the views; one that is not is
 * gathered inside. Call it with the rest of data, from used on, as long as there is one: each call
 * either hands out frames or takes all.
 *
 * ERR_AUTHENTICATION for a frame that does not open or is smaller than its header; the same as
 * early or late, whatever of it is wrong. ERR_EXPIRED at the end of the key's numbers. The frames
 * before it were handed out. After an error, every call gives it again: close, and say nothing.
 */
enum err cipher_open(struct cipher *cipher, struct aead_worker *worker, uint8_t *data, size_t size,
					 struct cipher_frames *out_frames);
