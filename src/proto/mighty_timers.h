#pragma once

#include <stdint.h>

#include "proto/mighty_peer.h"

/*
 * The timers of one peer. Events come from the packet path once a batch; none costs more than a
 * few stores, as only an earlier deadline moves the shard's heap.
 */

void mighty_timers_init(struct mighty_peer *peer);
void mighty_timers_stop(struct mighty_peer *peer);

/* Something authentic left, or came. */
void mighty_timers_sent(struct mighty_peer *peer);
void mighty_timers_received(struct mighty_peer *peer);

/* A hello left: when the next one does. */
void mighty_timers_attempted(struct mighty_peer *peer);
/* The next hello leaves in so many ns, or, as if one had just failed, with a delay. */
void mighty_timers_attempt_in(struct mighty_peer *peer, uint64_t delay);
void mighty_timers_begin_later(struct mighty_peer *peer);
/* A Finalize left. */
void mighty_timers_finalized(struct mighty_peer *peer);
/* The half-open sessions have changed. */
void mighty_timers_half_open(struct mighty_peer *peer);
/* There is a new current session; a packet opened under it; all sessions are over. */
void mighty_timers_session(struct mighty_peer *peer);
void mighty_timers_proven(struct mighty_peer *peer);
void mighty_timers_lost(struct mighty_peer *peer);
/* The deadline of mighty_paths, CLOCK_NEVER: none. */
void mighty_timers_paths_at(struct mighty_peer *peer, uint64_t at);

/* Runs what is due and sets the next deadline. */
void mighty_timers_expired(struct mighty_peer *peer);
