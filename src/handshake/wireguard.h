#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "crypto/noise.h"
#include "crypto/sizes.h"
#include "wire/wireguard.h"

/*
 * Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s as WireGuard spells it (whitepaper section 5.4), pure: no
 * I/O, no clock. Nothing that a caller owns changes unless a function succeeds.
 *
 *   initiator                                  responder
 *   wireguard_initiate()  --- initiation -->   wireguard_accept_static()      who is it?
 *                                              wireguard_accept_initiation()  with the peer's keys
 *   wireguard_finish()    <--- response ----   wireguard_respond()
 *
 * The MACs (mac1, mac2) belong to session/cookie and are left zero here.
 */

/* This end. Made once a private key; shared by all peers, never changed. */
struct wireguard_identity {
	bool present; /* false: no private key is set, nothing can be started or accepted */
	uint8_t private_key[X25519_KEY_SIZE];
	uint8_t public_key[X25519_KEY_SIZE];
};

/* What both ends know of each other before the handshake. */
struct wireguard_remote {
	uint8_t public_key[X25519_KEY_SIZE];
	uint8_t preshared_key[AEAD_KEY_SIZE];   /* zeros: none */
	uint8_t static_shared[X25519_KEY_SIZE]; /* DH of the static keys */
	bool usable; /* false: low-order public key or no identity; every handshake fails */
};

/* An initiator's state between initiation and response. */
struct wireguard_pending {
	bool present;
	uint32_t sender; /* our index */
	struct noise noise;
	uint8_t ephemeral_private[X25519_KEY_SIZE];
};

/* An initiation whose sender has been read, but not yet checked. */
struct wireguard_opened {
	struct noise noise;
	uint32_t sender; /* the initiator's index */
	uint8_t ephemeral[X25519_KEY_SIZE];
	uint8_t public_key[X25519_KEY_SIZE]; /* the initiator's static key */
	uint8_t sealed_timestamp[WIREGUARD_TIMESTAMP_SIZE + AEAD_TAG_SIZE];
	uint8_t timestamp[WIREGUARD_TIMESTAMP_SIZE]; /* valid after wireguard_accept_initiation() */
};

/* The result: traffic keys and whose they are. */
struct wireguard_keys {
	uint32_t local_index, remote_index;
	uint8_t send[AEAD_KEY_SIZE], receive[AEAD_KEY_SIZE];
	bool initiator;
};

/* private_key may be zeros: then present is false. The key is clamped. */
enum err wireguard_identity_init(struct wireguard_identity *identity,
								 const uint8_t private_key[static X25519_KEY_SIZE]);

/* Computes static_shared and usable; keeps the preshared key. */
void wireguard_remote_prepare(struct wireguard_remote *remote,
							  const struct wireguard_identity *identity);

/*
 * Makes an initiation with our index sender and a TAI64N timestamp, and the state to finish it
 * with. ERR_INVALID without identity or with an unusable remote.
 */
enum err wireguard_initiate(const struct wireguard_identity *identity,
							const struct wireguard_remote *remote,
							const struct random_source *random, uint32_t sender,
							const uint8_t timestamp[static WIREGUARD_TIMESTAMP_SIZE],
							struct wireguard_initiation *out_message,
							struct wireguard_pending *out_pending);

/* Step 1 of the responder: decrypts the initiator's static key. ERR_AUTHENTICATION, ERR_CRYPTO. */
enum err wireguard_accept_static(const struct wireguard_identity *identity,
								 const struct wireguard_initiation *message,
								 struct wireguard_opened *out_opened);

/*
 * Step 2, with the remote whose public key was read: proves that the initiator holds it and fills
 * in opened->timestamp. ERR_AUTHENTICATION, ERR_INVALID for an unusable remote.
 */
enum err wireguard_accept_initiation(const struct wireguard_remote *remote,
									 struct wireguard_opened *opened);

/* Step 3: the response, with our index sender, and the keys. opened is used up. */
enum err wireguard_respond(const struct wireguard_remote *remote, struct wireguard_opened *opened,
						   const struct random_source *random, uint32_t sender,
						   struct wireguard_response *out_message, struct wireguard_keys *out_keys);

/*
 * The initiator's end. pending is unchanged on failure, so that a forged response does no harm.
 * ERR_AUTHENTICATION, also for another receiver than ours; ERR_CRYPTO; ERR_INVALID without pending.
 * The message's sender is covered by mac1 alone.
 */
enum err wireguard_finish(const struct wireguard_identity *identity,
						  const struct wireguard_remote *remote,
						  const struct wireguard_pending *pending,
						  const struct wireguard_response *message,
						  struct wireguard_keys *out_keys);

/*
 * TAI64N of a wall clock in nanoseconds since the Unix epoch, rounded down to 2^24 ns (16.8 ms) so
 * that it does not serve as a clock for strangers. Big-endian, so memcmp() orders timestamps.
 */
void wireguard_timestamp(uint64_t wall_now, uint8_t out_timestamp[static WIREGUARD_TIMESTAMP_SIZE]);
