#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/nonce_pool.h"
#include "engine/lane.h"
#include "engine/peer.h"
#include "engine/shard.h"
#include "handshake/mighty.h"
#include "proto/destination.h"
#include "proto/mighty_config.h"
#include "proto/mighty_news.h"
#include "session/endpoint_choice.h"
#include "session/liveness.h"
#include "session/migration.h"
#include "session/retry_backoff.h"
#include "session/session.h"
#include "session/source_cookie.h"

/*
 * A peer of Mighty on the shard that owns it: one client of a server, or a client's server. Its
 * files: mighty_peer (life, sessions), mighty_exchange (handshake messages), mighty_message
 * (keepalives, pings, farewells), mighty_timers, mighty_protocol (the packet path).
 *
 *   client: attempt --ServerHello--> current
 *   server: half-open --Finalize, or a packet that opens--> current
 *   both:   current --replaced--> previous --10 s after a packet under the new one--> gone
 */

struct mighty_ids;
struct mighty_peer;
struct mighty_session;

enum { MIGHTY_HALF_OPEN_MAX = 3 };

/* What a session id stands for: a session, or a hello of ours that waits for its answer. */
struct mighty_binding {
	struct mighty_peer *peer;
	struct mighty_session *session; /* NULL while waiting */
};

enum mighty_stage {
	MIGHTY_HALF_OPEN, /* server: opens packets, seals none */
	MIGHTY_CURRENT,
	MIGHTY_PREVIOUS, /* opens packets only */
	MIGHTY_ENDED,    /* to be released at the turn's end */
};

struct mighty_session {
	struct session session; /* first */
	struct shard_deferred deferred;
	struct mighty_binding binding;
	enum mighty_stage stage;
	bool proven;            /* a packet opened under it */
	uint32_t rekey_packets; /* of either direction, until it is renewed; it ends at twice as many */
	uint64_t rekey_after;   /* ns of its age, likewise; it ends MIGHTY_REJECT_GRACE later */
	struct mighty_confirmation confirmation;
	/* Server: whose it is, and where its ServerHello went. */
	uint8_t instance[MIGHTY_INSTANCE_SIZE];
	struct endpoint from;
	struct udp_source to;
	uint64_t began;    /* ns: confirmed */
	uint64_t answered; /* ns: when a Finalize was, the last time; 0: never */
};

enum mighty_timer {
	MIGHTY_TIMER_ATTEMPT,   /* client: the next ClientHello */
	MIGHTY_TIMER_FINALIZE,  /* client: the next repetition of Finalize */
	MIGHTY_TIMER_HALF_OPEN, /* server: the oldest half-open session ends */
	MIGHTY_TIMER_LIVENESS,  /* a keepalive is due, or the other end is dead */
	MIGHTY_TIMER_RETIRE,    /* the previous session ends */
	MIGHTY_TIMER_AGE,       /* the current session is renewed, or ends */
	MIGHTY_TIMER_PATHS,     /* endpoints and addresses are tried out */
	MIGHTY_TIMERS,
};

struct mighty_peer {
	struct peer peer;                   /* first */
	struct mighty_psk psk;              /* never changes: any thread may read it */
	struct mighty_peer_control control; /* the control thread's own part */
	struct mighty_news news;            /* from the owner shard to the control thread */

	/* All below belongs to the owner shard. */
	struct mighty_session *current, *previous;
	struct mighty_session *half_open[MIGHTY_HALF_OPEN_MAX]; /* server: oldest first */
	size_t half_open_count;
	struct mighty_client *client; /* client: its hellos that wait for an answer; NULL: server */
	struct mighty_binding attempt_binding;
	unsigned attempts;              /* hellos since the last answer; 0: no handshake is under way */
	uint64_t last_attempt;          /* ns, when the last one left; 0: never */
	uint64_t claimed;               /* ms, that it said at the latest */
	unsigned finalizes;             /* that were sent for the current session */
	uint16_t keepalive;             /* s, that the server told; 0: as configured */
	uint64_t timers[MIGHTY_TIMERS]; /* CLOCK_NEVER: not running */
	struct liveness liveness;
	struct retry_backoff backoff;   /* client: of hellos */
	struct migration migration;     /* server: where the client is */
	struct udp_source migration_to; /* which of our addresses it spoke to from elsewhere */
	struct endpoint_choice *choice; /* client: of its server's endpoints; NULL: there are none */
	size_t address_count;
	struct prefix addresses[INTERFACE_SETTINGS_ADDRESSES_MAX];
	const struct packet_policy *policy;
	uint64_t last_unreachable; /* ns, when that was told; 0: never */
	bool running;              /* the interface is up and the peer attached */
};

static inline struct mighty_peer *mighty_peer_of(struct peer *peer) {
	return (struct mighty_peer *)peer;
}

/* The lane's part of the protocol. */
struct mighty_lane {
	struct mighty_ids *ids;
	struct nonce_pool nonces;
	/* Of a server: what its checks of hellos remember. */
	struct source_cookie cookies;
	struct time_order *order;
	struct seen *seen;
	struct destination destination; /* of the packet that was asked about last */
	bool parted;                    /* farewells were said: the next snapshot says how to go on */
};

static inline const struct mighty_config *mighty_lane_config(const struct lane *lane) {
	return lane->snapshot->protocol_config;
}

static inline struct mighty_lane *mighty_lane_of(const struct lane *lane) {
	return lane->protocol_state;
}

/* Control thread: a peer that no shard knows yet, with a copy of the PSK. */
struct mighty_peer *mighty_peer_new(const struct mighty_psk *psk, uint16_t owner);
/* The peer must have been detached. Wipes it. */
void mighty_peer_free(struct mighty_peer *peer);

/* All below is for the owner shard. The interface is up: a client connects. */
void mighty_peer_start(struct mighty_peer *peer);
/* Says farewell, stops timers and wipes all sessions; or without a word. */
void mighty_peer_stop(struct mighty_peer *peer);
void mighty_peer_wipe(struct mighty_peer *peer);

/*
 * A session from the keys of a handshake, which is over; its id is in use already, and is the
 * session's from now on. rekey_*: when it is to be renewed.
 */
enum err mighty_session_new(struct mighty_peer *peer, const struct mighty_keys *keys,
							const struct mighty_confirmation *confirmation, uint32_t rekey_packets,
							uint32_t rekey_seconds, struct mighty_session **out_session);
/* Off the table of ids now, wiped at the turn's end. NULL is fine. */
void mighty_session_end(struct mighty_session *session);
/* Neither too old nor, for sending count more packets, used up. */
bool mighty_session_may_open(const struct mighty_session *session, uint64_t now);
bool mighty_session_may_seal(const struct mighty_session *session, uint64_t now, uint32_t count);
/* The first sequence that is refused. */
uint64_t mighty_session_end_of_sequences(const struct mighty_session *session);
/* Whether a client is to renew it. */
bool mighty_session_is_used_up(const struct mighty_session *session, uint64_t now);

/* Client: the session of a ServerHello is sent under at once. */
void mighty_peer_adopt(struct mighty_peer *peer, struct mighty_session *session);
/* Server: one more that waits for its Finalize; the oldest makes room. */
void mighty_peer_half_open(struct mighty_peer *peer, struct mighty_session *session);
/*
 * Something authentic came under the session: a half-open one becomes the current one. False for a
 * session that has ended meanwhile.
 */
bool mighty_peer_heard(struct mighty_peer *peer, struct mighty_session *session);
/* Server: a Finalize did, which is no packet yet. */
void mighty_peer_confirm(struct mighty_peer *peer, struct mighty_session *session);

/* All sessions are over: the other end is dead, said farewell, or keys are too old. */
void mighty_peer_lose(struct mighty_peer *peer);
/* Only those that wait for their Finalize longer than they may. */
void mighty_peer_expire_half_open(struct mighty_peer *peer);

/* There is no way to its endpoint: whoever knows another one is told, once a second at most. */
void mighty_peer_unreachable(struct mighty_peer *peer);
