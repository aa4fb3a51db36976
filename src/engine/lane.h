#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/error.h"
#include "base/list.h"
#include "engine/coalesce.h"
#include "engine/handshake_queue.h"
#include "engine/protocol.h"
#include "engine/snapshot.h"
#include "engine/tun_queue.h"
#include "loop/loop.h"

/*
 * One interface's share of one shard: a TUN queue, the snapshot in use, and the peers that this
 * shard owns. Only the shard's thread touches it.
 */

struct listener;

/* Counted by the shard, read by any thread: see base/counter.h and engine/figures.h. */
struct lane_counters {
	/* Calls that moved something. Packets read count at the shard that sends them. */
	_Atomic uint64_t tun_read_packets, tun_read_calls;
	_Atomic uint64_t tun_written_packets, tun_written_calls;
	_Atomic uint64_t tun_errors; /* packets that could not be written */
	_Atomic uint64_t opened_batches, opened_packets;
	_Atomic uint64_t no_route;        /* packets whose destination is nobody's */
	_Atomic uint64_t malformed;       /* packets from either side that do not parse */
	_Atomic uint64_t wrong_source;    /* inner source that is not the sender's */
	_Atomic uint64_t denied;          /* packets that a rule does not let pass */
	_Atomic uint64_t control_dropped; /* control frames that are not understood */
	_Atomic uint64_t replayed, forged;
	_Atomic uint64_t over_share; /* datagrams of who sent too much: see fair_share.h */
	_Atomic uint64_t staged_dropped, handoff_dropped;
	_Atomic uint64_t handshakes, handshakes_dropped; /* that found a place in the queue, or none */
	_Atomic uint64_t peers;                          /* attached now */
	_Atomic uint64_t streams;                        /* connections of peers now */
	_Atomic uint64_t stream_dropped;                 /* packets that these had no room for */
};

static inline void lane_count(_Atomic uint64_t *counter, uint64_t amount) {
	counter_add(counter, amount);
}

struct lane {
	struct interface *interface;
	struct shard *shard;
	struct list shard_link; /* the shard's lanes */
	struct listener *listener;
	const struct protocol_ops *protocol;
	void *protocol_state;
	struct tun_queue tun;
	struct loop_source tun_source;
	bool tun_ready, tun_waiting; /* readable; known to the loop */
	struct coalescer *coalescer;
	const struct snapshot *snapshot;
	const struct snapshot *before, *latest; /* at the turn's beginning: see shard.c */
	uint32_t mtu;
	struct list peers; /* through peer->shard_link */
	struct handshake_queue *handshakes;
	struct lane_counters counters;
};

/* On the shard: takes the queue over, also on failure, and is one of its lanes from now on. */
enum err lane_init(struct lane *lane, struct interface *interface, struct shard *shard,
				   struct listener *listener, struct tun_queue tun,
				   const struct coalesce_options *options);
/*
 * On the shard, half-built or whole: detaches all peers; their memory is their owner's, once the
 * shards have passed a turn (other shards' packets may name them, sessions be about to be wiped).
 */
void lane_done(struct lane *lane);

/* Another address, from now on. */
void lane_move(struct lane *lane, struct listener *to);

/* The interface's current snapshot. */
const struct snapshot *lane_latest(const struct lane *lane);
/* Takes up a snapshot of the interface and its current MTU. */
void lane_adopt(struct lane *lane, const struct snapshot *snapshot);
/* Both at once. */
void lane_refresh(struct lane *lane);

/* Initiators must prove that they receive where they send from. */
bool lane_under_load(const struct lane *lane);

/* Stops and starts waiting for packets of the TUN queue. */
void lane_pause(struct lane *lane);
void lane_resume(struct lane *lane);

/* Makes a peer this shard's: the list and room for its deadline. */
enum err lane_attach(struct lane *lane, struct peer *peer);
/* Forgets a peer: its staged packets and deadline. The memory is its owner's. */
void lane_detach(struct lane *lane, struct peer *peer);

/* Lets the peer's protocol run at the given time; later calls replace it. CLOCK_NEVER cancels. */
void lane_set_deadline(struct lane *lane, struct peer *peer, uint64_t at);
