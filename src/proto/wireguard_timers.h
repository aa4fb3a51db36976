#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/wireguard_peer.h"

/*
 * The timers of one peer. Events come from the packet path once a batch; none costs more than a
 * few stores, as only an earlier deadline moves the shard's heap.
 */

void wireguard_timers_init(struct wireguard_peer *peer);
void wireguard_timers_stop(struct wireguard_peer *peer);

/* Any packet that the other end can authenticate, in either direction. */
void wireguard_timers_traversal(struct wireguard_peer *peer);
void wireguard_timers_any_sent(struct wireguard_peer *peer);
void wireguard_timers_any_received(struct wireguard_peer *peer);
/* Packets with something inside. */
void wireguard_timers_data_sent(struct wireguard_peer *peer);
void wireguard_timers_data_received(struct wireguard_peer *peer);
void wireguard_timers_initiated(struct wireguard_peer *peer);
/* The initiation is repeated in so many ns, in place of the usual time. */
void wireguard_timers_retransmit_in(struct wireguard_peer *peer, uint64_t delay);
/* The peer is told in so many ns that the network changed. */
void wireguard_timers_announce_in(struct wireguard_peer *peer, uint64_t delay);
/* Data went either way within the last 15 s, and was not answered by anything of that kind. */
bool wireguard_timers_recent_data(const struct wireguard_peer *peer);
/* The probes' deadline, CLOCK_NEVER: none. */
void wireguard_timers_probe_at(struct wireguard_peer *peer, uint64_t at);
void wireguard_timers_session_derived(struct wireguard_peer *peer);
void wireguard_timers_handshake_complete(struct wireguard_peer *peer);

/* Runs what is due and sets the next deadline. */
void wireguard_timers_expired(struct wireguard_peer *peer);
