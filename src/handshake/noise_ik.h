#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"
#include "crypto/noise.h"
#include "crypto/sizes.h"

/*
 * Noise_IK_25519_ChaChaPoly_SHA256 (Noise Protocol Framework, revision 34, section 7.5), with any
 * prologue and payloads. Pure: no I/O, no clock. Nothing that a caller owns changes unless a
 * function succeeds, but for the room of messages and payloads.
 *
 *   <- s                               the initiator knows the responder's static key
 *   ...
 *   -> e, es, s, ss                    noise_ik_initiate()   noise_ik_accept()
 *   <- e, ee, se                       noise_ik_finish()     noise_ik_respond()
 *
 *   message 1   e (32) ‖ sealed s (32 + 16) ‖ sealed payload (n + 16)
 *   message 2   e (32) ‖ sealed payload (n + 16)
 *
 * Whoever has the responder's private key can make a message 1 in anybody's name (section 7.7, key
 * compromise impersonation), but not what follows message 2.
 */

enum {
	NOISE_IK_FIRST_OVERHEAD = 2 * X25519_KEY_SIZE + 2 * AEAD_TAG_SIZE,
	NOISE_IK_SECOND_OVERHEAD = X25519_KEY_SIZE + AEAD_TAG_SIZE,
	NOISE_IK_MESSAGE_MAX = 65535, /* section 3 */
};

/* A static key pair. Made once; never changed. */
struct noise_ik_identity {
	uint8_t private_key[X25519_KEY_SIZE];
	uint8_t public_key[X25519_KEY_SIZE];
};

/* The initiator's state between the messages. */
struct noise_ik_pending {
	struct noise noise;
	uint8_t ephemeral_private[X25519_KEY_SIZE];
};

/* The responder's. */
struct noise_ik_opened {
	struct noise noise;
	uint8_t ephemeral[X25519_KEY_SIZE];  /* the initiator's */
	uint8_t public_key[X25519_KEY_SIZE]; /* the initiator's static key */
};

struct noise_ik_keys {
	uint8_t initiator[AEAD_KEY_SIZE]; /* what the initiator sends with: the first of Split() */
	uint8_t responder[AEAD_KEY_SIZE];
	uint8_t hash[HASH_SIZE]; /* the handshake's: for channel binding and further keys */
};

/* ERR_INVALID for a private key of zeros. The key is clamped. */
enum err noise_ik_identity_init(struct noise_ik_identity *identity,
								const uint8_t private_key[static X25519_KEY_SIZE]);

/* ERR_CRYPTO for a low-order responder key; ERR_LIMIT where room is too small, here and below. */
enum err noise_ik_initiate(const struct noise_ik_identity *identity,
						   const uint8_t responder[static X25519_KEY_SIZE], struct slice prologue,
						   const struct random_source *random, struct slice payload,
						   uint8_t *out_message, size_t room, size_t *out_size,
						   struct noise_ik_pending *out_pending);

/*
 * Proves that the initiator holds out_opened->public_key's private half and means this responder.
 * ERR_TRUNCATED for less than NOISE_IK_FIRST_OVERHEAD, at once; ERR_AUTHENTICATION for all else,
 * and then whatever is wrong, as much is computed as for a message that is right. out_payload gets
 * message.size - NOISE_IK_FIRST_OVERHEAD bytes.
 */
enum err noise_ik_accept(const struct noise_ik_identity *identity, struct slice prologue,
						 struct slice message, uint8_t *out_payload, size_t room, size_t *out_size,
						 struct noise_ik_opened *out_opened);

/* opened stays as it is, and is the caller's to wipe. ERR_CRYPTO. */
enum err noise_ik_respond(const struct noise_ik_opened *opened, const struct random_source *random,
						  struct slice payload, uint8_t *out_message, size_t room, size_t *out_size,
						  struct noise_ik_keys *out_keys);

/* pending stays as it is, so that a forged answer does no harm. Errors as of noise_ik_accept(). */
enum err noise_ik_finish(const struct noise_ik_identity *identity,
						 const struct noise_ik_pending *pending, struct slice message,
						 uint8_t *out_payload, size_t room, size_t *out_size,
						 struct noise_ik_keys *out_keys);
