#pragma once

/*
 * A tiny protocol for tests of the engine, without handshakes:
 *
 *   data:       | 'D' | zero | whole size 2 | index 4 | counter 8 | sealed … |, little-endian
 *   message:    the same with 'M' in front: only counted
 *   handshake:  | 'H' | anything … |     only counted
 */

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "engine/lane.h"
#include "engine/peer.h"
#include "engine/protocol.h"
#include "engine/shard.h"
#include "engine/shard_out.h"
#include "session/session.h"

enum { TOY_FRONT = 16, TOY_TAG = 16, TOY_PADDING = 16 };
#define TOY_COUNTERS (UINT64_C(1) << 32)

struct toy_peer;

struct toy_session {
	struct session session; /* first */
	struct shard_deferred deferred;
	struct toy_peer *peer;
};

struct toy_peer {
	struct peer peer; /* first */
	struct toy_session *current;
	unsigned wanted, sent_data, sent_empty, expired;
	unsigned runs;                    /* calls of received() */
	uint32_t received, received_data; /* packets */
	struct endpoint from;             /* of the last run that had one */
	unsigned messages;
	bool ends_in_received; /* the session that received ends at once */
	unsigned links_lost;
};

/* Per lane. */
struct toy_lane {
	unsigned handshakes, reconfigured;
};

static inline uint32_t toy_index(const uint8_t *data) {
	uint32_t index;
	memcpy(&index, data + 4, sizeof index);
	return le32toh(index);
}

/* The sizes are of what is sealed. */
static inline void toy_header(uint32_t index, uint64_t counter, uint32_t size, uint8_t *out,
							  uint8_t *out_nonce) {
	const uint16_t whole = htole16((uint16_t)(TOY_FRONT + size + TOY_TAG));
	memset(out, 0, TOY_FRONT);
	out[0] = 'D';
	memcpy(out + 2, &whole, sizeof whole);
	index = htole32(index);
	counter = htole64(counter);
	memcpy(out + 4, &index, sizeof index);
	memcpy(out + 8, &counter, sizeof counter);
	memset(out_nonce, 0, 4);
	memcpy(out_nonce + 4, &counter, sizeof counter);
}

static inline bool toy_claims(const uint8_t *data, size_t size) {
	return size > 0 && (data[0] == 'D' || data[0] == 'M' || data[0] == 'H');
}

static inline enum incoming_kind toy_parse(struct lane *lane, uint8_t *data, size_t size,
										   struct incoming *out_incoming, struct aead_job *job) {
	if (!toy_claims(data, size))
		return INCOMING_FOREIGN;
	if (data[0] == 'H')
		return INCOMING_HANDSHAKE;
	if (size < TOY_FRONT + TOY_TAG)
		return INCOMING_NOBODYS;
	uint32_t index = toy_index(data);
	struct toy_session *session = index_table_find(lane->shard->indices, index);
	if (!session) {
		out_incoming->shard = index % INDEX_TABLE_SHARDS;
		return out_incoming->shard < lane->interface->shards &&
					   out_incoming->shard != lane->shard->number
				   ? INCOMING_ELSEWHERE
				   : INCOMING_DROP;
	}
	uint64_t counter;
	memcpy(&counter, data + 8, sizeof counter);
	counter = le64toh(counter);
	if (replay_check(&session->session.replay, counter, TOY_COUNTERS) != ERR_OK)
		return INCOMING_DROP;
	*out_incoming = (struct incoming){
		.peer = &session->peer->peer,
		.session = &session->session,
		.counter = counter,
		.counter_limit = TOY_COUNTERS,
		.wire_size = (uint32_t)size,
		.message = data[0] == 'M',
	};
	uint8_t header[TOY_FRONT];
	toy_header(index, counter, 0, header, job->nonce);
	job->key = &session->session.receive;
	job->source = job->destination = data + TOY_FRONT;
	job->associated_data = NULL;
	job->associated_data_size = 0;
	job->size = (uint32_t)(size - TOY_FRONT - TOY_TAG);
	return INCOMING_DATA;
}

static inline void toy_handshake(struct lane *lane, const struct handshake_datagram *datagram) {
	(void)datagram;
	struct toy_lane *state = lane->protocol_state;
	state->handshakes++;
}

static inline void toy_release(struct shard_deferred *deferred) {
	struct toy_session *session = list_item(deferred, struct toy_session, deferred);
	session_done(&session->session);
	free(session);
}

static inline void toy_end(struct shard *shard, struct toy_session *session) {
	if (!session)
		return;
	index_table_remove(shard->indices, session->session.local_index);
	if (session->peer->current == session)
		session->peer->current = NULL;
	shard_defer(shard, &session->deferred);
}

static inline void toy_received(struct lane *lane, struct peer *base, struct session *session,
								const struct received_run *run) {
	struct toy_peer *peer = (struct toy_peer *)base;
	peer->runs++;
	peer->received += run->packets;
	peer->received_data += run->data_packets;
	if (run->from)
		peer->from = *run->from;
	/* Reads the session, which must still be there, then ends it unless that happened before. */
	if (peer->ends_in_received &&
		index_table_find(lane->shard->indices, session->local_index) == session)
		toy_end(lane->shard, (struct toy_session *)session);
}

static inline void toy_message(struct lane *lane, const struct incoming *incoming,
							   const struct udp_received *origin, const uint8_t *data,
							   size_t size) {
	((struct toy_peer *)incoming->peer)->messages++;
}

static inline struct session *toy_outgoing(struct lane *lane, struct peer *base, uint32_t count) {
	struct toy_session *current = ((struct toy_peer *)base)->current;
	return current && current->session.send_counter + count <= TOY_COUNTERS ? &current->session
																			: NULL;
}

static inline void toy_wanted(struct lane *lane, struct peer *peer) {
	((struct toy_peer *)peer)->wanted++;
}

static inline void toy_frame(struct lane *lane, const struct session *session, uint64_t counter,
							 uint8_t *slot, struct aead_job *job) {
	toy_header(session->remote_index, counter, job->size, slot, job->nonce);
}

static inline void toy_sent(struct lane *lane, struct peer *base, struct session *session,
							bool data) {
	struct toy_peer *peer = (struct toy_peer *)base;
	*(data ? &peer->sent_data : &peer->sent_empty) += 1;
}

static inline enum err toy_packet_size(const uint8_t *data, size_t size, size_t *out_size) {
	uint16_t whole;
	if (size > 0 && !toy_claims(data, size))
		return ERR_MALFORMED;
	if (size < 4)
		return ERR_AGAIN;
	memcpy(&whole, data + 2, sizeof whole);
	*out_size = le16toh(whole);
	return ERR_OK;
}

static inline void toy_link_lost(struct lane *lane, struct peer *peer, struct stream_link *link) {
	((struct toy_peer *)peer)->links_lost++;
}

static inline void toy_expired(struct lane *lane, struct peer *peer) {
	((struct toy_peer *)peer)->expired++;
}

static inline void toy_reconfigured(struct lane *lane, const struct snapshot *before) {
	((struct toy_lane *)lane->protocol_state)->reconfigured++;
}

static inline enum err toy_lane_init(struct lane *lane) {
	lane->protocol_state = calloc(1, sizeof(struct toy_lane));
	return lane->protocol_state ? ERR_OK : ERR_NO_MEMORY;
}

static inline void toy_lane_done(struct lane *lane) {
	list_for_each (link, &lane->peers)
		toy_end(lane->shard,
				((struct toy_peer *)list_item(link, struct peer, shard_link))->current);
	free(lane->protocol_state);
	lane->protocol_state = NULL;
}

static const struct protocol_ops toy_protocol = {
	.name = "toy",
	.front = TOY_FRONT,
	.tail = TOY_TAG,
	.padding_unit = TOY_PADDING,
	.parse = toy_parse,
	.handshake = toy_handshake,
	.received = toy_received,
	.outgoing = toy_outgoing,
	.wanted = toy_wanted,
	.frame = toy_frame,
	.sent = toy_sent,
	.message = toy_message,
	.packet_size = toy_packet_size,
	.link_lost = toy_link_lost,
	.expired = toy_expired,
	.reconfigured = toy_reconfigured,
	.lane_init = toy_lane_init,
	.lane_done = toy_lane_done,
};

/* A session with the peer on its owner; both directions use the key that is key_byte repeated. */
static inline struct toy_session *toy_begin(struct lane *lane, struct toy_peer *peer,
											uint8_t key_byte, uint32_t remote_index) {
	struct shard *shard = lane->shard;
	struct toy_session *session = calloc(1, sizeof *session);
	uint8_t key[AEAD_KEY_SIZE];
	memset(key, key_byte, sizeof key);
	uint32_t index;
	session->peer = peer;
	session->deferred.release = toy_release;
	if (index_table_add(shard->indices, session, &index) != ERR_OK ||
		session_init(&session->session, shard->backend, AEAD_CHACHA20_POLY1305, key, key, index,
					 remote_index, true, shard->now) != ERR_OK)
		abort();
	peer->current = session;
	return session;
}
