#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * The sliding window against replayed packets (RFC 6479): one bit per counter, a ring of words so
 * that sliding clears whole words and never shifts.
 *
 * replay_check() may be asked before a packet is authenticated, replay_accept() only after: a
 * forged packet changes nothing.
 */

enum {
	REPLAY_WORD_BITS = 64,
	REPLAY_WINDOW = 8192, /* counters below the highest that may still come */
	REPLAY_WORDS = REPLAY_WINDOW / REPLAY_WORD_BITS + 1,
};

struct replay {
	uint64_t next; /* one above the highest accepted counter */
	uint64_t words[REPLAY_WORDS];
};

void replay_init(struct replay *replay);

/* ERR_OK or ERR_REPLAY; changes nothing. Counters at or above limit (exclusive) are refused. */
enum err replay_check(const struct replay *replay, uint64_t counter, uint64_t limit);

/* As replay_check(), and marks the counter as seen. */
enum err replay_accept(struct replay *replay, uint64_t counter, uint64_t limit);
