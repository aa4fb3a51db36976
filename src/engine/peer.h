#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/deadline.h"
#include "base/list.h"
#include "engine/fair_share.h"
#include "transport/udp/udp.h"

/*
 * What every protocol's peer has in common. A protocol embeds struct peer as the first member of
 * its own. One shard owns a peer: it alone touches everything here but the published part, which
 * any thread may read.
 */

struct protocol_ops;
struct lane;
struct path_stream;
struct peer;

enum {
	PEER_PATHS_MAX = 1, /* later: relays, onion circuits, scattering */
};

/* One way to reach a peer. */
struct path_ops {
	const char *name;
	/*
	 * Bytes that slots keep free before and behind what the protocol sealed, for layers around it
	 * (onion circuits, scattering) that seal in place.
	 */
	uint16_t front, tail;
	/*
	 * Queues size bytes in segments of segment_size behind what waits in the shard's outgoing
	 * batch; data stays where it is until the batch is flushed. ERR_NOT_FOUND without endpoint.
	 */
	enum err (*send)(struct peer *peer, uint8_t path, const uint8_t *data, uint32_t size,
					 uint16_t segment_size, enum udp_way way);
};

struct path {
	const struct path_ops *ops;
	struct endpoint to; /* ADDRESS_NONE: not known yet */
	struct udp_source from;
	struct path_stream *stream; /* with path_stream_ops, otherwise NULL */
};

/*
 * Written by the owner, read by any thread. The endpoint is guarded by a sequence counter, odd
 * while it is being written; its words are atomics so that no reader ever sees a torn one
 * unnoticed.
 */
struct peer_published {
	_Atomic uint64_t sent_bytes, received_bytes;
	_Atomic uint64_t last_handshake; /* wall clock, ns since the epoch; 0: none yet */
	_Atomic uint32_t limit;          /* as in struct peer */
	_Atomic uint32_t endpoint_sequence;
	_Atomic uint64_t endpoint_words[3];
};

struct peer {
	const struct protocol_ops *protocol;
	uint16_t owner; /* number of the shard */
	uint8_t path_count;
	uint32_t limit;         /* bytes of a packet that the path carries whole; 0: no limit known */
	uint64_t answers_until; /* ns, see path_limit.c */
	struct lane *lane;      /* the owner's; NULL until it is attached */
	struct path paths[PEER_PATHS_MAX];
	struct list shard_link; /* the owner's list of peers */
	struct list staged;     /* see staging.h */
	uint32_t staged_count;
	struct fair_share_use share; /* of what its shard can open */
	struct deadline deadline;    /* the earliest of the protocol's timers, in the owner's heap */
	struct peer_published published;
};

void peer_init(struct peer *peer, const struct protocol_ops *protocol, uint16_t owner);

/* Sets where to send and publishes it; from may be NULL to leave the source to the kernel. */
void peer_set_endpoint(struct peer *peer, const struct endpoint *to, const struct udp_source *from);

/* What its path carries, 0: no limit known; published. */
void peer_set_limit(struct peer *peer, uint32_t limit);

/* From any thread: false while no endpoint is known. out_sequence changes with every change. */
bool peer_read_endpoint(const struct peer *peer, struct endpoint *out_endpoint,
						uint32_t *out_sequence);

static inline void peer_count_sent(struct peer *peer, uint64_t bytes) {
	/* One writer: a plain load and store, no locked instruction. */
	uint64_t sum = atomic_load_explicit(&peer->published.sent_bytes, memory_order_relaxed) + bytes;
	atomic_store_explicit(&peer->published.sent_bytes, sum, memory_order_relaxed);
}

static inline void peer_count_received(struct peer *peer, uint64_t bytes) {
	uint64_t sum =
		atomic_load_explicit(&peer->published.received_bytes, memory_order_relaxed) + bytes;
	atomic_store_explicit(&peer->published.received_bytes, sum, memory_order_relaxed);
}
