#pragma once

#include "proto/phaze_peer.h"
#include "wire/keepalive.h"

/*
 * Where the other end is. A server follows its client, as session/migration.h says; a client's
 * server stays where the session began.
 */

/*
 * Server: the newest packet of the newest key came from there, bytes long: data, a plain
 * keepalive or a REKEY; and a ping or a pong, which say where it is only where nobody asked for
 * them elsewhere.
 */
void phaze_paths_seen(struct phaze_peer *peer, const struct udp_received *origin, uint64_t sequence,
					  size_t bytes);
void phaze_paths_pinged(struct phaze_peer *peer, const struct udp_received *origin,
						uint64_t sequence, size_t bytes);

/* A ping came from there: the pong goes back. A pong did. */
void phaze_paths_answer(struct phaze_peer *peer, const struct udp_received *origin,
						const uint8_t bytes[static KEEPALIVE_BYTES]);
void phaze_paths_pong(struct phaze_peer *peer, const struct udp_received *origin,
					  const uint8_t bytes[static KEEPALIVE_BYTES]);

/* PHAZE_TIMER_PATHS */
void phaze_paths_expired(struct phaze_peer *peer);
