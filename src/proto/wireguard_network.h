#pragma once

#include <stdint.h>

#include "base/error.h"
#include "proto/wireguard_peer.h"

/*
 * The host's network changed, or the machine slept. Peers that we dial (their endpoint is
 * configured, or the session was begun by us) are sent to from wherever the kernel chooses now;
 * those that dialled us are still answered from the address that they spoke to. Whoever is in use
 * is told where we are by something authentic: an empty packet on a live session, a new initiation
 * where one went unanswered. It is repeated twice, until something comes back.
 */

/* Tells all shards. ERR_NO_MEMORY: some may not have been told. */
enum err wireguard_network_post(struct engine *engine, struct interface *interface);

/* On the owner shard: the change itself; the peer is told after so many ns. */
void wireguard_network_changed(struct wireguard_peer *peer, uint64_t delay);
/*
 * On the owner shard: the peer has another endpoint. A live session is told there when there was no
 * way to the one before; otherwise that can wait until there is something to send.
 */
void wireguard_network_redirected(struct wireguard_peer *peer);
/*
 * On the owner shard: there was a session before a restart, which the other end still has. A new
 * one is begun: at once, or, by a shard with many peers, in turn and only if nothing came from the
 * peer by then.
 */
void wireguard_network_resume(struct wireguard_peer *peer);
/* On the owner shard: the timer for it has run out. */
void wireguard_network_announce(struct wireguard_peer *peer);
