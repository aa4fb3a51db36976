#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "crypto/chain.h"
#include "engine/engine.h"
#include "handshake/phaze_parties.h"

/*
 * How a device of Phaze shows who it is, and whom it trusts: its own certificates and key,
 * authorities, revoked certificates, a pin, the server's name. Immutable but for what it remembers
 * of the last chain and has told; counted, as handshakes go on with the one that they began with.
 * One thread.
 */

enum { PHAZE_SERVER_NAME_MAX = 253 };

struct phaze_trust;

struct phaze_trust_options {
	bool is_client;                              /* this end: the other one is a server */
	struct slice authorities, revoked;           /* PEM; empty: none */
	struct slice certificates;                   /* PEM, this end's own; empty: none */
	uint8_t signing_key[ED25519_KEY_SIZE];       /* of their leaf */
	uint8_t pin[CERTIFICATE_PIN_SIZE];           /* zeros: none */
	char server_name[PHAZE_SERVER_NAME_MAX + 1]; /* "": no server is the right one */
	const struct engine_clock *clock;            /* outlives it */
};

/* Counted once. ERR_MALFORMED for a text, ERR_LIMIT for a chain that is too long to be sent. */
enum err phaze_trust_new(const struct phaze_trust_options *options, struct phaze_trust **out_trust);
struct phaze_trust *phaze_trust_hold(struct phaze_trust *trust);
void phaze_trust_release(struct phaze_trust *trust); /* NULL is fine */

/* As long as it is held. */
const struct phaze_identity *phaze_trust_identity(const struct phaze_trust *trust);

/* Of the chain that the identity's verify() was asked about last. */
enum chain_fault phaze_trust_fault(const struct phaze_trust *trust);
enum { PHAZE_TRUST_TEXT_SIZE = 256 };

/* What is wrong with a server's certificate, and who can do what about it. */
void phaze_trust_explain(enum chain_fault fault, const char *server_name,
						 char out_text[static PHAZE_TRUST_TEXT_SIZE]);
/* Where that was good. */
const struct chain_mark *phaze_trust_mark(const struct phaze_trust *trust);

/* Why no chain can be held against the lists now, for a person; NULL: each can, or there are none.
 */
const char *phaze_trust_problem(const struct phaze_trust *trust);
/* The same, once. */
const char *phaze_trust_news(struct phaze_trust *trust);

/* Whether a chain that was good would still be, by these authorities, lists and pin, now. */
enum chain_fault phaze_trust_recheck(const struct phaze_trust *trust,
									 const struct chain_mark *mark);
bool phaze_trust_still_is(const struct phaze_trust *trust, const struct chain_mark *mark);
