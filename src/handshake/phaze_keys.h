#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "crypto/aead.h"
#include "crypto/sizes.h"
#include "wire/phaze_hello.h"

/*
 * Phaze's key schedule: pure functions from secrets and messages to keys. doc/protocol/phaze.md has
 * the formulas. Whoever is given a secret wipes it; what fails writes nothing.
 *
 *   PSK or zeros → early → handshake, with X25519 → master → traffic keys, R0, ticket PSKs
 *                    └ binder                        R(n), with X25519 → traffic keys, R(n+1)
 */

enum {
	PHAZE_SECRET_SIZE = HASH_SIZE,
	PHAZE_SIGNED_SIZE = 64 + 12 + 1 + HASH_SIZE,
};

struct phaze_handshake_keys {
	uint8_t secret[PHAZE_SECRET_SIZE];                    /* that the master secret comes of */
	uint8_t client[AEAD_KEY_SIZE], server[AEAD_KEY_SIZE]; /* by who seals */
};

/* Of one generation. */
struct phaze_traffic_keys {
	uint8_t client[AEAD_KEY_SIZE], server[AEAD_KEY_SIZE]; /* by who seals */
	uint8_t rekey[PHAZE_SECRET_SIZE];                     /* that the next generation comes of */
};

/* A message's bytes that are in transcripts, as type and length, and its body up to somewhere. */
struct phaze_said {
	uint8_t head[PHAZE_TRANSCRIPT_HEAD_SIZE];
	struct slice body;
};

/* length: of the whole body. */
struct phaze_said phaze_keys_said(enum phaze_message type, size_t length, struct slice body);

enum { PHAZE_SAID_MAX = 4 };

/* SHA-256 over what was said, at most PHAZE_SAID_MAX messages. */
enum err phaze_keys_transcript(const struct phaze_said *said, size_t count,
							   uint8_t out_digest[static HASH_SIZE]);

/* psk: PHAZE_SECRET_SIZE bytes, or NULL. */
enum err phaze_keys_early(const uint8_t *psk, uint8_t out_early[static PHAZE_SECRET_SIZE]);

/* hello: the datagram as encoded; what is in the binder's place does not count. */
enum err phaze_keys_binder(const uint8_t early[static PHAZE_SECRET_SIZE],
						   const uint8_t hello[static PHAZE_CLIENT_HELLO_SIZE],
						   uint8_t out_binder[static PHAZE_BINDER_SIZE]);

/* transcript: through ServerHello. */
enum err phaze_keys_handshake(const uint8_t early[static PHAZE_SECRET_SIZE],
							  const uint8_t shared[static X25519_KEY_SIZE],
							  const uint8_t transcript[static HASH_SIZE],
							  struct phaze_handshake_keys *out_keys);

/*
 * Generation 0, and what PSKs of tickets come of. secret: of the handshake keys. transcript:
 * through ClientAuth, where a ticket was taken through ServerHello.
 */
enum err phaze_keys_master(const uint8_t secret[static PHAZE_SECRET_SIZE],
						   const uint8_t transcript[static HASH_SIZE],
						   struct phaze_traffic_keys *out_keys,
						   uint8_t out_resume[static PHAZE_SECRET_SIZE]);
enum err phaze_keys_ticket(const uint8_t resume[static PHAZE_SECRET_SIZE],
						   const uint8_t ticket_id[static PHAZE_TICKET_ID_SIZE],
						   uint8_t out_psk[static PHAZE_SECRET_SIZE]);

/* Of the generation that init and answer lead to, as they were sealed; rekey is the one's before.
 */
enum err phaze_keys_rekey(const uint8_t rekey[static PHAZE_SECRET_SIZE],
						  const uint8_t shared[static X25519_KEY_SIZE],
						  const uint8_t init[static PHAZE_REKEY_SIZE],
						  const uint8_t answer[static PHAZE_REKEY_SIZE],
						  struct phaze_traffic_keys *out_keys);

/* What PHAZE_SERVER_AUTH or PHAZE_CLIENT_AUTH has a signature of. */
void phaze_keys_signed(enum phaze_message type, const uint8_t transcript[static HASH_SIZE],
					   uint8_t out_content[static PHAZE_SIGNED_SIZE]);

/* ERR_UNSUPPORTED for a cipher that is unknown. */
enum err phaze_keys_algorithm(uint8_t cipher, enum aead_algorithm *out_algorithm);
