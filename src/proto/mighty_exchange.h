#pragma once

#include "engine/protocol.h"
#include "proto/mighty_peer.h"

/* Handshake messages, both ways, on the shards. */

/* Client: begins a handshake at once, unless one is under way. Nothing happens on a server. */
void mighty_exchange_begin(struct mighty_peer *peer);
/* Client: its first hello leaves with the delay of a repetition. */
void mighty_exchange_begin_later(struct mighty_peer *peer);
/* Client: the server is elsewhere, or the network changed: hellos begin anew, and soon. */
void mighty_exchange_restart(struct mighty_peer *peer);
/* Client: it is time for the next hello. */
void mighty_exchange_attempt(struct mighty_peer *peer);
/* Client: it is time to repeat Finalize, or to give up. */
void mighty_exchange_finalize(struct mighty_peer *peer);

/* Takes a datagram off the handshake queue: types 1 to 3. */
void mighty_exchange_take(struct lane *lane, const struct handshake_datagram *datagram);
