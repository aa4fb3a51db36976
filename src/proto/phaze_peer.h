#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/nonce_pool.h"
#include "engine/lane.h"
#include "engine/peer.h"
#include "engine/shard.h"
#include "handshake/phaze_rekey.h"
#include "proto/destination.h"
#include "proto/device_news.h"
#include "proto/phaze_config.h"
#include "proto/phaze_limits.h"
#include "proto/phaze_news.h"
#include "session/liveness.h"
#include "session/migration.h"
#include "session/session.h"
#include "session/token_bucket.h"
#include "wire/phaze_packet.h"

/*
 * A peer of Phaze on the shard that owns it: a member of a server's users, or a client's server.
 * Handshakes are the control thread's; it brings sessions by phaze_command.h and hears of them by
 * phaze_news.h. Files: phaze_peer (life), phaze_session (keys of a session, and their ids),
 * phaze_renewal (REKEY), phaze_message (KEEPALIVE, CLOSE), phaze_paths (where the other end is),
 * phaze_timers, phaze_protocol (the packet path).
 *
 *   resumed, server: pending --first packet that opens--.
 *   otherwise: --------------------------------------> current --> ended
 *                        \                              /           /
 *   server, over before anything opened in it: --> parting --------'
 *
 * The control thread embeds it as the first member of what it keeps of the peer.
 */

struct phaze_ids;
struct phaze_peer;
struct stream_link;
struct phaze_session;

/* One generation of a session's keys. */
struct phaze_key {
	struct session session; /* first */
	struct shard_deferred deferred;
	struct phaze_session *owner; /* as long as this is on the table of ids */
	uint32_t generation;
};

enum phaze_stage {
	PHAZE_PENDING, /* opens packets, seals none */
	PHAZE_CURRENT,
	/* Server: over, but its client may have got the keys after the CLOSE. Whenever he says
	 * something he is told again; nothing else comes of that. */
	PHAZE_PARTING,
	PHAZE_ENDED, /* to be released at the turn's end */
};

struct phaze_session {
	struct shard_deferred deferred; /* first */
	struct phaze_peer *peer;
	enum phaze_stage stage;
	bool heard; /* a packet opened under it */
	bool moved; /* its first key is found by way of another shard: to be renewed at once */
	enum aead_algorithm algorithm;
	uint16_t keepalive; /* s */
	struct phaze_rekey rekey;
	struct phaze_rekey_limits limits;
	struct phaze_key *newest;
	struct phaze_key *old;    /* NULL: there is none any more */
	struct stream_link *link; /* its connection; NULL: it has none, or none any more */
	struct endpoint to;       /* where its handshake was answered */
	struct udp_source from;
	uint64_t arrived;           /* ns; when it began to part */
	enum phaze_close_code code; /* of one that parts */
	uint64_t number;
	uint8_t used[HASH_SIZE], fresh[HASH_SIZE];
	uint32_t reserved; /* a session id for the next key; 0: none yet */
	/* The box's once they are told. */
	struct phaze_news_session *current_news, *heard_news, *ended_news;
};

enum phaze_timer {
	PHAZE_TIMER_LIVENESS, /* a keepalive is due, or the other end is dead */
	PHAZE_TIMER_AGE,      /* the newest key is renewed, or the session ends */
	PHAZE_TIMER_REKEY,    /* an init is repeated, or the old key ends */
	PHAZE_TIMER_GREETING, /* client: says that it is there until it hears; server: asks for keys */
	PHAZE_TIMER_PENDING,  /* server: the oldest pending session ends */
	PHAZE_TIMER_PATHS,    /* server: addresses are tried out */
	PHAZE_TIMER_RATE,     /* what waits may be sent */
	PHAZE_TIMER_CHANGED,  /* client: the server is asked whether the connection is of use */
	PHAZE_TIMER_PROOF,    /* client: it should have answered that */
	PHAZE_TIMER_STAGED,   /* client: what waits for a session is too old */
	PHAZE_TIMERS,
};

struct phaze_peer {
	struct peer peer;            /* first */
	uint8_t identity[HASH_SIZE]; /* never changes: any thread may read it */
	struct phaze_newsbox *box;   /* likewise */
	struct device_news news;     /* from the owner shard to the control thread */
	_Atomic bool connected;      /* there is a current session; any thread may read it */

	/* All below belongs to the owner shard. */
	struct phaze_session *current;                    /* NULL: there is none */
	struct phaze_session *pending[PHAZE_PENDING_MAX]; /* server, or parting: oldest first */
	size_t pending_count;
	bool is_client;                /* this end is; as long as it runs */
	bool running;                  /* the interface is up and the peer attached */
	uint8_t ticket[HASH_SIZE];     /* SHA-256 of the id of the member's only one; zeros: none */
	unsigned greetings;            /* that were sent for the current session */
	uint64_t timers[PHAZE_TIMERS]; /* CLOCK_NEVER: not running */
	struct liveness liveness;
	uint64_t asked_at;              /* ns: see PHAZE_TIMER_CHANGED */
	struct migration migration;     /* server: where the client is */
	struct udp_source migration_to; /* which of our addresses it spoke to from elsewhere */
	struct token_bucket incoming, outgoing;
	uint64_t framed, charged; /* bytes of packets that were made, and that outgoing knows of */
	uint64_t quota_end;
	uint64_t last_unreachable; /* ns, when that was told; 0: never */
};

static inline struct phaze_peer *phaze_peer_of(struct peer *peer) {
	return (struct phaze_peer *)peer;
}

/* The lane's part of the protocol. */
struct phaze_lane {
	struct phaze_ids *ids;
	struct nonce_pool nonces;
	struct destination destination; /* of the packet that was asked about last */
	bool parted;                    /* farewells were said: the next snapshot says how to go on */
};

static inline const struct phaze_config *phaze_lane_config(const struct lane *lane) {
	return lane->snapshot->protocol_config;
}

static inline struct phaze_lane *phaze_lane_of(const struct lane *lane) {
	return lane->protocol_state;
}

/*
 * Control thread: a peer that no shard knows yet. The box outlives it. news.box and, from an
 * earlier run, published.last_handshake and the endpoint may be set before it is attached.
 */
void phaze_peer_init(struct phaze_peer *peer, const uint8_t identity[static HASH_SIZE],
					 uint16_t owner, struct phaze_newsbox *box);
/* Control thread: the peer must have been detached, and all shards have passed a turn. Wipes it. */
void phaze_peer_done(struct phaze_peer *peer);

/* All below is for the owner shard. The interface is up. */
void phaze_peer_start(struct phaze_peer *peer);
/* Ends all sessions, with a CLOSE of that code. */
void phaze_peer_stop(struct phaze_peer *peer, enum phaze_close_code code);
/* Wipes all sessions without a word. */
void phaze_peer_wipe(struct phaze_peer *peer);

/* Whether the peer could take a session that has not begun. */
bool phaze_peer_has_place(const struct phaze_peer *peer, const struct phaze_session *session,
						  bool resumed);
/* A session that just began, and has a place: current at once, or pending. */
void phaze_peer_take(struct phaze_peer *peer, struct phaze_session *session, bool resumed);
/*
 * Something authentic came under the key: a pending session becomes the current one. False for a
 * session that has ended meanwhile. To be called before anything is made of the packet.
 */
bool phaze_peer_heard(struct phaze_peer *peer, struct phaze_key *key);

/* The member has another ticket: what waits to use one ends. */
void phaze_peer_set_ticket(struct phaze_peer *peer, const uint8_t ticket[static HASH_SIZE]);

/* Whatever there is of the member ends with that code, and its ticket. */
void phaze_peer_expel(struct phaze_peer *peer, enum phaze_close_code code);
/* The current session ends: with a CLOSE of that code; as the other end said; without a word. */
void phaze_peer_close(struct phaze_peer *peer, enum phaze_close_code code);
void phaze_peer_closed(struct phaze_peer *peer, enum phaze_close_code code);
void phaze_peer_lose(struct phaze_peer *peer);
/* Those that pend or part for longer than they may. */
void phaze_peer_expire_pending(struct phaze_peer *peer);

/* Ends the current session where its peer has used up what it may send and get. */
void phaze_peer_look_at_quota(struct phaze_peer *peer);

/* A session's connection has ended by itself, and with it the session. */
void phaze_peer_link_lost(struct phaze_peer *peer, const struct stream_link *link);

/* There is no way to its endpoint: whoever knows another one is told, once a second at most. */
void phaze_peer_unreachable(struct phaze_peer *peer);
