#pragma once

#include <stddef.h>

#include "proto/phaze_peer.h"
#include "wire/keepalive.h"

/* What the ends say to each other in a session beside packets: KEEPALIVE, REKEY, CLOSE. */

/* A header of type and its nonce, in front of job->size bytes; completes the job. */
void phaze_message_frame(struct lane *lane, const struct session *session, enum phaze_type type,
						 uint64_t counter, uint8_t *slot, struct aead_job *job);

/*
 * To where the peer is, in the current session; nothing happens without one that may send. A
 * greeting is a ping, so that the other end answers.
 */
void phaze_message_keepalive(struct phaze_peer *peer);
void phaze_message_greet(struct phaze_peer *peer);
void phaze_message_rekey(struct phaze_peer *peer, const uint8_t *content, size_t size);
void phaze_message_close(struct phaze_peer *peer, enum phaze_close_code code);

/* In one that parts: its CLOSE once more. */
void phaze_message_part(const struct phaze_session *session);

/*
 * A ping or pong in the current session, to any address; from NULL leaves the source to the kernel.
 * It counts as sent, but not for the timers.
 */
void phaze_message_send(struct phaze_peer *peer, const struct keepalive *keepalive,
						const struct endpoint *to, const struct udp_source *from);

/* protocol_ops.message */
void phaze_message_take(struct lane *lane, const struct incoming *incoming,
						const struct udp_received *origin, const uint8_t *data, size_t size);
