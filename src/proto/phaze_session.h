#pragma once

#include "proto/phaze_command.h"
#include "proto/phaze_peer.h"

/*
 * A session and its keys on the owner's shard: two at most, the newest and the one before. Which
 * session is current is phaze_peer's business.
 */

/*
 * Control thread: all that a session needs but its keys. NULL when memory is short, and then its
 * connection is still the caller's.
 */
struct phaze_session *phaze_session_new(const struct phaze_new_session *offer);
/* Control thread: one that no shard took. NULL is fine. */
void phaze_session_free(struct phaze_session *session);

/* All below is for the owner shard, which has attached the peer. The keys of the handshake. */
enum err phaze_session_begin(struct phaze_session *session, const struct phaze_new_session *offer);
/* The keys of a rekey: the newest ones from now on. Those before the last end at once. */
enum err phaze_session_follow(struct phaze_session *session,
							  const struct phaze_generation *generation);
/* The one before the newest ends. */
void phaze_session_forget_old(struct phaze_session *session);
/* An id for the next key, the session's until it is used; 0 where there is none. */
uint32_t phaze_session_reserve(struct phaze_session *session);

/* Tells the control thread that it is current, at last. */
void phaze_session_tell_current(struct phaze_session *session);
/* A client's: that its server was heard in it, where it came of a ticket. */
void phaze_session_tell_heard(struct phaze_session *session);
/* Told to be over now; it still opens what its client says. */
void phaze_session_part(struct phaze_session *session, enum phaze_close_code code);
/* Off the table of ids and told now, unless it parted before; wiped at the turn's end. */
void phaze_session_end(struct phaze_session *session, enum phaze_close_code code, bool by_peer);

/* Whether packets under the key are opened. */
bool phaze_session_opens(const struct phaze_key *key, uint64_t now);
/* What is sealed with, where count more packets may be; NULL: they may not. */
struct phaze_key *phaze_session_sealing(const struct phaze_session *session, uint64_t now,
										uint32_t count);
/* The first sequence that is refused. */
#define PHAZE_SEQUENCES_END (PHAZE_KEY_PACKETS_MAX + 1)

/* Whether the newest key is to be followed by another one. */
bool phaze_session_is_due(const struct phaze_session *session, uint64_t now);
/* When it is, or when it ends the session, as far as time says. */
uint64_t phaze_session_due_at(const struct phaze_session *session);
uint64_t phaze_session_dead_at(const struct phaze_session *session);
