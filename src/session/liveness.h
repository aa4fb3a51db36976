#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * Whether the other end of a session is there. Each end sends something at least every interval, a
 * keepalive where there is nothing else; who has not been heard of for three of them in a row is
 * dead. Both ends have the same interval. Pure, one thread; told once a batch, not once a packet.
 *
 * Deadlines of before only ever come too early: liveness_expired() says then that nothing is due.
 */

enum { LIVENESS_MISSED_MAX = 3 };

#define LIVENESS_INTERVAL (10 * CLOCK_SECOND)
/* The third may be under way, or its sender late. */
#define LIVENESS_GRACE CLOCK_SECOND

/* Zeroed, it is off: nothing is ever due. */
struct liveness {
	uint64_t interval;             /* ns; 0: off */
	uint64_t sent_at, received_at; /* ns */
};

enum liveness_due {
	LIVENESS_NOTHING,
	LIVENESS_KEEPALIVE, /* to be sent now */
	LIVENESS_DEAD,      /* said once: it is off then, until it begins again */
};

/* A session begins: its handshake was sent and answered just now. interval 0: off. */
void liveness_begin(struct liveness *liveness, uint64_t interval, uint64_t now);

/* The interval changes; what was sent and heard of stays. Does nothing where it is off. */
void liveness_change(struct liveness *liveness, uint64_t interval);

/* Something was sent to the other end; something authentic came from there. */
static inline void liveness_sent(struct liveness *liveness, uint64_t now) {
	liveness->sent_at = now;
}

static inline void liveness_received(struct liveness *liveness, uint64_t now) {
	liveness->received_at = now;
}

/* A keepalive counts as sent, so that one that could not be is not due again at once. */
enum liveness_due liveness_expired(struct liveness *liveness, uint64_t now);

/* When to ask; CLOCK_NEVER while it is off. */
uint64_t liveness_deadline(const struct liveness *liveness);
