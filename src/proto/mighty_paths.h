#pragma once

#include "proto/mighty_peer.h"

/*
 * Where the other end is. A server follows its client, as session/migration.h says; a client's
 * server stays at one of its endpoints, which are tried out, as session/endpoint_choice.h says.
 */

/*
 * The newest packet of the current session came from there, bytes long: data or a plain keepalive;
 * and a ping or a pong, which say where it is only where nobody asked for them elsewhere.
 */
void mighty_paths_seen(struct mighty_peer *peer, const struct udp_received *origin,
					   uint64_t sequence, size_t bytes);
void mighty_paths_pinged(struct mighty_peer *peer, const struct udp_received *origin,
						 uint64_t sequence, size_t bytes);

/* A ping came from there: the pong goes back. */
void mighty_paths_answer(struct mighty_peer *peer, const struct udp_received *origin,
						 const uint8_t bytes[static MIGHTY_KEEPALIVE_BYTES]);
void mighty_paths_pong(struct mighty_peer *peer, const struct udp_received *origin,
					   const uint8_t bytes[static MIGHTY_KEEPALIVE_BYTES]);

/* MIGHTY_TIMER_PATHS */
void mighty_paths_expired(struct mighty_peer *peer);
