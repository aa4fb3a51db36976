#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/slice.h"
#include "crypto/aead.h"
#include "handshake/phaze_keys.h"
#include "wire/phaze_auth.h"

/*
 * What both ends of Phaze's handshake have alike: how they show who they are, what they end up
 * with, and the times. The client is in phaze_client.h, the server in phaze_server.h.
 */

/* The client alone repeats: after this, then twice as long, and so on. */
#define PHAZE_REPEAT_FIRST (500 * CLOCK_MILLISECOND)
/* So long for an answer to each of the client's messages, and for what a server waits for. */
#define PHAZE_PATIENCE (15 * CLOCK_SECOND)
/* A client goes on so long with other answers after one that was signed by somebody else. */
#define PHAZE_DOUBT (2 * CLOCK_SECOND)
/* A server's flight leaves again no sooner. */
#define PHAZE_FLIGHT_INTERVAL (250 * CLOCK_MILLISECOND)
/* A refusal leaves at a whole second, this or later, after a ClientAuth. */
#define PHAZE_REJECT_SECONDS 2

enum {
	PHAZE_CANDIDATES = 8,  /* ServerHellos that a client holds at a time */
	PHAZE_RETRIES_MAX = 3, /* Retries that it follows */
	PHAZE_CIPHERS_KNOWN = 2,
};

/* Whose certificate it is, of a chain that was found good. */
struct phaze_leaf {
	uint8_t key[ED25519_KEY_SIZE];
	size_t user_size; /* of a client's: SAN rfc822Name, else CN; 1..PHAZE_NAME_MAX */
	uint8_t user[PHAZE_NAME_MAX];
};

/*
 * An end's own certificates, and what it judges the other's by. All of it is the owner's and
 * outlives every handshake with it.
 */
struct phaze_identity {
	struct phaze_chain chain; /* the leaf first; none: count 0 */
	/* Signs with the key of that leaf. Not needed without a chain. */
	enum err (*sign)(void *context, struct slice content,
					 uint8_t out_signature[static ED25519_SIGNATURE_SIZE]);
	/*
	 * Whether a chain leads to whom this end trusts, is valid now, not revoked, made for the other
	 * end's role, and with the configured name where that is a server. An error otherwise, which is
	 * told to this end's user alone.
	 */
	enum err (*verify)(void *context, const struct phaze_chain *chain, struct phaze_leaf *out_leaf);
	void *context;
};

struct phaze_ticket {
	uint8_t id[PHAZE_TICKET_ID_SIZE];
	uint8_t psk[PHAZE_SECRET_SIZE];
};

/* What a handshake leads to. Secret: its owner wipes it. */
struct phaze_established {
	enum aead_algorithm algorithm;
	uint32_t client_id, server_id;  /* each receives by its own */
	struct phaze_traffic_keys keys; /* of generation 0 */
	bool resumed;
	bool has_ticket; /* a new one */
	struct phaze_ticket ticket;
};
