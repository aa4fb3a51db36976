#include "engine/lane.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "engine/peer.h"
#include "engine/shard.h"
#include "engine/staging.h"

/* Gone for good: nothing will ever be readable again, and waiting would spin. */
static void stop_waiting(struct lane *lane) {
	if (!lane->tun_waiting)
		return;
	loop_remove(lane->shard->loop, lane->tun.ops->descriptor(lane->tun.context));
	lane->tun_waiting = false;
}

static void tun_ready(void *context, uint32_t events) {
	struct lane *lane = context;
	if (events & (EPOLLERR | EPOLLHUP))
		stop_waiting(lane);
	else
		lane->tun_ready = true;
}

static enum err write_packet(void *context, const struct iovec *iovecs, int count) {
	struct lane *lane = context;
	enum err error = lane->tun.ops->write(lane->tun.context, iovecs, count);
	if (error != ERR_OK)
		return error;
	lane_count(&lane->counters.tun_written_calls, 1);
	/* Behind the virtio header an item each: the first packet, the payloads of those joined. */
	lane_count(&lane->counters.tun_written_packets, (uint64_t)count - 1);
	return error;
}

static void lose_packets(void *context, unsigned packets) {
	struct lane *lane = context;
	lane_count(&lane->counters.tun_errors, packets);
}

enum err lane_init(struct lane *lane, struct interface *interface, struct shard *shard,
				   struct listener *listener, struct tun_queue tun,
				   const struct coalesce_options *options) {
	memset(lane, 0, sizeof *lane);
	list_init(&lane->peers);
	list_append(&shard->lanes, &lane->shard_link);
	lane->interface = interface;
	lane->shard = shard;
	lane->listener = listener;
	lane->protocol = interface->protocol;
	lane->tun = tun;
	lane->tun_source = (struct loop_source){.ready = tun_ready, .context = lane};
	const struct coalesce_sink sink = {
		.write = write_packet, .lost = lose_packets, .context = lane};
	listener_add_lane(listener, lane);
	enum err error = coalescer_new(options, &sink, &lane->coalescer);
	if (error == ERR_OK)
		error = handshake_queue_new(&lane->handshakes);
	if (error != ERR_OK)
		return error;
	int descriptor = tun.ops->descriptor(tun.context);
	if (descriptor < 0) {
		lane->tun_ready = true;
	} else {
		error = loop_add(shard->loop, descriptor, EPOLLIN, &lane->tun_source);
		lane->tun_waiting = error == ERR_OK;
	}
	lane->snapshot = lane->before = lane->latest = lane_latest(lane);
	lane->mtu = atomic_load_explicit(&interface->mtu, memory_order_relaxed);
	if (error == ERR_OK)
		error = lane->protocol->lane_init(lane);
	return error;
}

void lane_done(struct lane *lane) {
	if (!lane->shard)
		return;
	lane->protocol->lane_done(lane);
	listener_remove_lane(lane->listener, lane);
	list_for_each (link, &lane->peers)
		lane_detach(lane, list_item(link, struct peer, shard_link));
	stop_waiting(lane);
	handshake_queue_free(lane->handshakes);
	coalescer_free(lane->coalescer);
	tun_queue_done(&lane->tun);
	list_remove(&lane->shard_link);
	lane->shard = NULL;
}

void lane_move(struct lane *lane, struct listener *to) {
	if (lane->listener == to)
		return;
	listener_remove_lane(lane->listener, lane);
	lane->listener = to;
	listener_add_lane(to, lane);
}

bool lane_under_load(const struct lane *lane) {
	return handshake_queue_under_load(lane->handshakes, lane->shard->now);
}

static void wait_for(struct lane *lane, uint32_t events) {
	/* Should it fail, packets are looked for too often or only with other events: no harm. */
	if (lane->tun_waiting &&
		loop_change(lane->shard->loop, lane->tun.ops->descriptor(lane->tun.context), events) !=
			ERR_OK)
		lane->tun_ready = true;
}

void lane_pause(struct lane *lane) {
	wait_for(lane, 0);
}

void lane_resume(struct lane *lane) {
	wait_for(lane, EPOLLIN);
	lane->tun_ready = true;
}

const struct snapshot *lane_latest(const struct lane *lane) {
	return atomic_load_explicit(&lane->interface->snapshot, memory_order_acquire);
}

void lane_adopt(struct lane *lane, const struct snapshot *snapshot) {
	lane->mtu = atomic_load_explicit(&lane->interface->mtu, memory_order_relaxed);
	const struct snapshot *before = lane->snapshot;
	if (snapshot == before)
		return;
	lane->snapshot = snapshot;
	lane->protocol->reconfigured(lane, before);
}

void lane_refresh(struct lane *lane) {
	lane_adopt(lane, lane_latest(lane));
}

enum err lane_attach(struct lane *lane, struct peer *peer) {
	enum err error = deadline_heap_reserve(&lane->shard->deadlines, lane->shard->peer_count + 1);
	if (error != ERR_OK)
		return error;
	lane->shard->peer_count++;
	lane_count(&lane->counters.peers, 1);
	list_append(&lane->peers, &peer->shard_link);
	peer->lane = lane;
	return ERR_OK;
}

void lane_detach(struct lane *lane, struct peer *peer) {
	if (!peer->lane)
		return;
	staging_drop(peer);
	deadline_remove(&lane->shard->deadlines, &peer->deadline);
	list_remove(&peer->shard_link);
	peer->lane = NULL;
	lane->shard->peer_count--;
	lane_count(&lane->counters.peers, (uint64_t)-1);
}

void lane_set_deadline(struct lane *lane, struct peer *peer, uint64_t at) {
	deadline_set(&lane->shard->deadlines, &peer->deadline, at);
}
