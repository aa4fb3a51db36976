#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What a shard receives when it cannot keep up: the kernel drops what comes then, whosever it is,
 * so that one peer who floods takes the others' datagrams with him. Then nobody may have more than
 * a limit opened in a window of time, and what exceeds it is thrown away before it costs anything,
 * so that the sockets have room again. Per window in which one peer has much more than the others,
 * the peers' datagrams are most of what came, and the sockets were never empty, the limit falls:
 * much when the kernel dropped a real part of what came, a little when it did not (what waits is
 * everybody's delay). It rises with all other windows.
 *
 * The limit is never below FAIR_SHARE_LEAST. Peers who send little, or as much as everybody, or are
 * alone, do not meet it. Datagrams count before they are authentic where there is a limit, as
 * opening them is what it saves; those that prove to be forged are given back.
 */

enum {
	FAIR_SHARE_LEAST = 128 * 1024, /* bytes a window */
	FAIR_SHARE_FALL = 8,           /* by one of so many parts, for a window with drops */
	FAIR_SHARE_YIELD = 64,         /* for one without */
	FAIR_SHARE_RISE = 32,          /* for the others */
	FAIR_SHARE_LOSS = 64,          /* of so many datagrams more than one dropped is a real part */
};

#define FAIR_SHARE_WINDOW (UINT64_C(8) * 1000 * 1000) /* ns */
#define FAIR_SHARE_NONE UINT64_MAX

/* What the sockets count, from their beginning. */
struct fair_share_traffic {
	uint64_t dropped;          /* messages, by the kernel */
	uint64_t datagrams, bytes; /* received */
};

/* A peer's part of it. Zeroed at first. */
struct fair_share_use {
	uint32_t window; /* in which the bytes were had */
	uint32_t bytes;
};

struct fair_share {
	uint32_t window; /* number of the present one, never 0 */
	uint32_t peers;  /* who had something in it */
	uint32_t most;   /* bytes of who had most */
	bool emptied;    /* the sockets, at least once in this window */
	uint64_t total;  /* bytes of all peers */
	uint64_t refused;
	uint64_t limit;                   /* bytes a peer and window, or FAIR_SHARE_NONE */
	uint64_t ends;                    /* ns */
	struct fair_share_traffic before; /* this window */
};

void fair_share_init(struct fair_share *share);

/* Once a turn. */
void fair_share_turn(struct fair_share *share, uint64_t now,
					 const struct fair_share_traffic *traffic);

/* The sockets have been read until there was nothing left. */
static inline void fair_share_emptied(struct fair_share *share) {
	share->emptied = true;
}

/* Counts what a peer had. */
void fair_share_count(struct fair_share *share, struct fair_share_use *use, uint64_t bytes);

static inline bool fair_share_is_limited(const struct fair_share *share) {
	return share->limit != FAIR_SHARE_NONE;
}

/* With a limit: counts the bytes, or says that the peer may not have them. */
bool fair_share_take(struct fair_share *share, struct fair_share_use *use, uint64_t bytes);

/* What was taken was not the peer's own. */
void fair_share_give_back(struct fair_share *share, struct fair_share_use *use, uint64_t bytes);
