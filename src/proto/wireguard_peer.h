#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "engine/peer.h"
#include "engine/shard.h"
#include "handshake/wireguard.h"
#include "proto/device_news.h"
#include "proto/wireguard_claims.h"
#include "proto/wireguard_config.h"
#include "session/cookie.h"
#include "session/path_probe.h"
#include "session/session.h"

/*
 * A WireGuard peer on the shard that owns it. Its files: wireguard_peer (life, sessions),
 * wireguard_exchange (handshake messages), wireguard_timers, wireguard_data (the packet path).
 *
 *   no session --initiate--> pending --response--> current      (initiator)
 *   no session --initiation--> next --first data--> current     (responder)
 *   current --replaced--> previous --replaced--> gone
 */

struct wireguard_peer;
struct wireguard_session;

/* What a receiver index stands for: a session, or a handshake of ours that waits for its answer. */
struct wireguard_binding {
	struct wireguard_peer *peer;
	struct wireguard_session *session; /* NULL while pending */
};

struct wireguard_session {
	struct session session; /* first */
	struct shard_deferred deferred;
	struct wireguard_binding binding;
};

enum wireguard_timer {
	WIREGUARD_TIMER_RETRANSMIT,
	WIREGUARD_TIMER_KEEPALIVE,
	WIREGUARD_TIMER_NEW_HANDSHAKE,
	WIREGUARD_TIMER_WIPE,
	WIREGUARD_TIMER_PERSISTENT,
	WIREGUARD_TIMER_ANNOUNCE, /* see wireguard_network.h */
	WIREGUARD_TIMER_PROBE,
	WIREGUARD_TIMERS,
};

struct wireguard_peer {
	struct peer peer;                      /* first */
	struct wireguard_peer_control control; /* the control thread's own part */
	struct device_news news;               /* from the owner shard to the control thread */
	struct wireguard_claims claims;        /* likewise */

	/* All below belongs to the owner shard. */
	struct wireguard_remote remote;
	uint64_t prepared; /* generation of the identity that remote was prepared for */
	struct wireguard_pending pending;
	struct wireguard_binding pending_binding;
	struct wireguard_session *current, *previous, *next;
	struct cookie_jar cookies;
	uint8_t last_timestamp[WIREGUARD_TIMESTAMP_SIZE]; /* of the initiator */
	uint64_t last_initiation;                         /* ns, when one was accepted; 0: never */
	uint64_t last_sent;                /* ns, of our last initiation or response; 0: never */
	uint64_t last_wall_sent;           /* the wall clock our last initiation claimed */
	uint64_t timers[WIREGUARD_TIMERS]; /* CLOCK_NEVER: not running */
	uint64_t last_announced;           /* ns; 0: never */
	uint64_t last_unreachable;         /* ns, when that was told; 0: never */
	unsigned attempts;
	uint8_t announced;            /* times since the network changed */
	uint16_t persistent_interval; /* s, 0: off */
	bool running;                 /* the interface is up and the peer attached */
	bool another_keepalive;       /* data came while the keepalive timer ran */
	bool last_minute_sent;
	bool crossed;    /* both ends started at once: previous is the session that we answered */
	bool redirected; /* another endpoint was set since the pending initiation left */
	bool challenged; /* a cookie came for the pending initiation, which had none */
	bool unsent;     /* the pending initiation did not leave this host */
	bool moved;      /* the network changed since the pending initiation left */
	bool dialled;    /* its endpoint was configured */
	bool resuming;   /* waits for its turn to start with a handshake */
	bool is_umbra;   /* the configuration says so */
	struct path_probe probe;
	uint64_t probe_search; /* the first nonce of the search that the mask is for */
	uint64_t probe_mask;   /* random, of the nonces on the wire */
	bool resume;           /* starts with a handshake: there was a session before a restart */
};

static inline struct wireguard_peer *wireguard_peer_of(struct peer *peer) {
	return (struct wireguard_peer *)peer;
}

/* The lane's part of the protocol: the defence against floods. */
struct wireguard_lane {
	struct cookie_checker checker;
	struct rate_limiter *limiter;
};

static inline const struct wireguard_config *wireguard_lane_config(const struct lane *lane) {
	return lane->snapshot->protocol_config;
}

/* Control thread: a peer that no shard knows yet. */
struct wireguard_peer *wireguard_peer_new(const uint8_t public_key[static X25519_KEY_SIZE],
										  uint16_t owner);
/* The peer must have been detached. */
void wireguard_peer_free(struct wireguard_peer *peer);

/* The interface is up: timers may run. Sends a keepalive when a persistent interval is set. */
void wireguard_peer_start(struct wireguard_peer *peer);
/* Stops timers and wipes all sessions. */
void wireguard_peer_stop(struct wireguard_peer *peer);

/* Forgets sessions, the pending handshake and staged packets. */
void wireguard_peer_wipe(struct wireguard_peer *peer);
/* Forgets sessions only. */
void wireguard_peer_wipe_sessions(struct wireguard_peer *peer);
/* Our private key changed: nothing is sent under sessions of before, a new handshake comes. */
void wireguard_peer_expire(struct wireguard_peer *peer);

/* A session from keys; on the heap, in the index table under keys->local_index. */
enum err wireguard_session_new(struct wireguard_peer *peer, const struct wireguard_keys *keys,
							   struct wireguard_session **out_session);
/* Off the index table now, wiped at the turn's end. NULL is fine. */
void wireguard_session_end(struct wireguard_session *session);

/* Puts a new session in its place: the initiator's is current at once, the responder's is next. */
void wireguard_peer_adopt(struct wireguard_peer *peer, struct wireguard_session *session);
/* The first data on next proves that the initiator has it: it becomes current. */
void wireguard_peer_confirm(struct wireguard_peer *peer);

/*
 * Authentic packets came on a session. After handshakes that crossed, the end with the lower public
 * key changes to the other's session, so that one initiator is left to renew it: with two, each
 * renewal would end a session that the other end still sends on.
 */
void wireguard_peer_yield(struct wireguard_peer *peer, const struct session *session);

/* An authentic packet came from there: that is where the peer is. */
void wireguard_peer_roam(struct wireguard_peer *peer, const struct endpoint *from,
						 const struct udp_source *to);

/* There is no way to its endpoint: whoever knows another one is told, once a second at most. */
void wireguard_peer_unreachable(struct wireguard_peer *peer);

/* Forgets the handshake that waits for a response. */
void wireguard_peer_forget_pending(struct wireguard_peer *peer);

/* The source address of before may be gone: the kernel chooses for the next packet. */
void wireguard_peer_clear_source(struct wireguard_peer *peer);
