#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "crypto/aead.h"
#include "session/replay.h"

/*
 * One pair of traffic keys and all that lives and dies with it. Embedded in its owner, used by one
 * thread; which session is current, and when it is renewed, is the owner's business.
 */
struct session {
	struct aead_key send, receive;
	struct replay replay;               /* of counters received */
	uint64_t send_counter;              /* of the next packet */
	uint32_t local_index, remote_index; /* how packets to us and to the other end name this */
	uint64_t born;                      /* ns, when the handshake ended */
	bool initiator;                     /* this end started the handshake */
};

/*
 * Expands both keys and starts all counters. session need not be initialised, and must not hold
 * live keys; on failure (of aead_key_init()) it is zeroed, so that session_done() is harmless.
 */
enum err session_init(struct session *session, const struct aead_backend *backend,
					  enum aead_algorithm algorithm, const uint8_t send[static AEAD_KEY_SIZE],
					  const uint8_t receive[static AEAD_KEY_SIZE], uint32_t local_index,
					  uint32_t remote_index, bool initiator, uint64_t now);

/* Wipes everything; NULL, a zeroed session and a second call are fine. */
void session_done(struct session *session);

/* Nanoseconds since the handshake; 0 when now is before it. */
uint64_t session_age(const struct session *session, uint64_t now);
