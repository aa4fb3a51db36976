#include "proto/wireguard_protocol.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "engine/shard_out.h"
#include "proto/wireguard_exchange.h"
#include "proto/wireguard_limits.h"
#include "proto/wireguard_peer.h"
#include "proto/wireguard_probe.h"
#include "proto/wireguard_timers.h"
#include "session/rate_limiter.h"
#include "wire/wireguard.h"

/* Whether the index is another shard's; the steering filter normally sees to that. */
static bool is_elsewhere(const struct lane *lane, uint32_t index, struct incoming *out_incoming) {
	uint16_t owner = index % INDEX_TABLE_SHARDS;
	if (owner == lane->shard->number || owner >= lane->interface->shards)
		return false;
	out_incoming->shard = owner;
	return true;
}

static enum incoming_kind parse_data(struct lane *lane, uint8_t *data, size_t size,
									 struct incoming *out_incoming, struct aead_job *out_job) {
	struct wireguard_data header;
	if (wireguard_decode_data(data, size, &header) != ERR_OK)
		return INCOMING_DROP;
	const struct wireguard_binding *binding =
		index_table_find(lane->shard->indices, header.receiver);
	if (!binding)
		return is_elsewhere(lane, header.receiver, out_incoming) ? INCOMING_ELSEWHERE
																 : INCOMING_DROP;
	if (!binding->session || binding->peer->peer.lane->interface != lane->interface)
		return INCOMING_DROP;
	struct session *session = &binding->session->session;
	if (session_age(session, lane->shard->now) >= WIREGUARD_REJECT_AFTER_TIME)
		return INCOMING_DROP;
	if (replay_check(&session->replay, header.counter, WIREGUARD_REJECT_AFTER_MESSAGES) != ERR_OK) {
		lane_count(&lane->counters.replayed, 1);
		return INCOMING_DROP;
	}
	*out_incoming = (struct incoming){
		.peer = &binding->peer->peer,
		.session = session,
		.counter = header.counter,
		.counter_limit = WIREGUARD_REJECT_AFTER_MESSAGES,
		.wire_size = (uint32_t)size,
	};
	out_job->key = &session->receive;
	out_job->source = out_job->destination = data + WIREGUARD_DATA_HEADER_SIZE;
	out_job->associated_data = NULL;
	out_job->associated_data_size = 0;
	out_job->size = (uint32_t)(size - WIREGUARD_DATA_OVERHEAD);
	wireguard_data_nonce(header.counter, out_job->nonce);
	return INCOMING_DATA;
}

static enum incoming_kind parse(struct lane *lane, uint8_t *data, size_t size,
								struct incoming *out_incoming, struct aead_job *out_job) {
	switch (wireguard_classify(data, size)) {
	case WIREGUARD_INITIATION:
		return INCOMING_HANDSHAKE;
	case WIREGUARD_RESPONSE:
	case WIREGUARD_COOKIE_REPLY:
		return is_elsewhere(lane, wireguard_receiver(data, size), out_incoming)
				   ? INCOMING_ELSEWHERE
				   : INCOMING_HANDSHAKE;
	case WIREGUARD_DATA:
		return parse_data(lane, data, size, out_incoming, out_job);
	}
	return INCOMING_FOREIGN;
}

static void received(struct lane *lane, struct peer *base, struct session *session,
					 const struct received_run *run) {
	struct wireguard_peer *peer = wireguard_peer_of(base);
	wireguard_peer_roam(peer, run->from, run->to);
	if (peer->next && session == &peer->next->session) {
		wireguard_peer_confirm(peer);
		wireguard_timers_handshake_complete(peer);
		/* A late answer to our own must not replace what both ends use now. */
		wireguard_peer_forget_pending(peer);
		shard_out_send_staged(lane, base);
		wireguard_probe_session(peer);
	}
	wireguard_peer_yield(peer, session);
	const struct wireguard_session *current = peer->current;
	if (!peer->last_minute_sent && current && current->session.initiator &&
		session_age(&current->session, lane->shard->now) > WIREGUARD_LAST_MINUTE) {
		peer->last_minute_sent = true;
		wireguard_exchange_initiate(peer, false);
	}
	wireguard_timers_traversal(peer);
	wireguard_timers_any_received(peer);
	if (run->data_packets > 0)
		wireguard_timers_data_received(peer);
}

static struct session *outgoing(struct lane *lane, struct peer *base, uint32_t count) {
	struct wireguard_session *current = wireguard_peer_of(base)->current;
	if (!current || current->session.send_counter > WIREGUARD_REJECT_AFTER_MESSAGES - count ||
		session_age(&current->session, lane->shard->now) >= WIREGUARD_REJECT_AFTER_TIME)
		return NULL;
	return &current->session;
}

static void wanted(struct lane *lane, struct peer *base) {
	(void)lane;
	wireguard_exchange_initiate(wireguard_peer_of(base), false);
}

static void frame(struct lane *lane, const struct session *session, uint64_t counter, uint8_t *slot,
				  struct aead_job *job) {
	(void)lane;
	const struct wireguard_data header = {.receiver = session->remote_index, .counter = counter};
	wireguard_encode_data(&header, slot);
	wireguard_data_nonce(counter, job->nonce);
}

static void sent(struct lane *lane, struct peer *base, struct session *session, bool data) {
	struct wireguard_peer *peer = wireguard_peer_of(base);
	wireguard_timers_traversal(peer);
	wireguard_timers_any_sent(peer);
	if (data) {
		wireguard_timers_data_sent(peer);
		wireguard_probe_used(peer);
	}
	if (session->send_counter > WIREGUARD_REKEY_AFTER_MESSAGES ||
		(session->initiator && session_age(session, lane->shard->now) > WIREGUARD_REKEY_AFTER_TIME))
		wireguard_exchange_initiate(peer, false);
}

static void control(struct lane *lane, struct peer *base, const uint8_t *data, size_t size) {
	(void)lane;
	wireguard_probe_take(wireguard_peer_of(base), data, size);
}

static void expired(struct lane *lane, struct peer *base) {
	(void)lane;
	wireguard_timers_expired(wireguard_peer_of(base));
}

static void no_route(struct lane *lane, struct peer *base) {
	(void)lane;
	wireguard_peer_unreachable(wireguard_peer_of(base));
}

static void reconfigured(struct lane *lane, const struct snapshot *before) {
	const struct wireguard_config *config = wireguard_lane_config(lane);
	const struct wireguard_config *old = before->protocol_config;
	struct wireguard_lane *state = lane->protocol_state;
	bool rekeyed = old->generation != config->generation;
	if (rekeyed)
		cookie_checker_change(&state->checker, &config->cookie_keys);
	if (!rekeyed && before->up == lane->snapshot->up)
		return;
	list_for_each (link, &lane->peers) {
		struct wireguard_peer *peer = wireguard_peer_of(list_item(link, struct peer, shard_link));
		if (rekeyed)
			wireguard_peer_expire(peer);
		if (lane->snapshot->up)
			wireguard_peer_start(peer);
		else
			wireguard_peer_stop(peer);
	}
}

static enum err lane_init_state(struct lane *lane) {
	struct wireguard_lane *state = calloc(1, sizeof *state);
	if (!state)
		return ERR_NO_MEMORY;
	enum err error = rate_limiter_new(lane->shard->random, &state->limiter);
	if (error == ERR_OK)
		error = cookie_checker_init(&state->checker, &wireguard_lane_config(lane)->cookie_keys);
	if (error != ERR_OK) {
		rate_limiter_free(state->limiter);
		free(state);
		return error;
	}
	lane->protocol_state = state;
	return ERR_OK;
}

static void lane_done_state(struct lane *lane) {
	list_for_each (link, &lane->peers) {
		struct wireguard_peer *peer = wireguard_peer_of(list_item(link, struct peer, shard_link));
		wireguard_peer_stop(peer);
		wireguard_peer_wipe(peer);
	}
	struct wireguard_lane *state = lane->protocol_state;
	if (!state)
		return;
	rate_limiter_free(state->limiter);
	cookie_checker_done(&state->checker);
	wipe(state, sizeof *state);
	free(state);
	lane->protocol_state = NULL;
}

const struct protocol_ops wireguard_protocol = {
	.name = "wireguard",
	.front = WIREGUARD_DATA_HEADER_SIZE,
	.tail = AEAD_TAG_SIZE,
	.padding_unit = 16,
	.parse = parse,
	.handshake = wireguard_exchange_take,
	.received = received,
	.outgoing = outgoing,
	.wanted = wanted,
	.frame = frame,
	.sent = sent,
	.control = control,
	.expired = expired,
	.no_route = no_route,
	.reconfigured = reconfigured,
	.lane_init = lane_init_state,
	.lane_done = lane_done_state,
};
