#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/random.h"

/*
 * Where the other end of a session is, once it may move. Anybody can send a copy of its packets
 * with another source, and be faster than the original: so a packet is only a reason to ask. Pure,
 * one thread.
 *
 *             newest packet from elsewhere, once a second
 *     HERE ──────────────────────────────────────────────▶ ASKING
 *      ▲  the pong came from the new address: it is the     │ │ │
 *      ├──────────────── endpoint ──────────────────────────┘ │ │
 *      ├──── a packet newer than that came from the endpoint ─┘ │
 *      └──── MIGRATION_TRIES pings were not answered ───────────┘
 *
 * Both addresses are pinged, each with its own 8 random bytes. Until the pong comes, everything but
 * those pings goes to the endpoint of before, and the new address gets at most three times the
 * bytes that came from there: a copy with a forged source steals nothing. Who really moved misses
 * what is sent to him within one round trip. An answer from the old address is a packet like any
 * other, newer than the copy, and ends the question.
 */

enum {
	MIGRATION_TOKEN_SIZE = 8,
	MIGRATION_TRIES = 3,
	MIGRATION_FACTOR = 3, /* bytes to an address that is not proven, for each that came from it */
};

/* Between two questions, and so between two changes. */
#define MIGRATION_INTERVAL CLOCK_SECOND
/* For the first pong; doubled with every repetition: 2.1 s in all. */
#define MIGRATION_WAIT (300 * CLOCK_MILLISECOND)

struct migration {
	struct endpoint home;      /* where everything is sent */
	struct endpoint candidate; /* ADDRESS_NONE: nobody is asked */
	uint64_t highest;          /* sequence under the newest confirmed key */
	uint64_t next_start;       /* ns: not asked before */
	uint64_t deadline;         /* ns, CLOCK_NEVER */
	uint64_t received, sent;   /* bytes from and to the candidate */
	uint8_t tries;             /* that were made */
	uint8_t due;               /* pings: a bit each, see migration_ping() */
	uint8_t home_token[MIGRATION_TOKEN_SIZE];
	uint8_t candidate_token[MIGRATION_TOKEN_SIZE];
};

struct migration_ping {
	struct endpoint to;
	uint8_t token[MIGRATION_TOKEN_SIZE];
};

/* What a packet says of its sender's place. */
enum migration_place {
	MIGRATION_UNKNOWN,   /* nothing: it is late, or from an address that is (or may) not be asked */
	MIGRATION_HERE,      /* the endpoint is right, as nothing newer has come */
	MIGRATION_ELSEWHERE, /* from the new address: pings may be due */
};

/*
 * A session begins, at an address that its handshake went to and came back from; or its owner says
 * where the other end is. Any question is dropped; the pause between questions stays. Zeroed, there
 * was no session yet.
 */
void migration_begin(struct migration *migration, const struct endpoint *home);

/* Another key is the newest that is confirmed: sequences begin anew, addresses stay. */
void migration_rekeyed(struct migration *migration);

/*
 * Authentic packets came, under the newest confirmed key (of others nothing is told): the highest
 * of their sequences, from 1, and their bytes. All of them are from that address.
 */
enum migration_place migration_seen(struct migration *migration, const struct endpoint *from,
									uint64_t sequence, size_t bytes,
									const struct random_source *random, uint64_t now);

/* An authentic pong came, under whichever key; true: the endpoint is `from` now. */
bool migration_pong(struct migration *migration, const struct endpoint *from,
					const uint8_t token[static MIGRATION_TOKEN_SIZE]);

/*
 * To be called until it is false, after each of the others: a ping of size bytes, everything
 * included, is to be sent. One that the new address may not get yet comes up with its next packet.
 */
bool migration_ping(struct migration *migration, size_t size, struct migration_ping *out_ping);

/*
 * Whether something else of that size, such as the pong that it asked for, may go to an address;
 * counts it. To others than the endpoint and the new address never.
 */
bool migration_may_answer(struct migration *migration, const struct endpoint *to, size_t size);

/* The deadline has passed, CLOCK_NEVER where there is none. */
void migration_expired(struct migration *migration, uint64_t now);

static inline uint64_t migration_deadline(const struct migration *migration) {
	return migration->candidate.address.family == ADDRESS_NONE ? CLOCK_NEVER : migration->deadline;
}
