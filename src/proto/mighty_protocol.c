#include "proto/mighty_protocol.h"

#include <stdlib.h>
#include <string.h>

#include "engine/staging.h"
#include "proto/mighty_exchange.h"
#include "proto/mighty_ids.h"
#include "proto/mighty_message.h"
#include "proto/mighty_paths.h"
#include "proto/mighty_timers.h"
#include "session/packet_policy.h"
#include "session/seen.h"
#include "session/time_order.h"
#include "wire/ip.h"

/* An id that is not in use here may be another shard's; steering normally sees to that. */
static enum incoming_kind parse_unknown(const struct lane *lane, uint16_t id,
										struct incoming *out_incoming) {
	const uint16_t owner = mighty_ids_shard(id, lane->interface->shards);
	if (owner == lane->shard->number)
		return INCOMING_DROP;
	out_incoming->shard = owner;
	return INCOMING_ELSEWHERE;
}

static enum incoming_kind parse_request(const struct lane *lane, const uint8_t *data, size_t size,
										struct incoming *out_incoming) {
	uint8_t psk_id[MIGHTY_PSK_ID_SIZE] = {0};
	mighty_request_psk_id(data, size, psk_id);
	const struct mighty_peer *peer = key_table_find(mighty_lane_config(lane)->directory, psk_id);
	if (!peer)
		return INCOMING_DROP;
	if (peer->peer.owner == lane->shard->number)
		return INCOMING_HANDSHAKE;
	out_incoming->shard = peer->peer.owner;
	return INCOMING_ELSEWHERE;
}

static enum incoming_kind parse_sealed(struct lane *lane, const struct mighty_header *header,
									   uint8_t *data, size_t size,
									   const struct mighty_binding *binding,
									   struct incoming *out_incoming, struct aead_job *out_job) {
	struct mighty_session *session = binding->session;
	if (!session || !mighty_session_may_open(session, lane->shard->now))
		return INCOMING_DROP;
	const uint64_t end = mighty_session_end_of_sequences(session);
	if (replay_check(&session->session.replay, header->sequence, end) != ERR_OK) {
		lane_count(&lane->counters.replayed, 1);
		return INCOMING_DROP;
	}
	*out_incoming = (struct incoming){
		.peer = &binding->peer->peer,
		.session = &session->session,
		.counter = header->sequence,
		.counter_limit = end,
		.wire_size = (uint32_t)size,
		.message = header->type == MIGHTY_DATA ? 0 : (uint8_t)header->type,
	};
	out_job->key = &session->session.receive;
	out_job->source = out_job->destination = data + MIGHTY_DATA_FRONT;
	out_job->associated_data = data;
	out_job->associated_data_size = MIGHTY_HEADER_SIZE;
	out_job->size = (uint32_t)(size - MIGHTY_DATA_OVERHEAD);
	mighty_sealed_nonce(data, out_job->nonce);
	return INCOMING_DATA;
}

static enum incoming_kind parse(struct lane *lane, uint8_t *data, size_t size,
								struct incoming *out_incoming, struct aead_job *out_job) {
	struct mighty_header header;
	if (mighty_decode_header(data, size, &header) != ERR_OK)
		return INCOMING_FOREIGN;
	if (header.type == MIGHTY_REQUEST)
		return parse_request(lane, data, size, out_incoming);
	const struct mighty_binding *binding =
		mighty_ids_find(mighty_lane_of(lane)->ids, header.session_id);
	if (!binding)
		return parse_unknown(lane, header.session_id, out_incoming);
	switch (header.type) {
	case MIGHTY_REQUEST:
	case MIGHTY_RESPONSE:
	case MIGHTY_COMPLETE:
		return INCOMING_HANDSHAKE;
	case MIGHTY_DATA:
	case MIGHTY_KEEPALIVE:
	case MIGHTY_DISCONNECT:
		break;
	}
	return parse_sealed(lane, &header, data, size, binding, out_incoming, out_job);
}

/* A client renews what it has used up; a server waits for that. */
static void renew(struct mighty_peer *peer) {
	if (peer->client && peer->current &&
		mighty_session_is_used_up(peer->current, peer->peer.lane->shard->now))
		mighty_exchange_begin(peer);
}

static void received(struct lane *lane, struct peer *base, struct session *opened,
					 const struct received_run *run) {
	struct mighty_peer *peer = mighty_peer_of(base);
	struct mighty_session *session = (struct mighty_session *)opened;
	(void)lane;
	if (!mighty_peer_heard(peer, session))
		return;
	mighty_timers_received(peer);
	if (run->from)
		mighty_paths_received(peer, run->from);
	if (run->newest && session->stage == MIGHTY_CURRENT)
		mighty_paths_seen(peer, run->newest, session->session.replay.next - 1,
						  run->newest->segment_size);
	renew(peer);
}

static struct session *outgoing(struct lane *lane, struct peer *base, uint32_t count) {
	struct mighty_session *current = mighty_peer_of(base)->current;
	return current && mighty_session_may_seal(current, lane->shard->now, count) ? &current->session
																				: NULL;
}

static void wanted(struct lane *lane, struct peer *base) {
	struct mighty_peer *peer = mighty_peer_of(base);
	(void)lane;
	if (peer->client)
		renew(peer); /* without a session one is being made, or will be soon */
	else if (!peer->current && peer->half_open_count == 0)
		staging_drop(base); /* nobody is there, and nobody can be called */
}

static void frame(struct lane *lane, const struct session *session, uint64_t counter, uint8_t *slot,
				  struct aead_job *job) {
	mighty_message_frame(lane, session, MIGHTY_DATA, counter, slot, job);
}

static void sent(struct lane *lane, struct peer *base, struct session *session, bool data) {
	struct mighty_peer *peer = mighty_peer_of(base);
	(void)lane;
	(void)session;
	mighty_timers_sent(peer);
	if (data)
		mighty_paths_sent(peer);
	renew(peer);
}

static bool permits(struct lane *lane, const struct peer *base, const struct ip_packet *packet,
					const uint8_t *data) {
	const struct mighty_peer *peer = (const struct mighty_peer *)base;
	if (peer->client)
		return true;
	if (!mighty_lane_config(lane)->client_to_client &&
		destination_is_peers(&mighty_lane_of(lane)->destination, lane->snapshot->allowed_ips,
							 packet))
		return false;
	return packet_policy_allows(peer->policy, packet, data);
}

static void expired(struct lane *lane, struct peer *base) {
	(void)lane;
	mighty_timers_expired(mighty_peer_of(base));
}

static void no_route(struct lane *lane, struct peer *base) {
	(void)lane;
	mighty_peer_unreachable(mighty_peer_of(base));
}

/* What a client's hellos are made of. */
static bool is_another_client(const struct mighty_config *before,
							  const struct mighty_config *config) {
	return before->role != config->role ||
		   memcmp(before->instance, config->instance, sizeof config->instance) != 0 ||
		   before->cipher_count != config->cipher_count ||
		   memcmp(before->ciphers, config->ciphers, config->cipher_count) != 0;
}

static void reconfigured(struct lane *lane, const struct snapshot *before) {
	const struct mighty_config *config = mighty_lane_config(lane);
	const struct mighty_config *old = before->protocol_config;
	const bool is_other = old->role != config->role ||
						  (config->role == MIGHTY_CLIENT && is_another_client(old, config));
	struct mighty_lane *state = mighty_lane_of(lane);
	destination_forget(&state->destination);
	if (!is_other && !state->parted && before->up == lane->snapshot->up)
		return;
	state->parted = false;
	list_for_each (link, &lane->peers) {
		struct mighty_peer *peer = mighty_peer_of(list_item(link, struct peer, shard_link));
		if (is_other || !lane->snapshot->up)
			mighty_peer_stop(peer);
		if (lane->snapshot->up)
			mighty_peer_start(peer);
	}
}

static void free_state(struct mighty_lane *state) {
	mighty_ids_free(state->ids);
	time_order_free(state->order);
	seen_free(state->seen);
	source_cookie_done(&state->cookies);
	nonce_pool_empty(&state->nonces);
	free(state);
}

static enum err lane_init_state(struct lane *lane) {
	const struct random_source *random = lane->shard->random;
	struct mighty_lane *state = calloc(1, sizeof *state);
	if (!state)
		return ERR_NO_MEMORY;
	nonce_pool_init(&state->nonces, random);
	source_cookie_init(&state->cookies);
	enum err error = mighty_ids_new(random, lane->shard->number, lane->interface->shards, &state->ids)
						 ?: time_order_new(random, &state->order)
						 ?: seen_new(random, &state->seen);
	if (error != ERR_OK) {
		free_state(state);
		return error;
	}
	lane->protocol_state = state;
	return ERR_OK;
}

static void lane_done_state(struct lane *lane) {
	if (!lane->protocol_state)
		return;
	list_for_each (link, &lane->peers)
		mighty_peer_wipe(mighty_peer_of(list_item(link, struct peer, shard_link)));
	free_state(lane->protocol_state);
	lane->protocol_state = NULL;
}

const struct protocol_ops mighty_protocol = {
	.name = "mighty",
	.front = MIGHTY_DATA_FRONT,
	.tail = AEAD_TAG_SIZE,
	.padding_unit = 1,
	.parse = parse,
	.handshake = mighty_exchange_take,
	.received = received,
	.outgoing = outgoing,
	.wanted = wanted,
	.frame = frame,
	.sent = sent,
	.message = mighty_message_take,
	.permits = permits,
	.expired = expired,
	.no_route = no_route,
	.reconfigured = reconfigured,
	.lane_init = lane_init_state,
	.lane_done = lane_done_state,
};
