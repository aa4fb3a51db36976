#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"
#include "crypto/chain.h"
#include "handshake/phaze_parties.h"

/*
 * What a ticket stands for, at either end, and how it is stored: sealed under a key that the store
 * does not have, for the one peer whose it is.
 */

enum {
	PHAZE_PASS_SEALED_MAX = 240,
	PHAZE_PASS_DAYS = 7, /* after the last full login nothing resumes any more */
	PHAZE_PASS_AGE_MAX = PHAZE_PASS_DAYS * 24 * 60 * 60, /* s */
};

struct phaze_pass {
	struct phaze_ticket ticket; /* secret */
	uint64_t login;             /* s since 1970: the last full one */
	uint64_t until;             /* s since 1970 */
	bool by_password;           /* what the login was by, at a server */
	bool by_certificate;        /* likewise; always at a client: the other end's, with its mark */
	struct chain_mark mark;
	/*
	 * A client's: what a session brought that it has heard nothing in. Whether the server knows
	 * this one by now, or the other still, nobody can say; the login is the same.
	 */
	bool has_next;
	struct phaze_ticket next; /* secret */
	uint64_t next_until;      /* s since 1970 */
};

/* SHA-256 of a ticket's id, by which it is known everywhere else. */
enum err phaze_pass_hash(const uint8_t id[static PHAZE_TICKET_ID_SIZE],
						 uint8_t out_hash[static HASH_SIZE]);

/* The next one, which there is, takes the place of the first. */
void phaze_pass_take_next(struct phaze_pass *pass);

/*
 * When a ticket ends that is given out now, for so many seconds at most: before the login is too
 * old, and neither its certificate nor the user (0: never) has expired. ERR_EXPIRED: none is.
 */
enum err phaze_pass_until(const struct phaze_pass *pass, uint64_t now, uint32_t seconds,
						  uint64_t user_until, uint64_t *out_until);

enum err phaze_pass_seal(const struct phaze_pass *pass, const uint8_t key[static AEAD_KEY_SIZE],
						 const uint8_t identity[static HASH_SIZE],
						 const struct random_source *random,
						 uint8_t out_sealed[static PHAZE_PASS_SEALED_MAX], size_t *out_size);
/* ERR_AUTHENTICATION for another key or peer; ERR_TRUNCATED, ERR_TRAILING, ERR_MALFORMED. */
enum err phaze_pass_open(struct slice sealed, const uint8_t key[static AEAD_KEY_SIZE],
						 const uint8_t identity[static HASH_SIZE], struct phaze_pass *out_pass);
