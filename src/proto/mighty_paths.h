#pragma once

#include "proto/mighty_peer.h"
#include "wire/keepalive.h"

/*
 * Where the other end is. A server follows its client, as session/migration.h says; a client's
 * server stays at one of its endpoints, which are tried out, as session/endpoint_choice.h says.
 */

/*
 * Client: the endpoints, by preference, doubles being left out; what is known of those that stay is
 * kept. True: hellos are to begin anew.
 */
[[nodiscard]] bool mighty_paths_set(struct mighty_peer *peer, const struct endpoint *endpoints,
									size_t count);
/* Client: a hello is about to leave: to where the session is, or to one endpoint after the other.
 */
void mighty_paths_attempt(struct mighty_peer *peer);
/* Client: a hello was answered from there. */
void mighty_paths_connected(struct mighty_peer *peer, const struct endpoint *from);
void mighty_paths_lost(struct mighty_peer *peer);
/*
 * Client: the endpoint that answers what it was asked from there; the one in use where that is
 * none: its host may answer from elsewhere than it is spoken to.
 */
const struct endpoint *mighty_paths_endpoint_of(const struct mighty_peer *peer,
												const struct endpoint *from);
/* Client: sends the pings that are due. To be called once there is a session to send them under. */
void mighty_paths_ask(struct mighty_peer *peer);
/* Something that is answered was sent; something authentic came. */
void mighty_paths_sent(struct mighty_peer *peer);
void mighty_paths_received(struct mighty_peer *peer, const struct endpoint *from);

/*
 * Server: the newest packet of the current session came from there, bytes long: data; or a
 * keepalive, of which pings and pongs say where it is only where nobody asked for them elsewhere.
 */
void mighty_paths_seen(struct mighty_peer *peer, const struct udp_received *origin,
					   uint64_t sequence, size_t bytes);
void mighty_paths_told(struct mighty_peer *peer, const struct udp_received *origin,
					   enum keepalive_kind kind, uint64_t sequence, size_t bytes);

/* A keepalive came from there, under whichever key: a ping's pong goes back. */
void mighty_paths_take(struct mighty_peer *peer, const struct udp_received *origin,
					   const struct keepalive *keepalive);

/* MIGHTY_TIMER_PATHS */
void mighty_paths_expired(struct mighty_peer *peer);
