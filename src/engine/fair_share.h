#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What a shard receives when it cannot keep up: the kernel drops what comes then, whosever it is,
 * so that one peer who floods takes the others' datagrams with him. While sockets overflow, and for
 * a while after, nobody may have more than a limit opened in a window of time. It falls much with
 * every window in which the kernel dropped something, a little with one in which the sockets were
 * never empty (what waits in them is everybody's delay), and rises again with others. What exceeds
 * it is thrown away before it costs anything, so that the sockets have room again.
 *
 * The limit is never below FAIR_SHARE_LEAST, and falls only while somebody has much more than the
 * others: peers who send little, or as much as everybody, or are alone, never meet it.
 */

enum {
	FAIR_SHARE_LEAST = 128 * 1024, /* bytes a window */
	FAIR_SHARE_FALL = 8,           /* by one of so many parts, for a window with drops */
	FAIR_SHARE_YIELD = 64,         /* for one without, but without an empty socket either */
	FAIR_SHARE_RISE = 32,          /* for the others */
};

#define FAIR_SHARE_WINDOW (UINT64_C(8) * 1000 * 1000) /* ns */
#define FAIR_SHARE_NONE UINT64_MAX

/* A peer's part of it. Zeroed at first. */
struct fair_share_use {
	uint32_t window; /* in which the bytes were had */
	uint32_t bytes;
};

/* A shard's. Zeroed at first, but for the limit. */
struct fair_share {
	uint32_t window;   /* number of the present one, never 0 */
	uint32_t peers;    /* who had something in it */
	uint32_t most;     /* bytes of who had most */
	uint64_t total;    /* bytes of all */
	uint64_t limit;    /* bytes a peer and window, or FAIR_SHARE_NONE */
	uint64_t ends;     /* ns */
	uint64_t overflow; /* the kernel's count at the last turn of the window before */
	bool emptied;      /* the sockets, at least once in this window */
};

void fair_share_init(struct fair_share *share);

/* Once a turn; overflow is how many messages the kernel has dropped so far. */
void fair_share_turn(struct fair_share *share, uint64_t now, uint64_t overflow);

/* The sockets have been read until there was nothing left. */
static inline void fair_share_emptied(struct fair_share *share) {
	share->emptied = true;
}

/* Counts what a peer had. */
void fair_share_count(struct fair_share *share, struct fair_share_use *use, uint64_t bytes);

static inline bool fair_share_is_limited(const struct fair_share *share) {
	return share->limit != FAIR_SHARE_NONE;
}

/* With a limit: whether the peer may have so many bytes more. Does not count them. */
static inline bool fair_share_allows(const struct fair_share *share,
									 const struct fair_share_use *use, uint64_t bytes) {
	return use->window != share->window || use->bytes + bytes <= share->limit;
}
