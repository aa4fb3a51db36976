#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/wireguard_peer.h"

/*
 * What a peer's path carries: probes in its session, where the other end is an Umbra. Only a peer
 * that the configuration names one is asked, so that nobody else ever gets a control frame; a peer
 * that sends one itself is one.
 */

/* A session is ready to send. */
void wireguard_probe_session(struct wireguard_peer *peer);
/* It is elsewhere now. */
void wireguard_probe_moved(struct wireguard_peer *peer);
/* The timer fired. */
void wireguard_probe_expired(struct wireguard_peer *peer);
/* Packets were sent. */
void wireguard_probe_used(struct wireguard_peer *peer);
/* A control frame came from the peer. Others than those known here are counted and dropped. */
void wireguard_probe_take(struct wireguard_peer *peer, const uint8_t *data, size_t size);
