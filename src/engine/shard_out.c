#include "engine/shard_out.h"

#include <string.h>

#include "engine/path_limit.h"
#include "engine/peer.h"
#include "engine/segment.h"
#include "engine/shard.h"
#include "engine/staging.h"
#include "session/session.h"
#include "wire/control_frame.h"
#include "wire/ip.h"

enum { HANDOFF_BATCH = 32 };

/* The size on the wire: padded to the protocol's unit, but never above room (or the packet). */
static uint32_t padded_size(const struct lane *lane, uint32_t room, uint32_t size) {
	uint32_t unit = lane->protocol->padding_unit;
	uint32_t padded = (size + unit - 1) & ~(unit - 1);
	if (padded <= room)
		return padded;
	return size > room ? size : room;
}

/* Header, sealed packet and tag, within what the layers around them need. */
static uint32_t slot_size(const struct lane *lane, const struct peer *peer, uint32_t padded) {
	const struct path_ops *path = peer->paths[0].ops;
	return path->front + lane->protocol->front + padded + lane->protocol->tail + path->tail;
}

static void fill_job(struct lane *lane, const struct session *session, uint64_t counter,
					 const uint8_t *packet, uint32_t padded, uint8_t *slot, struct aead_job *job) {
	job->key = &session->send;
	job->source = packet;
	job->destination = slot + lane->protocol->front;
	job->associated_data = NULL;
	job->associated_data_size = 0;
	job->size = padded;
	lane->protocol->frame(lane, session, counter, slot, job);
}

/* Queues size sealed (or soon to be sealed) bytes and tells the protocol. */
static void queue_sealed(struct lane *lane, struct peer *peer, struct session *session,
						 const uint8_t *slots, uint32_t size, uint32_t stride, enum udp_way way,
						 bool data) {
	struct path *path = &peer->paths[0];
	if (stride > UINT16_MAX) /* no datagram is so large; only an MTU near 65535 leads here */
		return;
	if (path->ops->send(peer, 0, slots, size, (uint16_t)stride, way) != ERR_OK)
		return;
	lane->protocol->sent(lane, peer, session, data);
}

/* A packet that is complete in itself; its bytes stay where they are until the outbox is sealed. */
static void send_one(struct lane *lane, struct peer *peer, struct session *session,
					 const uint8_t *packet, uint32_t size) {
	struct outbox *outbox = &lane->listener->outbox;
	uint32_t padded = padded_size(lane, path_limit_room(lane, peer), size);
	uint32_t stride = slot_size(lane, peer, padded);
	uint8_t *slot = outbox_reserve(outbox, stride);
	fill_job(lane, session, session->send_counter++, packet, padded,
			 slot + peer->paths[0].ops->front, outbox_add_job(outbox));
	queue_sealed(lane, peer, session, slot, stride, stride, UDP_WAY_ANY, size > 0);
}

/* All segments of a super-packet, sealed straight from the TUN buffer into one run of slots. */
static void send_plan(struct lane *lane, struct peer *peer, struct session *session,
					  struct segment_plan *plan) {
	struct outbox *outbox = &lane->listener->outbox;
	uint32_t room = path_limit_room(lane, peer);
	uint32_t stride = slot_size(lane, peer, padded_size(lane, room, segment_size(plan, 0)));
	uint16_t last_index = (uint16_t)(plan->count - 1);
	uint32_t last = slot_size(lane, peer, padded_size(lane, room, segment_size(plan, last_index)));
	uint32_t total = (plan->count - 1U) * stride + last;
	if (total > OUTBOX_RESERVE_MAX)
		return;
	uint8_t *slots = outbox_reserve(outbox, total);
	uint8_t *inner = slots + peer->paths[0].ops->front;
	struct aead_job jobs[SEGMENT_COUNT_MAX];
	uint64_t counter = session->send_counter;
	session->send_counter += plan->count;
	bool sealed = true;
	for (uint16_t phase = 0; phase < plan->phases; phase++) {
		size_t count = 0;
		for (uint16_t i = phase; i < plan->count; i = (uint16_t)(i + plan->phases)) {
			uint32_t size = segment_size(plan, i), padded = padded_size(lane, room, size);
			const uint8_t *packet = segment_take(plan, i, (uint8_t)(padded - size));
			fill_job(lane, session, counter + i, packet, padded, inner + i * stride,
					 &jobs[count++]);
		}
		sealed = aead_seal_many(outbox->worker, jobs, count) == ERR_OK && sealed;
		outbox_count_sealed(outbox, count);
		for (uint16_t i = phase; i < plan->count; i = (uint16_t)(i + plan->phases))
			segment_restore(plan, i);
	}
	if (sealed)
		queue_sealed(lane, peer, session, slots, total, stride, UDP_WAY_ANY, true);
}

static void stage_plan(struct lane *lane, struct peer *peer, struct segment_plan *plan) {
	for (uint16_t i = 0; i < plan->count; i++) {
		const uint8_t *packet = segment_take(plan, i, 0);
		if (staging_add(peer, packet, segment_size(plan, i)) != ERR_OK)
			lane_count(&lane->counters.staged_dropped, 1);
		segment_restore(plan, i);
	}
	lane->protocol->wanted(lane, peer);
}

/* Sends the packet in a TUN buffer to the peer, who is this shard's; gives the buffer back. */
static void send_buffer(struct lane *lane, struct peer *peer, struct tun_buffer *buffer) {
	struct virtio_header header;
	struct segment_plan plan;
	uint8_t *data = buffer->data + VIRTIO_HEADER_SIZE;
	if (virtio_decode(buffer->data, &header) != ERR_OK ||
		segment_plan(&header, data, buffer->size - VIRTIO_HEADER_SIZE, &plan) != ERR_OK) {
		lane_count(&lane->counters.malformed, 1);
		tun_buffer_release(buffer);
		return;
	}
	lane_count(&lane->counters.tun_read_packets, plan.count);
	if (peer->limit && path_limit_take(lane, peer, &plan)) {
		tun_buffer_release(buffer);
		return;
	}
	struct session *session =
		peer->staged_count == 0 ? lane->protocol->outgoing(lane, peer, plan.count) : NULL;
	if (!session) {
		stage_plan(lane, peer, &plan);
		tun_buffer_release(buffer);
		return;
	}
	if (plan.count > 1) {
		send_plan(lane, peer, session, &plan);
		tun_buffer_release(buffer);
		return;
	}
	uint32_t size = segment_size(&plan, 0);
	uint32_t padded = padded_size(lane, path_limit_room(lane, peer), size);
	const uint8_t *packet = segment_take(&plan, 0, (uint8_t)(padded - size));
	send_one(lane, peer, session, packet, size);
	/* Behind its job: a flush for want of room inside gives back all that was kept before. */
	outbox_keep_buffer(&lane->listener->outbox, buffer);
}

/* Whose packet it is, by its destination; NULL when nobody's. */
static struct peer *route(struct lane *lane, const struct tun_buffer *buffer) {
	struct ip_packet packet;
	const struct trie_view *view = lane->snapshot->allowed_ips;
	if (ip_parse(buffer->data + VIRTIO_HEADER_SIZE, buffer->size - VIRTIO_HEADER_SIZE, &packet) !=
		ERR_OK) {
		lane_count(&lane->counters.malformed, 1);
		return NULL;
	}
	struct peer *peer = packet.family == ADDRESS_V4 ? trie_lookup_v4(view, packet.destination)
													: trie_lookup_v6(view, packet.destination);
	if (!peer)
		lane_count(&lane->counters.no_route, 1);
	return peer;
}

/* Hands a packet to the shard that owns the peer. */
static void hand_off(struct shard *shard, struct lane *lane, struct peer *peer,
					 struct tun_buffer *buffer) {
	struct shard *owner = engine_shard(shard->engine, peer->owner);
	buffer->peer = peer;
	buffer->way_home = shard->returns[owner->number];
	void *item = buffer;
	if (ring_push(owner->handoffs[shard->number], &item, 1) == 1) {
		shard->woken[owner->number] = true;
		return;
	}
	buffer->way_home = NULL;
	lane_count(&lane->counters.handoff_dropped, 1);
	tun_buffer_release(buffer);
}

/* Buffers of ours that other shards have sealed. */
static void take_returns(struct shard *shard) {
	for (uint16_t from = 0; from < engine_shards(shard->engine); from++) {
		if (from == shard->number)
			continue;
		void *items[HANDOFF_BATCH];
		for (size_t count = ring_pop(shard->returns[from], items, HANDOFF_BATCH); count > 0;
			 count = ring_pop(shard->returns[from], items, HANDOFF_BATCH))
			for (size_t i = 0; i < count; i++)
				tun_pool_give(&shard->pool, items[i]);
	}
}

/*
 * All buffers are with other shards. Packets must not wake us until some are back: whoever returns
 * buffers takes the flag down and wakes us. What came back before they could see it is looked for
 * after it is up.
 */
static void ask_for_buffers(struct shard *shard) {
	(void)atomic_exchange_explicit(&shard->starved, true, memory_order_seq_cst);
	take_returns(shard);
}

static void pause_lanes(struct shard *shard) {
	shard->paused = true;
	list_for_each (link, &shard->lanes)
		lane_pause(list_item(link, struct lane, shard_link));
	ask_for_buffers(shard);
}

static void resume_lanes(struct shard *shard) {
	take_returns(shard);
	if (!shard->paused)
		return;
	if (!shard->pool.free)
		ask_for_buffers(shard);
	if (!shard->pool.free)
		return;
	shard->paused = false;
	list_for_each (link, &shard->lanes)
		lane_resume(list_item(link, struct lane, shard_link));
}

void shard_out_take_handoffs(struct shard *shard) {
	resume_lanes(shard);
	for (uint16_t from = 0; from < engine_shards(shard->engine); from++) {
		if (from == shard->number)
			continue;
		void *items[HANDOFF_BATCH];
		for (size_t count = ring_pop(shard->handoffs[from], items, HANDOFF_BATCH); count > 0;
			 count = ring_pop(shard->handoffs[from], items, HANDOFF_BATCH))
			for (size_t i = 0; i < count; i++) {
				struct tun_buffer *buffer = items[i];
				struct lane *lane = buffer->peer->lane;
				if (lane && lane->snapshot->up)
					send_buffer(lane, buffer->peer, buffer);
				else
					tun_buffer_release(buffer);
			}
	}
}

bool shard_out_transmit(struct shard *shard, struct lane *lane) {
	size_t bytes = 0;
	while (lane->tun_ready) {
		if (bytes >= SHARD_TURN_BYTES)
			return true;
		struct tun_buffer *buffer = tun_pool_take(&shard->pool);
		if (!buffer) {
			/* Sealing gives back those that wait for it; the rest are with other shards. */
			outbox_seal(&lane->listener->outbox);
			buffer = tun_pool_take(&shard->pool);
			if (!buffer) {
				pause_lanes(shard);
				return shard->pool.free != NULL;
			}
		}
		size_t size;
		enum err error =
			lane->tun.ops->read(lane->tun.context, buffer->data, TUN_PACKET_MAX, &size);
		if (error != ERR_OK) {
			tun_pool_give(&shard->pool, buffer);
			lane->tun_ready = lane->tun.ops->descriptor(lane->tun.context) < 0;
			return false;
		}
		lane_count(&lane->counters.tun_read_calls, 1);
		bytes += size;
		buffer->size = (uint32_t)size;
		/* While the interface is down, what is still queued is read and forgotten. */
		bool wanted = size > VIRTIO_HEADER_SIZE && lane->snapshot->up;
		struct peer *peer = wanted ? route(lane, buffer) : NULL;
		if (!peer)
			tun_pool_give(&shard->pool, buffer);
		else if (peer->owner != shard->number)
			hand_off(shard, lane, peer, buffer);
		else if (peer->lane)
			send_buffer(lane, peer, buffer);
		else
			tun_pool_give(&shard->pool, buffer);
	}
	return false;
}

void shard_out_send_staged(struct lane *lane, struct peer *peer) {
	if (peer->staged_count == 0)
		return;
	/* One at a time: a run of packets may use up the session's counters. */
	while (peer->staged_count > 0) {
		struct session *session = lane->protocol->outgoing(lane, peer, 1);
		if (!session) {
			lane->protocol->wanted(lane, peer);
			return;
		}
		struct staging_packet *packet = staging_take(peer);
		send_one(lane, peer, session, packet->data, packet->size);
		/* Behind its job, as with buffers. */
		outbox_keep_packet(&lane->listener->outbox, &packet->link);
	}
}

void shard_out_send_keepalive(struct lane *lane, struct peer *peer) {
	if (peer->staged_count == 0 && staging_add(peer, NULL, 0) != ERR_OK)
		return;
	shard_out_send_staged(lane, peer);
}

void shard_out_send_control(struct lane *lane, struct peer *peer,
							const struct control_frame *frame) {
	struct session *session = lane->protocol->outgoing(lane, peer, 1);
	if (!session)
		return;
	bool probe = frame->type == CONTROL_FRAME_PROBE;
	uint32_t size = probe ? frame->size : CONTROL_FRAME_REPLY_SIZE;
	uint32_t padded = probe ? size : padded_size(lane, path_limit_room(lane, peer), size);
	uint32_t stride = slot_size(lane, peer, padded);
	struct outbox *outbox = &lane->listener->outbox;
	/* Sealed where it is written. */
	uint8_t *slot = outbox_reserve(outbox, stride);
	uint8_t *inner = slot + peer->paths[0].ops->front;
	uint8_t *packet = inner + lane->protocol->front;
	size_t made;
	memset(packet, 0, padded);
	if (control_frame_encode(frame, packet, padded, &made) != ERR_OK)
		return;
	fill_job(lane, session, session->send_counter++, packet, padded, inner, outbox_add_job(outbox));
	queue_sealed(lane, peer, session, slot, stride, stride, probe ? UDP_WAY_WHOLE : UDP_WAY_ANY,
				 false);
}
