#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * Finds the largest packet that comes through to the other end, where nobody tells (RFC 8899). It
 * says which probes to send, hears which were answered, and has a limit: pure, no I/O, no clock.
 *
 *   OFF ──begin──▶ HELLO ──answered──▶ WHOLE ──answered──▶ DONE ◀─┐ answered
 *    ▲               │ silence           │ silence         │ ▲    │
 *    └───────────────┘                   ▼        close    │ │  CONFIRM ◀─ used(), after a while
 *                                      LADDER ──enough─────│─┘    │ silence
 *                                       ▲ │ ▲ narrower     │      │
 *                                       └─┘ └──────────────│──────┘
 *                          WHOLE ◀─ used(), after PATH_PROBE_RAISE, where there is a limit
 *
 * Sizes are those of packets inside the tunnel. A round's probes are sent up to PATH_PROBE_TRIES
 * times. A ladder tries many sizes between what passes and what does not, at once. It is only for
 * an end that answers where it is now: to all others, who may be named there by somebody else's
 * forged source address, go no more than the probes of WHOLE, and a new search for each move waits
 * for PATH_PROBE_PAUSE (WAITING).
 */

enum {
	PATH_PROBE_HELLO_SIZE = 48,
	PATH_PROBE_SIZES = 16, /* of one round */
	PATH_PROBE_TRIES = 3,
	PATH_PROBE_CLOSE = 8, /* bytes: what is left open at the end */
	/* What every path of the Internet carries: 1280 and 576 bytes, less the overhead. */
	PATH_PROBE_FLOOR_V6 = 1200,
	PATH_PROBE_FLOOR_V4 = 516,
};

#define PATH_PROBE_WAIT (300 * CLOCK_MILLISECOND)
#define PATH_PROBE_WAIT_MAX (2 * CLOCK_SECOND)
/* While packets are sent: how old the last answer may be. */
#define PATH_PROBE_CONFIRM (2 * CLOCK_SECOND)
/* Between two searches because the path changed. */
#define PATH_PROBE_PAUSE (1 * CLOCK_SECOND)
#define PATH_PROBE_RAISE (600 * CLOCK_SECOND)

enum path_probe_phase {
	PATH_PROBE_OFF, /* not known to be there, not asked */
	PATH_PROBE_HELLO,
	PATH_PROBE_WHOLE,
	PATH_PROBE_LADDER,
	PATH_PROBE_CONFIRMING,
	PATH_PROBE_WAITING, /* a search begins at the deadline */
	PATH_PROBE_DONE,
};

/* Zeroed, it is off. */
struct path_probe {
	uint8_t phase; /* enum path_probe_phase */
	uint8_t tries; /* of this round */
	uint8_t count, next;
	bool known;          /* the other end answers */
	uint64_t confirm_at; /* beside the phase: both are looked at for each batch of packets */
	uint32_t answered;   /* a bit for each of sizes */
	uint16_t sizes[PATH_PROBE_SIZES];
	uint32_t floor, target;       /* what passes in any case, and what is wanted */
	uint32_t low, high;           /* what passes, and what does not */
	uint32_t limit;               /* 0: target passes, or nothing is known */
	uint64_t nonce, first_nonce;  /* of this round, of this search */
	uint64_t sent_at, round_trip; /* ns */
	uint64_t deadline;            /* of a round */
	uint64_t searched_at;         /* 0: never */
	uint64_t raise_at;
};

/*
 * A session has begun. Asks whether somebody is there who answers, unless that is known or being
 * asked. floor < target ≤ 65475, or nothing is done.
 */
void path_probe_begin(struct path_probe *probe, uint32_t floor, uint32_t target, uint64_t now);

/*
 * The other end is known to answer: it sent a probe. Or the path or the wanted size changed: the
 * limit of before holds until the search is done. Nothing is done where nobody is known. What is
 * wanted is what passes in any case: no limit, and nothing to search.
 */
void path_probe_meet(struct path_probe *probe, uint32_t floor, uint32_t target, uint64_t now);
void path_probe_moved(struct path_probe *probe, uint32_t floor, uint32_t target, uint64_t now);

/* To be called until it is false, after each of the others: a probe of out_size is to be sent. */
bool path_probe_next(struct path_probe *probe, uint16_t *out_size);

/* An authentic answer came. */
void path_probe_answered(struct path_probe *probe, uint64_t nonce, uint16_t size, uint64_t now);

/* The deadline has passed, CLOCK_NEVER when there is none. */
void path_probe_expired(struct path_probe *probe, uint64_t now);
uint64_t path_probe_deadline(const struct path_probe *probe);

/* Packets were sent: what was found is looked at again now and then. */
void path_probe_used(struct path_probe *probe, uint64_t now);

static inline bool path_probe_is_due(const struct path_probe *probe, uint64_t now) {
	return probe->phase == PATH_PROBE_DONE && now >= probe->confirm_at;
}
