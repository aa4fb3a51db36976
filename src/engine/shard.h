#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/deadline.h"
#include "base/error.h"
#include "base/random.h"
#include "crypto/aead.h"
#include "engine/engine.h"
#include "engine/fair_share.h"
#include "engine/inbox.h"
#include "engine/index_table.h"
#include "engine/interface.h"
#include "engine/listener.h"
#include "engine/ring.h"
#include "engine/tun_buffer.h"
#include "loop/loop.h"

/*
 * A data shard: one thread that runs both ways of its sessions to completion. In turns: commands,
 * datagrams in, packets out, handshakes, deadlines, one flush; then it waits.
 */

enum {
	SHARD_TURN_BYTES = 128 * 1024, /* a budget each way: what keeps latency low under load */
	SHARD_FORWARDED_MAX = 256,     /* of struct shard's forwarded: strangers can cause them */
	SHARD_HOPS_MAX = 2,            /* of one: to the shard that it names, and on to the owner */
};

/* How long a shard's thread wants to run at a time where others want its processor, ns. */
#define SHARD_SLICE (UINT64_C(500) * 1000)

/* Time that queued handshakes may take of a turn before data goes on. */
#define SHARD_HANDSHAKE_BUDGET (UINT64_C(500) * 1000)

/* Something that jobs or datagrams of this turn may still name; released at the turn's end. */
struct shard_deferred {
	struct shard_deferred *next;
	void (*release)(struct shard_deferred *deferred);
};

struct shard {
	struct engine *engine;
	uint16_t number;
	uint64_t now; /* ns, read once a turn */
	const struct engine_clock *clock;
	const struct random_source *random;
	const struct aead_backend *backend;
	struct aead_worker *worker;
	struct loop *loop;
	struct udp_buffers *udp_buffers;
	struct index_table *indices;
	struct deadline_heap deadlines;
	size_t peer_count;
	struct tun_pool pool;
	struct ring *handoffs[INTERFACE_SHARDS_MAX]; /* from each shard: packets for our peers */
	struct ring *returns[INTERFACE_SHARDS_MAX];  /* from each shard: our buffers, read by it */
	struct list lanes;                           /* through lane->shard_link */
	struct list listeners;  /* those that have lanes, through listener->shard_link */
	struct list readable;   /* connections: see stream_link.h */
	uint8_t *stream_buffer; /* where they are read to */
	uint64_t staged_bytes;
	struct shard_deferred *deferred;
	bool busy;                        /* the last turn left work behind */
	bool paused;                      /* no buffer is left to read packets into */
	bool woken[INTERFACE_SHARDS_MAX]; /* shards that got packets from us this turn */
	struct shard_in *in;              /* scratch of the way in */
	struct fair_share share;          /* when more comes in than can be opened */
	struct fair_share_traffic left;   /* of listeners that there are no more */
	struct inbox inbox;
	uint8_t hops;               /* of the datagram that is being taken; 0: it was received here */
	_Atomic uint32_t forwarded; /* datagrams that other shards received and that wait in inbox */
	_Atomic bool starved;       /* whoever returns buffers of ours takes it down and wakes us */
	_Atomic uint64_t seen_epoch;
	_Atomic uint64_t turns; /* counted for engine/figures.h */
	_Atomic bool stopping;
};

enum err shard_init(struct shard *shard, struct engine *engine, uint16_t number);
void shard_done(struct shard *shard);

/* Runs the commands that are waiting. */
void shard_run_commands(struct shard *shard);

/* One turn, without waiting. */
void shard_turn(struct shard *shard);

/* When the next turn is due at the latest: 0 when work is left, CLOCK_NEVER when none is. */
uint64_t shard_next(const struct shard *shard);

/* Turns and waits until the engine stops it: the thread's main function. */
void shard_run(struct shard *shard);

/* Adds what came through the listener so far. */
void shard_count_traffic(const struct listener *listener, struct fair_share_traffic *sum);

void shard_defer(struct shard *shard, struct shard_deferred *deferred);
