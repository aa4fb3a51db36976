#pragma once

#include "proto/mighty_peer.h"
#include "wire/keepalive.h"
#include "wire/mighty.h"

/* What the ends say to each other in a session beside packets: keepalives, pings, farewells. */

/* A header of type and its nonce, in front of job->size bytes; completes the job. */
void mighty_message_frame(struct lane *lane, const struct session *session, enum mighty_type type,
						  uint64_t counter, uint8_t *slot, struct aead_job *job);

/* To where the peer is, under the current session; nothing happens without one that may send. */
void mighty_message_keepalive(struct mighty_peer *peer);
void mighty_message_disconnect(struct mighty_peer *peer);

/*
 * A ping or pong under the current session, to any address; from NULL leaves the source to the
 * kernel. It counts as sent, but not for the timers.
 */
void mighty_message_send(struct mighty_peer *peer, const struct keepalive *keepalive,
						 const struct endpoint *to, const struct udp_source *from);

/* protocol_ops.message */
void mighty_message_take(struct lane *lane, const struct incoming *incoming,
						 const struct udp_received *origin, const uint8_t *data, size_t size);
