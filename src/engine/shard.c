#include "engine/shard.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/handshake_queue.h"
#include "engine/peer.h"
#include "engine/shard_in.h"
#include "engine/shard_out.h"
#include "engine/stream_link.h"

/* Rings between shards hold every buffer of a pool, so that a way home is never full. */
static_assert((TUN_BUFFERS & (TUN_BUFFERS - 1)) == 0, "rings have a power of two of places");

static enum err init_rings(struct shard *shard, uint16_t shards) {
	enum err error = ERR_OK;
	for (uint16_t i = 0; i < shards && error == ERR_OK; i++) {
		if (i == shard->number)
			continue;
		error = ring_new(TUN_BUFFERS, &shard->handoffs[i]);
		if (error == ERR_OK)
			error = ring_new(TUN_BUFFERS, &shard->returns[i]);
	}
	return error;
}

enum err shard_init(struct shard *shard, struct engine *engine, uint16_t number) {
	const struct engine_options *options = engine_get_options(engine);
	memset(shard, 0, sizeof *shard);
	shard->engine = engine;
	shard->number = number;
	shard->clock = options->clock;
	shard->random = options->random;
	shard->backend = options->backend;
	inbox_init(&shard->inbox);
	list_init(&shard->lanes);
	list_init(&shard->listeners);
	list_init(&shard->readable);
	fair_share_init(&shard->share);
	deadline_heap_init(&shard->deadlines);
	shard->now = shard->clock->now(shard->clock->context);
	enum err error = aead_worker_new(shard->backend, &shard->worker);
	if (error == ERR_OK)
		error = loop_new(&shard->loop);
	if (error == ERR_OK)
		error = udp_buffers_new(&shard->udp_buffers);
	if (error == ERR_OK)
		error = index_table_new(shard->random, number, &shard->indices);
	if (error == ERR_OK)
		error = tun_pool_init(&shard->pool);
	if (error == ERR_OK)
		error = shard_in_new(&shard->in);
	shard->stream_buffer = malloc(STREAM_LINK_BUFFER); /* touched where there is a connection */
	if (error == ERR_OK && !shard->stream_buffer)
		error = ERR_NO_MEMORY;
	if (error == ERR_OK)
		error = init_rings(shard, options->shards);
	return error;
}

static struct lane *lane_of(struct list *shard_link) {
	return list_item(shard_link, struct lane, shard_link);
}

static struct listener *listener_of(struct list *shard_link) {
	return list_item(shard_link, struct listener, shard_link);
}

static void release_deferred(struct shard *shard) {
	while (shard->deferred) {
		struct shard_deferred *deferred = shard->deferred;
		shard->deferred = deferred->next;
		deferred->release(deferred);
	}
}

void shard_run_commands(struct shard *shard) {
	struct inbox_item *item = inbox_take_all(&shard->inbox);
	while (item) {
		struct inbox_item *next = item->next;
		struct command *command = (struct command *)item;
		command->run(shard, command);
		item = next;
	}
}

void shard_done(struct shard *shard) {
	if (!shard->engine)
		return;
	release_deferred(shard);
	shard_in_free(shard->in);
	free(shard->stream_buffer);
	tun_pool_done(&shard->pool);
	index_table_free(shard->indices);
	udp_buffers_free(shard->udp_buffers);
	loop_free(shard->loop);
	aead_worker_free(shard->worker);
	deadline_heap_done(&shard->deadlines);
	for (size_t i = 0; i < INTERFACE_SHARDS_MAX; i++) {
		ring_free(shard->handoffs[i]);
		ring_free(shard->returns[i]);
	}
	shard->engine = NULL;
}

void shard_defer(struct shard *shard, struct shard_deferred *deferred) {
	deferred->next = shard->deferred;
	shard->deferred = deferred;
}

/* Until the queue is empty or its part of the time is used. */
static void run_handshakes_of(struct lane *lane, uint64_t budget) {
	const struct engine_clock *clock = lane->shard->clock;
	uint64_t end = clock->now(clock->context) + budget;
	const struct handshake_datagram *datagram;
	while ((datagram = handshake_queue_pop(lane->handshakes))) {
		lane->protocol->handshake(lane, datagram);
		if (clock->now(clock->context) >= end)
			return;
	}
}

/* True while there are more. Who is flooded takes nobody else's time, nor place in a queue. */
static bool run_handshakes(struct shard *shard) {
	uint64_t waiting = 0;
	bool left = false;
	list_for_each (link, &shard->lanes)
		waiting += !handshake_queue_is_empty(lane_of(link)->handshakes);
	if (waiting == 0)
		return false;
	list_for_each (link, &shard->lanes) {
		struct lane *lane = lane_of(link);
		if (handshake_queue_is_empty(lane->handshakes))
			continue;
		run_handshakes_of(lane, SHARD_HANDSHAKE_BUDGET / waiting);
		left |= !handshake_queue_is_empty(lane->handshakes);
	}
	return left;
}

static void run_deadlines(struct shard *shard) {
	struct deadline *item;
	while ((item = deadline_pop_expired(&shard->deadlines, shard->now))) {
		struct peer *peer = deadline_owner(item, struct peer, deadline);
		peer->protocol->expired(peer->lane, peer);
	}
}

/* Wakes the shards that were handed packets, or wait for buffers of theirs, once a turn. */
static void wake_others(struct shard *shard) {
	for (uint16_t i = 0; i < engine_shards(shard->engine); i++) {
		struct shard *other = engine_shard(shard->engine, i);
		/* An exchange, as what was returned must be visible before the flag is read. */
		bool starved = i != shard->number &&
					   atomic_exchange_explicit(&other->starved, false, memory_order_seq_cst);
		if (shard->woken[i] || starved)
			loop_wake(other->loop);
		shard->woken[i] = false;
	}
}

/*
 * Commands, then the snapshots that were out before: those that a snapshot relies on (its sockets)
 * were posted before it. Where a command took up a newer one, that stays.
 */
static void refresh(struct shard *shard) {
	list_for_each (link, &shard->lanes) {
		struct lane *lane = lane_of(link);
		lane->before = lane->snapshot;
		lane->latest = lane_latest(lane);
	}
	shard_run_commands(shard);
	list_for_each (link, &shard->lanes) {
		struct lane *lane = lane_of(link);
		if (lane->snapshot == lane->before)
			lane_adopt(lane, lane->latest);
	}
}

static void add_traffic(const struct udp_counters *counters, struct fair_share_traffic *sum) {
	sum->dropped += atomic_load_explicit(&counters->kernel_drops, memory_order_relaxed);
	sum->datagrams += atomic_load_explicit(&counters->received_datagrams, memory_order_relaxed);
	sum->bytes += atomic_load_explicit(&counters->received_bytes, memory_order_relaxed);
}

void shard_count_traffic(const struct listener *listener, struct fair_share_traffic *sum) {
	add_traffic(&listener->v4_counters, sum);
	add_traffic(&listener->v6_counters, sum);
}

static void share_fairly(struct shard *shard) {
	struct fair_share_traffic sum = shard->left;
	list_for_each (link, &shard->listeners)
		shard_count_traffic(listener_of(link), &sum);
	fair_share_turn(&shard->share, shard->now, &sum);
}

void shard_turn(struct shard *shard) {
	uint64_t epoch = engine_epoch(shard->engine);
	shard->now = shard->clock->now(shard->clock->context);
	shard->busy = false;
	counter_add(&shard->turns, 1);
	refresh(shard);
	share_fairly(shard);
	list_for_each (link, &shard->listeners)
		shard->busy |= shard_in_receive(shard, listener_of(link));
	if (!shard->busy)
		fair_share_emptied(&shard->share);
	shard->busy |= stream_link_receive_all(shard);
	shard_out_take_handoffs(shard);
	list_for_each (link, &shard->lanes)
		shard->busy |= shard_out_transmit(shard, lane_of(link));
	shard->busy |= run_handshakes(shard);
	run_deadlines(shard);
	list_for_each (link, &shard->listeners)
		outbox_flush(&listener_of(link)->outbox);
	release_deferred(shard);
	wake_others(shard);
	/* Nothing of an older snapshot or a removed peer is held from here on. */
	atomic_store_explicit(&shard->seen_epoch, epoch, memory_order_release);
}

uint64_t shard_next(const struct shard *shard) {
	return shard->busy ? 0 : deadline_next(&shard->deadlines);
}

void shard_run(struct shard *shard) {
	while (!atomic_load_explicit(&shard->stopping, memory_order_relaxed)) {
		shard_turn(shard);
		uint64_t now = shard->clock->now(shard->clock->context);
		(void)loop_wait(shard->loop, now, shard_next(shard));
	}
}
