#pragma once

#include <stdint.h>

#include "proto/phaze_peer.h"

/*
 * The timers of one peer. Events come from the packet path once a batch; none costs more than a
 * few stores, as only an earlier deadline moves the shard's heap.
 */

void phaze_timers_init(struct phaze_peer *peer);
void phaze_timers_stop(struct phaze_peer *peer);

/* Something authentic left, or came. */
void phaze_timers_sent(struct phaze_peer *peer);
void phaze_timers_received(struct phaze_peer *peer);

/* There is a new current session; it has new keys; the other end was heard in it; it is over. */
void phaze_timers_session(struct phaze_peer *peer);
void phaze_timers_renewed(struct phaze_peer *peer);
void phaze_timers_heard(struct phaze_peer *peer);
void phaze_timers_lost(struct phaze_peer *peer);
/* The host's network has changed. */
void phaze_timers_changed(struct phaze_peer *peer);
/* The pending sessions have changed. */
void phaze_timers_pending(struct phaze_peer *peer);
/* Deadlines of phaze_renewal and phaze_paths, CLOCK_NEVER: none. */
void phaze_timers_rekey_at(struct phaze_peer *peer, uint64_t at);
void phaze_timers_paths_at(struct phaze_peer *peer, uint64_t at);
/* What is staged may leave in so many ns; what waits for a session began to just now. */
void phaze_timers_rate_in(struct phaze_peer *peer, uint64_t delay);
void phaze_timers_staged(struct phaze_peer *peer);

/* Runs what is due and sets the next deadline. */
void phaze_timers_expired(struct phaze_peer *peer);
