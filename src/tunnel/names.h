#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

/*
 * Endpoints given by name: when to ask for their addresses, which address to try, when to try the
 * next. Pure: its host asks and sets, and says what happened.
 *
 *              put                answer                    connected
 *   (unknown) ─────▶ RESOLVING ──────────▶ TRYING address i ─────────▶ CONNECTED
 *                      ▲   no answer: later   │ unanswered: i + 1, after the last one ask again
 *                      └──────────────────────┴──── unanswered again, or the name's time is over
 *                                                   while nothing comes back
 *
 * v6 and v4 addresses alternate. While a session lives its address stays, also when the name moves:
 * one unanswered attempt of a connected peer may be a lost datagram and only makes the name be
 * asked for; two in a row mean that it is gone.
 *
 * A peer that is asked for again goes on with the addresses it has, in turn, until the answer is
 * there: the servers for names may be behind what is broken.
 */

enum {
	NAMES_OPEN_MAX = 64,      /* questions that wait for an answer at a time */
	NAMES_ADDRESSES_MAX = 16, /* of a name; more are ignored */
	NAMES_LOST_COUNT = 2,     /* unanswered attempts in a row that end CONNECTED */
};

/* Between questions for a name that fails: doubled each time, and up to a quarter less by a hash of
 * the peer, so that many do not ask in step. */
#define NAMES_BACKOFF_MIN (1 * CLOCK_SECOND)
#define NAMES_BACKOFF_MAX (60 * CLOCK_SECOND)
/* Between questions for a name whose addresses do not answer: doubled with each round of them. */
#define NAMES_ROUND_MIN (5 * CLOCK_SECOND)
#define NAMES_ROUND_MAX (30 * CLOCK_SECOND)
/* What a name's time to live counts as; and up to an eighth more by the hash. */
#define NAMES_TTL_MIN (60 * CLOCK_SECOND)
#define NAMES_TTL_MAX (3600 * CLOCK_SECOND)
/* A question without any answer has failed. */
#define NAMES_QUESTION_TIME (60 * CLOCK_SECOND)
/* An attempt takes longer than that: who is told of one earlier hears of the address before. */
#define NAMES_ATTEMPT_MIN (4 * CLOCK_SECOND)

struct names;

enum names_state { NAMES_RESOLVING, NAMES_TRYING, NAMES_CONNECTED };

/* None of these may call back into names. */
struct names_host {
	void *context;
	/* Ask for the addresses; the answer comes by names_answer() with the same ticket, later. */
	enum err (*ask)(void *context, const char *name, uint64_t ticket);
	/* The peer's endpoint from now on. */
	void (*use)(void *context, uint16_t tunnel, const uint8_t key[static TEXT_KEY_SIZE],
				const struct endpoint *endpoint);
	/* News for people: problem is NULL when the name has addresses again, or none are needed. */
	void (*tell)(void *context, uint16_t tunnel, const uint8_t key[static TEXT_KEY_SIZE],
				 const char *name, const char *problem);
};

enum err names_new(const struct names_host *host, struct names **out_names);
void names_free(struct names *names);

/*
 * A peer has an endpoint by name, or another one than before; the same again changes nothing.
 * Addresses need no resolving: the caller sets those itself. A peer that has a session already, as
 * after a restart of the caller, is left at its address by names_connected() right after.
 * ERR_NO_MEMORY, ERR_LIMIT.
 */
enum err names_put(struct names *names, uint64_t now, uint16_t tunnel,
				   const uint8_t key[static TEXT_KEY_SIZE], const char *name, uint16_t port);
void names_remove(struct names *names, uint16_t tunnel, const uint8_t key[static TEXT_KEY_SIZE]);
void names_remove_tunnel(struct names *names, uint16_t tunnel);

/* addresses in the order to try. count 0: problem says why, and it is asked again with backoff.
 * Tickets of peers that are gone or changed their name are ignored. */
void names_answer(struct names *names, uint64_t now, uint64_t ticket,
				  const struct address *addresses, size_t count, uint32_t ttl, const char *problem);
/* From the net process. Peers without a name are ignored. */
void names_connected(struct names *names, uint64_t now, uint16_t tunnel,
					 const uint8_t key[static TEXT_KEY_SIZE]);
void names_unanswered(struct names *names, uint64_t now, uint16_t tunnel,
					  const uint8_t key[static TEXT_KEY_SIZE], uint32_t count);
/*
 * This host has no way to the peer's endpoint. The next address is tried at once, also of a live
 * session, which goes on there; when all are like that, only names_retry() begins again.
 */
void names_unreachable(struct names *names, uint64_t now, uint16_t tunnel,
					   const uint8_t key[static TEXT_KEY_SIZE]);
/* The network or the resolvers changed: ask again now for all that are not connected. */
void names_retry(struct names *names, uint64_t now);

/* Asks what is due; returns the next deadline, CLOCK_NEVER without one. Called also after each of
 * the functions above, which only make things due. */
uint64_t names_run(struct names *names, uint64_t now);

/* ERR_NOT_FOUND for a peer without a name. *out_problem: NULL, or living until the next call. */
enum err names_state_of(const struct names *names, uint16_t tunnel,
						const uint8_t key[static TEXT_KEY_SIZE], enum names_state *out_state,
						const char **out_problem);
