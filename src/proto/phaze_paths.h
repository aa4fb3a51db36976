#pragma once

#include "proto/phaze_peer.h"
#include "wire/keepalive.h"

/*
 * Where the other end is. A server follows its client, as session/migration.h says; a client's
 * server stays where the session began.
 */

/*
 * Server: the newest packet of the newest key came from there, bytes long: data or a REKEY; or a
 * keepalive, of which pings and pongs say where it is only where nobody asked for them elsewhere.
 */
void phaze_paths_seen(struct phaze_peer *peer, const struct udp_received *origin, uint64_t sequence,
					  size_t bytes);
void phaze_paths_told(struct phaze_peer *peer, const struct udp_received *origin,
					  enum keepalive_kind kind, uint64_t sequence, size_t bytes);

/* A keepalive came from there, under whichever key: a ping's pong goes back. */
void phaze_paths_take(struct phaze_peer *peer, const struct udp_received *origin,
					  const struct keepalive *keepalive);

/* PHAZE_TIMER_PATHS */
void phaze_paths_expired(struct phaze_peer *peer);
