#include "engine/shard_in.h"

#include <stdlib.h>
#include <string.h>

#include "engine/coalesce.h"
#include "engine/peer.h"
#include "engine/port.h"
#include "engine/shard.h"
#include "session/session.h"
#include "wire/ip.h"
#include "wire/tcp_mss.h"

enum {
	CHUNK = 256, /* datagrams opened as one batch */
	INNER_CONTROL = 0,
	INNER_V4 = 4,
	INNER_V6 = 6,
};

struct shard_in {
	size_t count;
	bool failed; /* something did not open: see shard_in_finish() */
	struct incoming incoming[CHUNK];
	struct aead_job jobs[CHUNK];
	const struct udp_received *origins[CHUNK];
	/*
	 * The last answer of the source check: packets of a flow come in a row. For one chunk only, as
	 * a later snapshot or peer may lie where one of these was.
	 */
	const struct snapshot *checked_snapshot;
	const struct peer *checked_peer;
	uint8_t checked_family;
	uint8_t checked_source[ADDRESS_V6_SIZE];
};

enum err shard_in_new(struct shard_in **out_in) {
	struct shard_in *in = calloc(1, sizeof *in);
	if (!in)
		return ERR_NO_MEMORY;
	*out_in = in;
	return ERR_OK;
}

void shard_in_free(struct shard_in *in) {
	free(in);
}

/* Crypto-routing: the device-wide longest prefix of the source must be the sender's. */
static bool source_is_allowed(struct shard_in *in, const struct lane *lane, const struct peer *peer,
							  const struct ip_packet *packet) {
	size_t size = packet->family == ADDRESS_V4 ? ADDRESS_V4_SIZE : ADDRESS_V6_SIZE;
	if (in->checked_snapshot == lane->snapshot && in->checked_peer == peer &&
		in->checked_family == packet->family &&
		memcmp(in->checked_source, packet->source, size) == 0)
		return true;
	const struct trie_view *view = lane->snapshot->allowed_ips;
	const struct peer *owner = packet->family == ADDRESS_V4 ? trie_lookup_v4(view, packet->source)
															: trie_lookup_v6(view, packet->source);
	if (owner != peer)
		return false;
	in->checked_snapshot = lane->snapshot;
	in->checked_peer = peer;
	in->checked_family = packet->family;
	memcpy(in->checked_source, packet->source, size);
	return true;
}

/* A decrypted packet for the TUN queue: IP from an address that is the sender's. */
static void deliver_packet(struct shard_in *in, struct lane *lane, const struct peer *peer,
						   uint8_t *data, uint32_t size) {
	struct ip_packet packet;
	if (ip_parse(data, size, &packet) != ERR_OK) {
		lane_count(&lane->counters.malformed, 1);
		return;
	}
	if (!source_is_allowed(in, lane, peer, &packet)) {
		lane_count(&lane->counters.wrong_source, 1);
		return;
	}
	if (lane->protocol->permits && !lane->protocol->permits(lane, peer, &packet, data)) {
		lane_count(&lane->counters.denied, 1);
		return;
	}
	/* What this TCP is sent through us is to fit: its sender may be where no ICMP arrives. */
	if (peer->limit)
		(void)tcp_mss_clamp(data, packet.size, peer->limit);
	coalescer_add(lane->coalescer, data, packet.size);
}

/* The first nibble says what is inside: IP, or a control frame between two Umbras. */
static void deliver(struct shard_in *in, struct lane *lane, struct peer *peer, uint8_t *data,
					uint32_t size) {
	switch (data[0] >> 4) {
	case INNER_CONTROL:
		if (peer->protocol->control)
			peer->protocol->control(lane, peer, data, size);
		else
			lane_count(&lane->counters.control_dropped, 1);
		break;
	case INNER_V4:
	case INNER_V6:
		deliver_packet(in, lane, peer, data, size);
		break;
	default:
		lane_count(&lane->counters.malformed, 1);
		break;
	}
}

static void finish_run(const struct incoming *incoming, const struct received_run *run) {
	if (run->packets == 0)
		return;
	struct peer *peer = incoming->peer;
	struct fair_share *share = &peer->lane->shard->share;
	if (!fair_share_is_limited(share))
		fair_share_count(share, &peer->share, run->wire_bytes);
	peer_count_received(peer, run->wire_bytes);
	peer->protocol->received(peer->lane, peer, incoming->session, run);
}

/* Each with its interface; most batches are of one. */
static void count_opened(const struct shard_in *in) {
	for (size_t i = 0, end; i < in->count; i = end) {
		struct lane *lane = in->incoming[i].peer->lane;
		end = i + 1;
		while (end < in->count && in->incoming[end].peer->lane == lane)
			end++;
		lane_count(&lane->counters.opened_batches, 1);
		lane_count(&lane->counters.opened_packets, end - i);
	}
}

/*
 * Opens what was parsed and delivers it. Sessions that end in received() stay readable until the
 * turn's end (shard_defer), so later datagrams of the chunk may still name them. A session may end
 * in received(), so datagrams of the same chunk that follow for it are looked at by its peer's
 * protocol again through their own parse.
 */
static void open_chunk(struct shard *shard, struct shard_in *in) {
	aead_open_many(shard->worker, in->jobs, in->count);
	count_opened(in);
	in->checked_snapshot = NULL;
	struct received_run run = {.packets = 0};
	const struct incoming *running = NULL;
	for (size_t i = 0; i < in->count; i++) {
		const struct incoming *incoming = &in->incoming[i];
		struct lane *lane = incoming->peer->lane;
		if (!in->jobs[i].ok) {
			if (fair_share_is_limited(&shard->share))
				fair_share_give_back(&shard->share, &incoming->peer->share, incoming->wire_size);
			lane_count(&lane->counters.forged, 1);
			in->failed = true;
			continue;
		}
		struct session *session = incoming->session;
		if (replay_accept(&session->replay, incoming->counter, incoming->counter_limit) != ERR_OK) {
			lane_count(&lane->counters.replayed, 1);
			continue;
		}
		if (running && running->session != session) {
			finish_run(running, &run);
			run = (struct received_run){.packets = 0};
		}
		running = incoming;
		run.packets++;
		run.wire_bytes += incoming->wire_size;
		uint32_t size = in->jobs[i].size;
		if (incoming->message) {
			lane->protocol->message(lane, incoming, in->origins[i], in->jobs[i].destination, size);
			continue;
		}
		run.from = &in->origins[i]->from;
		run.to = &in->origins[i]->to;
		if (incoming->counter + 1 == session->replay.next)
			run.newest = in->origins[i];
		if (size == 0)
			continue;
		run.data_packets += in->jobs[i].destination[0] >> 4 != INNER_CONTROL;
		deliver(in, lane, incoming->peer, in->jobs[i].destination, size);
	}
	if (running)
		finish_run(running, &run);
	in->count = 0;
}

/* Everything in the receive buffers is written now: they are about to be used again. */
static void finish_batch(struct shard *shard, const struct listener *listener) {
	open_chunk(shard, shard->in);
	for (size_t i = 0; i < listener->lane_count; i++)
		coalescer_flush(listener->lanes[i]->coalescer);
}

/* A datagram that reached a shard other than its session's: sockets came and went meanwhile. */
struct forwarded {
	struct command command;
	struct listener *listener; /* the receiving shard's own */
	uint8_t hops;
	struct udp_received received;
	uint8_t data[];
};

static void take_datagram(struct shard *shard, struct listener *listener,
						  const struct udp_received *received, uint8_t *data, size_t size);

static void take_forwarded(struct shard *shard, struct command *command) {
	struct forwarded *forwarded = (struct forwarded *)command;
	shard->hops = forwarded->hops;
	take_datagram(shard, forwarded->listener, &forwarded->received, forwarded->data,
				  forwarded->received.size);
	shard->hops = 0;
	finish_batch(shard, forwarded->listener);
	free(forwarded);
	(void)atomic_fetch_sub_explicit(&shard->forwarded, 1, memory_order_relaxed);
}

static void forward(struct lane *lane, const struct udp_received *received, uint16_t to,
					const uint8_t *data, size_t size) {
	const struct shard *shard = lane->shard;
	struct port *port = lane->listener->port;
	if (to >= port->shards || to == shard->number || shard->hops == SHARD_HOPS_MAX)
		return;
	struct shard *owner = engine_shard(shard->engine, to);
	bool room =
		atomic_fetch_add_explicit(&owner->forwarded, 1, memory_order_relaxed) < SHARD_FORWARDED_MAX;
	struct forwarded *forwarded = room ? malloc(sizeof *forwarded + size) : NULL;
	if (!forwarded) {
		lane_count(&lane->counters.handoff_dropped, 1);
		(void)atomic_fetch_sub_explicit(&owner->forwarded, 1, memory_order_relaxed);
		return;
	}
	forwarded->command.run = take_forwarded;
	forwarded->listener = &port->listeners[to];
	forwarded->hops = (uint8_t)(shard->hops + 1);
	forwarded->received = *received;
	forwarded->received.size = forwarded->received.segment_size = (uint32_t)size;
	memcpy(forwarded->data, data, size);
	engine_post(shard->engine, to, &forwarded->command);
}

/* While more comes than can be opened: whether the peer may still have this much. */
static bool take_share(struct shard *shard, struct peer *peer, size_t size) {
	if (fair_share_take(&shard->share, &peer->share, size))
		return true;
	lane_count(&peer->lane->counters.over_share, 1);
	return false;
}

/* Behind a parse() that found data: to be opened with the next chunk. */
static inline void take_job(struct shard *shard, struct shard_in *in, struct peer *peer,
							const struct udp_received *origin, size_t size) {
	if (fair_share_is_limited(&shard->share) && !take_share(shard, peer, size))
		return;
	in->origins[in->count] = origin;
	in->count++;
	if (in->count == CHUNK)
		open_chunk(shard, in);
}

static void take_datagram(struct shard *shard, struct listener *listener,
						  const struct udp_received *received, uint8_t *data, size_t size) {
	struct shard_in *in = shard->in;
	struct incoming *incoming = &in->incoming[in->count];
	enum incoming_kind kind = INCOMING_FOREIGN;
	struct lane *lane = NULL;
	for (size_t i = 0; i < listener->lane_count && kind == INCOMING_FOREIGN; i++) {
		lane = listener->lanes[i];
		kind = lane->protocol->parse(lane, data, size, incoming, &in->jobs[in->count]);
	}
	switch (kind) {
	case INCOMING_FOREIGN:
	case INCOMING_NOBODYS:
	case INCOMING_DROP:
		break;
	case INCOMING_DATA:
		take_job(shard, in, incoming->peer, received, size);
		break;
	case INCOMING_HANDSHAKE:
		lane_count(handshake_queue_push(lane->handshakes, &received->from, &received->to, data,
										size, shard->now)
					   ? &lane->counters.handshakes
					   : &lane->counters.handshakes_dropped,
				   1);
		break;
	case INCOMING_ELSEWHERE:
		forward(lane, received, incoming->shard, data, size);
		break;
	}
}

void shard_in_begin(struct shard *shard) {
	shard->in->failed = false;
}

bool shard_in_take(struct shard *shard, struct lane *lane, const struct peer *peer,
				   const struct udp_received *origin, uint8_t *data, size_t size) {
	struct shard_in *in = shard->in;
	struct incoming *incoming = &in->incoming[in->count];
	switch (lane->protocol->parse(lane, data, size, incoming, &in->jobs[in->count])) {
	case INCOMING_DATA:
		if (incoming->peer != peer)
			return false;
		take_job(shard, in, incoming->peer, origin, size);
		return true;
	case INCOMING_DROP: /* of a session that has just ended, or come by other ways before */
		return true;
	case INCOMING_FOREIGN:
	case INCOMING_NOBODYS:
	case INCOMING_HANDSHAKE:
	case INCOMING_ELSEWHERE:
		break;
	}
	return false;
}

bool shard_in_finish(struct shard *shard, struct lane *lane) {
	struct shard_in *in = shard->in;
	open_chunk(shard, in);
	coalescer_flush(lane->coalescer);
	return !in->failed;
}

static size_t receive_once(struct shard *shard, struct listener *listener,
						   const struct transport *transport, bool *ready) {
	const struct udp_received *received;
	size_t count;
	if (transport->ops->receive(transport->context, shard->udp_buffers, &received, &count) !=
		ERR_OK) {
		*ready = transport->ops->descriptor(transport->context) < 0;
		return 0;
	}
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t segment = received[i].segment_size;
		if (segment == 0)
			continue;
		for (uint32_t at = 0; at < received[i].size; at += segment) {
			uint32_t left = received[i].size - at;
			take_datagram(shard, listener, &received[i], received[i].data + at,
						  left < segment ? left : segment);
		}
		bytes += received[i].size;
	}
	finish_batch(shard, listener);
	return bytes > 0 ? bytes : 1;
}

bool shard_in_receive(struct shard *shard, struct listener *listener) {
	size_t bytes = 0;
	while (listener->v4_ready || listener->v6_ready) {
		if (bytes >= SHARD_TURN_BYTES)
			return true;
		size_t got = 0;
		if (listener->v4_ready)
			got += receive_once(shard, listener, &listener->v4, &listener->v4_ready);
		if (listener->v6_ready)
			got += receive_once(shard, listener, &listener->v6, &listener->v6_ready);
		if (got == 0)
			break;
		bytes += got;
	}
	return false;
}
