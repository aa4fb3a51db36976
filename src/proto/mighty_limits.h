#pragma once

#include "base/clock.h"

/* Numbers and times of Mighty (doc/protocol/mighty.md) that no configuration changes. */

/* A half-open session waits so long for its Finalize, the oldest being replaced before. */
#define MIGHTY_HALF_OPEN_TIME (10 * CLOCK_SECOND)
/*
 * But not sooner than this: each takes a session id, which rests when it is free again, and all
 * clients of a shard share them. Who repeats his hellos as he should is never that fast.
 */
#define MIGHTY_HALF_OPEN_LEAST (2 * CLOCK_SECOND)
/* Beyond the time of its renewal a key is refused, and at twice as many packets. */
#define MIGHTY_REJECT_GRACE (60 * CLOCK_SECOND)
enum { MIGHTY_REJECT_FACTOR = 2 };
/* An old receive key lives so long after a packet opened under the new one. */
#define MIGHTY_RETIRE_TIME (10 * CLOCK_SECOND)
/*
 * Finalize is repeated after so long, then after twice as long each time, until this end hears of
 * the server under the new key; or the handshake has failed, when the server has forgotten it.
 */
#define MIGHTY_FINALIZE_INTERVAL (250 * CLOCK_MILLISECOND)
/* Of what a repeated Finalize is answered with, one leaves within this time. */
#define MIGHTY_FINALIZE_ANSWER_INTERVAL (100 * CLOCK_MILLISECOND)
/* Least time between two hellos of a client where something changed that was to be quick. */
#define MIGHTY_RESTART_INTERVAL (100 * CLOCK_MILLISECOND)
/* That there is no way to a server is told so often. */
#define MIGHTY_UNREACHABLE_INTERVAL (1 * CLOCK_SECOND)
/* Packets that wait for a session are dropped once nobody has answered for so many hellos. */
enum { MIGHTY_STAGED_ATTEMPTS = 5 };
