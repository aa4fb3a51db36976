#pragma once

#include <stdbool.h>

#include "engine/protocol.h"
#include "proto/wireguard_peer.h"

/* Handshake messages, both ways, on the shards. */

/*
 * Sends an initiation unless one left less than REKEY_TIMEOUT ago. is_retry keeps the count of
 * attempts; the first one resets it.
 */
void wireguard_exchange_initiate(struct wireguard_peer *peer, bool is_retry);

/*
 * The configuration sent the peer elsewhere. A handshake that is under way begins anew there at
 * once, at most every WIREGUARD_REDIRECT_INTERVAL, rather than when it is due to be repeated.
 */
void wireguard_exchange_redirect(struct wireguard_peer *peer);

/*
 * The network changed: a handshake begins, also anew where one is under way, once the last one is
 * so old (ns), and with all its attempts.
 */
void wireguard_exchange_restart(struct wireguard_peer *peer, uint64_t interval);

/* Takes a datagram off the handshake queue: initiation, response or cookie reply. */
void wireguard_exchange_take(struct lane *lane, const struct handshake_datagram *datagram);
