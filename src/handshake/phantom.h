#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"
#include "crypto/sizes.h"
#include "handshake/noise_ik.h"
#include "wire/phantom_hello.h"

/*
 * Phantom's handshake: Noise IK with a prologue that binds it to its carrier, and a hello as the
 * payload of both messages. Pure: no I/O, no clock. Nothing that a caller owns changes unless a
 * function succeeds, but for the room of messages and payloads.
 *
 *   client                                    server
 *   phantom_initiate()   --- message 1 --->   phantom_accept()    who is it, and when was that?
 *                                             (allowed? in time? not seen before?)
 *   phantom_finish()     <-- message 2 ----   phantom_respond()
 *
 * Messages are bytes here; how a carrier shows them (the text of a cookie) is its own business.
 */

/* What lies below: both ends have the same, or no message of the one opens at the other. */
struct phantom_channel {
	enum phantom_carrier carrier;
	uint8_t exporter[PHANTOM_EXPORTER_SIZE]; /* tls and quic; not looked at for ws and dns */
};

/* What an end says in its hello, but for the random bytes, which are drawn here. */
struct phantom_offer {
	bool padding_enabled;
	uint64_t timestamp;  /* ms since the Unix epoch, by the sender's clock */
	size_t padding_size; /* random bytes behind it, up to PHANTOM_HELLO_PADDING_MAX */
};

/* A client between the messages, a server that has opened the first. Wiped by their owner. */
struct phantom_pending {
	struct noise_ik_pending ik;
};
struct phantom_opened {
	struct noise_ik_opened ik; /* ik.public_key: the client */
	struct phantom_hello hello;
};

/* The result: transport keys of section 4, and what the length keys are derived with. */
struct phantom_keys {
	bool initiator;
	uint8_t send[AEAD_KEY_SIZE], receive[AEAD_KEY_SIZE];
	uint8_t hash[HASH_SIZE]; /* the handshake's */
};

/*
 * Message 1 for the server with that static key. Draws from random: the hello's random (16
 * bytes), its padding, the ephemeral key (32). ERR_INVALID for a channel without exporter or too
 * much padding, ERR_CRYPTO for a low-order server key, ERR_LIMIT where room is too small.
 */
enum err phantom_initiate(const struct noise_ik_identity *identity,
						  const uint8_t server[static X25519_KEY_SIZE],
						  const struct phantom_channel *channel, const struct random_source *random,
						  const struct phantom_offer *offer, uint8_t *out_message, size_t room,
						  size_t *out_size, struct phantom_pending *out_pending);

/*
 * Opens any bytes as message 1. ERR_AUTHENTICATION for whatever is wrong with them, from their size
 * to a version of later, and about the same work for all of it, and for a message that is right:
 * who measures, learns nothing. ERR_INVALID for a channel without exporter.
 */
enum err phantom_accept(const struct noise_ik_identity *identity,
						const struct phantom_channel *channel, struct slice message,
						struct phantom_opened *out_opened);

/*
 * Message 2. Draws as phantom_initiate(). opened stays as it is. The
 * keys prove nothing of the client yet: message 1 may be forged by who has the server's private
 * key. Its first frame that opens does.
 */
enum err phantom_respond(const struct phantom_opened *opened, const struct random_source *random,
						 const struct phantom_offer *offer, uint8_t *out_message, size_t room,
						 size_t *out_size, struct phantom_keys *out_keys);

/* ERR_AUTHENTICATION for whatever is wrong with the answer; pending stays as it is. */
enum err phantom_finish(const struct noise_ik_identity *identity,
						const struct phantom_pending *pending, struct slice message,
						struct phantom_hello *out_hello, struct phantom_keys *out_keys);
