#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "crypto/aead.h"
#include "handshake/phaze_keys.h"
#include "proto/phaze_news.h"
#include "proto/phaze_peer.h"

/*
 * What the control thread tells shards. What is posted to one shard is done in its order; between
 * shards there is none.
 */

struct engine;
struct interface;
struct stream_link;

/* Which parts of a change count. They are done in this order. */
enum phaze_change {
	PHAZE_CHANGE_ATTACH = 1, /* the shard has not seen this peer before */
	PHAZE_CHANGE_TICKET = 2, /* the member's only one: what waits to use another one ends */
	PHAZE_CHANGE_RATE = 4,
	PHAZE_CHANGE_QUOTA = 8,
	PHAZE_CHANGE_END = 16,    /* all sessions, with a CLOSE, and any ticket */
	PHAZE_CHANGE_DETACH = 32, /* likewise, with CLOSE 2 */
};

struct phaze_peer_change {
	struct phaze_peer *peer;
	struct interface *interface;
	unsigned changes;          /* of enum phaze_change */
	uint8_t ticket[HASH_SIZE]; /* SHA-256 of its id; zeros: none */
	uint64_t rate;             /* bytes a second, in each direction; 0: no limit */
	/*
	 * The sum of peer.published's bytes, both ways, at which sessions end with CLOSE 4: so whoever
	 * says what is left adds it to the sum that it knew of. PHAZE_NO_QUOTA: none.
	 */
	uint64_t quota_end;
	enum phaze_close_code end;
};

#define PHAZE_NO_QUOTA UINT64_MAX

/* Posts a copy to the owner. ERR_NO_MEMORY. */
enum err phaze_command_change(struct engine *engine, const struct phaze_peer_change *change);

/* A session that a handshake led to; to be posted before the packet that tells the other end. */
struct phaze_new_session {
	struct phaze_peer *peer;
	struct interface *interface;
	uint64_t number; /* that news have of it; never 0, of no session of the device before */
	/*
	 * By a ticket. Server: opens packets only, until the first one did, and is dropped unless used
	 * is the member's ticket. Otherwise it is current at once.
	 */
	bool resumed;
	enum aead_algorithm algorithm;
	/* Each receives by its own; ours from phaze_ids_draw(): a
	 * server's of whichever shard, a client's of the peer's owner. */
	uint32_t client_id, server_id;
	struct phaze_traffic_keys keys;            /* of generation 0 */
	uint8_t used[HASH_SIZE], fresh[HASH_SIZE]; /* as in struct phaze_news_session */
	/* In force: a client's own, or what the server told where that is less. */
	uint32_t rekey_seconds, rekey_packets; /* never 0 */
	uint16_t keepalive;                    /* s; never 0 */
	struct endpoint to;                    /* where the handshake was answered */
	struct udp_source from;                /* ADDRESS_NONE: the kernel chooses */
	struct stream_link *link; /* its connection, taken over also on failure; NULL: datagrams */
};

/*
 * To the peer's owner. ERR_NO_MEMORY; otherwise PHAZE_NEWS_ENDED says when it is over, and also
 * whether it never began. Copies the keys, and wipes the copy.
 */
enum err phaze_command_session(struct engine *engine, const struct phaze_new_session *offer);

/*
 * Sends a packet of a handshake through the sockets that the interface has on that shard; not while
 * it is down. ERR_NO_MEMORY.
 */
enum err phaze_command_send(struct engine *engine, struct interface *interface,
							const struct phaze_way *way, const uint8_t *data, size_t size);

/*
 * All sessions end with a CLOSE of that code: to be posted before the sockets are closed. A
 * snapshot, down or up again, must follow, or the interface is freed. ERR_NO_MEMORY: some may be
 * found dead instead.
 */
enum err phaze_command_farewell(struct engine *engine, struct interface *interface,
								enum phaze_close_code code);

/*
 * The host's network changed, or the machine slept: a client says at once where it is. Told to all
 * shards; ERR_NO_MEMORY: some may not have been told.
 */
enum err phaze_command_network(struct engine *engine, struct interface *interface);
