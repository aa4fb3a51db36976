#include "proto/phaze_protocol.h"

#include <stdlib.h>
#include <string.h>

#include "engine/staging.h"
#include "proto/phaze_ids.h"
#include "proto/phaze_message.h"
#include "proto/phaze_paths.h"
#include "proto/phaze_renewal.h"
#include "proto/phaze_session.h"
#include "proto/phaze_timers.h"
#include "wire/ip.h"
#include "wire/phaze_stream.h"

static enum incoming_kind parse_sealed(struct lane *lane, const struct phaze_header *header,
									   uint8_t *data, size_t size, struct phaze_key *key,
									   struct incoming *out_incoming, struct aead_job *out_job) {
	const uint64_t now = lane->shard->now;
	struct phaze_peer *peer = key->owner->peer;
	const bool is_data = header->type == PHAZE_DATA;
	if (!phaze_session_opens(key, now) || (is_data && key->owner->stage == PHAZE_PARTING))
		return INCOMING_DROP;
	if (replay_check(&key->session.replay, header->sequence, PHAZE_SEQUENCES_END) != ERR_OK) {
		lane_count(&lane->counters.replayed, 1);
		return INCOMING_DROP;
	}
	/* Authentic bytes alone are charged, and what keeps the session alive passes. */
	if (is_data && token_bucket_wait(&peer->incoming, now) > 0) {
		lane_count(&lane->counters.over_share, 1);
		return INCOMING_DROP;
	}
	*out_incoming = (struct incoming){
		.peer = &peer->peer,
		.session = &key->session,
		.counter = header->sequence,
		.counter_limit = PHAZE_SEQUENCES_END,
		.wire_size = (uint32_t)size,
		.message = is_data ? 0 : (uint8_t)header->type,
	};
	out_job->key = &key->session.receive;
	out_job->source = out_job->destination = data + PHAZE_FRONT;
	out_job->associated_data = data;
	out_job->associated_data_size = PHAZE_HEADER_SIZE;
	out_job->size = (uint32_t)(size - PHAZE_OVERHEAD);
	phaze_packet_nonce(data, out_job->nonce);
	return INCOMING_DATA;
}

static enum incoming_kind pass_on(const struct lane *lane, uint16_t shard,
								  struct incoming *out_incoming) {
	if (shard == lane->shard->number)
		return INCOMING_NOBODYS;
	out_incoming->shard = shard;
	return INCOMING_ELSEWHERE;
}

static enum incoming_kind parse(struct lane *lane, uint8_t *data, size_t size,
								struct incoming *out_incoming, struct aead_job *out_job) {
	struct phaze_header header;
	struct phaze_key *key = NULL;
	uint16_t shard = 0;
	if (phaze_packet_decode(data, size, &header) != ERR_OK)
		return INCOMING_FOREIGN;
	if (header.type == PHAZE_HANDSHAKE)
		return INCOMING_HANDSHAKE;
	switch (phaze_ids_find(phaze_lane_of(lane)->ids, lane->shard->now, header.session_id, &key,
						   &shard)) {
	case PHAZE_ID_UNKNOWN:
		return pass_on(lane, phaze_ids_shard(header.session_id), out_incoming);
	case PHAZE_ID_GUIDE:
		return pass_on(lane, shard, out_incoming);
	case PHAZE_ID_KEY:
		return parse_sealed(lane, &header, data, size, key, out_incoming, out_job);
	case PHAZE_ID_RESTING:
		return INCOMING_DROP;
	case PHAZE_ID_RESERVED: /* its other end sends nothing under it yet */
		break;
	}
	return INCOMING_NOBODYS;
}

/* Up to the control thread, which knows what it belongs to. */
static void handshake(struct lane *lane, const struct handshake_datagram *datagram) {
	const struct phaze_way way = {
		.shard = lane->shard->number, .to = datagram->from, .from = datagram->to};
	if (lane->snapshot->up && !phaze_newsbox_put_datagram(phaze_lane_config(lane)->box, &way,
														  datagram->data, datagram->size))
		lane_count(&lane->counters.handshakes_dropped, 1);
}

static void received(struct lane *lane, struct peer *base, struct session *opened,
					 const struct received_run *run) {
	struct phaze_peer *peer = phaze_peer_of(base);
	struct phaze_key *key = (struct phaze_key *)opened;
	token_bucket_take(&peer->incoming, run->wire_bytes, lane->shard->now);
	if (!phaze_peer_heard(peer, key))
		return;
	phaze_timers_received(peer);
	if (run->newest && key == peer->current->newest)
		phaze_paths_seen(peer, run->newest, key->session.replay.next - 1,
						 run->newest->segment_size);
	phaze_renewal_look(peer);
	phaze_peer_look_at_quota(peer);
}

static struct session *outgoing(struct lane *lane, struct peer *base, uint32_t count) {
	struct phaze_peer *peer = phaze_peer_of(base);
	const uint64_t now = lane->shard->now;
	if (!peer->current)
		return NULL;
	if (peer->outgoing.rate != 0) {
		token_bucket_take(&peer->outgoing, peer->framed - peer->charged, now);
		peer->charged = peer->framed;
		if (token_bucket_wait(&peer->outgoing, now) > 0)
			return NULL;
	}
	struct phaze_key *key = phaze_session_sealing(peer->current, now, count);
	return key ? &key->session : NULL;
}

static void wanted(struct lane *lane, struct peer *base) {
	struct phaze_peer *peer = phaze_peer_of(base);
	if (peer->current) {
		const uint64_t wait = token_bucket_wait(&peer->outgoing, lane->shard->now);
		if (wait > 0)
			phaze_timers_rate_in(peer, wait);
		phaze_renewal_look(peer);
	} else if (peer->running && peer->is_client) {
		phaze_timers_staged(peer); /* somebody is making a session, or will be soon */
	} else if (peer->pending_count == 0) {
		staging_drop(base); /* nobody is there, and nobody can be called */
	}
}

static void frame(struct lane *lane, const struct session *session, uint64_t counter, uint8_t *slot,
				  struct aead_job *job) {
	const struct phaze_key *key = (const struct phaze_key *)session;
	key->owner->peer->framed += job->size + PHAZE_OVERHEAD;
	phaze_message_frame(lane, session, PHAZE_DATA, counter, slot, job);
}

static void sent(struct lane *lane, struct peer *base, struct session *session, bool data) {
	struct phaze_peer *peer = phaze_peer_of(base);
	(void)lane;
	(void)session;
	(void)data;
	phaze_timers_sent(peer);
	phaze_renewal_look(peer);
	phaze_peer_look_at_quota(peer);
}

static bool permits(struct lane *lane, const struct peer *base, const struct ip_packet *packet,
					const uint8_t *data) {
	const struct phaze_peer *peer = (const struct phaze_peer *)base;
	(void)data;
	return peer->is_client || phaze_lane_config(lane)->client_to_client ||
		   !destination_is_peers(&phaze_lane_of(lane)->destination, lane->snapshot->allowed_ips,
								 packet);
}

static void expired(struct lane *lane, struct peer *base) {
	(void)lane;
	phaze_timers_expired(phaze_peer_of(base));
}

static void no_route(struct lane *lane, struct peer *base) {
	(void)lane;
	phaze_peer_unreachable(phaze_peer_of(base));
}

static void link_lost(struct lane *lane, struct peer *base, struct stream_link *link) {
	(void)lane;
	phaze_peer_link_lost(phaze_peer_of(base), link);
}

static void reconfigured(struct lane *lane, const struct snapshot *before) {
	const struct phaze_config *old = before->protocol_config;
	const bool is_other = old->role != phaze_lane_config(lane)->role;
	struct phaze_lane *state = phaze_lane_of(lane);
	destination_forget(&state->destination);
	if (!is_other && !state->parted && before->up == lane->snapshot->up)
		return;
	state->parted = false;
	list_for_each (link, &lane->peers) {
		struct phaze_peer *peer = phaze_peer_of(list_item(link, struct peer, shard_link));
		if (is_other || !lane->snapshot->up)
			phaze_peer_stop(peer, peer->is_client ? PHAZE_CLOSE_DONE : PHAZE_CLOSE_GOING_AWAY);
		if (lane->snapshot->up)
			phaze_peer_start(peer);
	}
}

static enum err lane_init_state(struct lane *lane) {
	struct phaze_lane *state = calloc(1, sizeof *state);
	if (!state)
		return ERR_NO_MEMORY;
	nonce_pool_init(&state->nonces, lane->shard->random);
	enum err error = phaze_ids_new(lane->shard->random, lane->shard->number, &state->ids);
	if (error) {
		free(state);
		return error;
	}
	lane->protocol_state = state;
	return ERR_OK;
}

static void lane_done_state(struct lane *lane) {
	struct phaze_lane *state = lane->protocol_state;
	if (!state)
		return;
	list_for_each (link, &lane->peers)
		phaze_peer_wipe(phaze_peer_of(list_item(link, struct peer, shard_link)));
	phaze_ids_free(state->ids);
	nonce_pool_empty(&state->nonces);
	free(state);
	lane->protocol_state = NULL;
}

const struct protocol_ops phaze_protocol = {
	.name = "phaze",
	.front = PHAZE_FRONT,
	.tail = AEAD_TAG_SIZE,
	.padding_unit = 1,
	.parse = parse,
	.handshake = handshake,
	.received = received,
	.outgoing = outgoing,
	.wanted = wanted,
	.frame = frame,
	.sent = sent,
	.message = phaze_message_take,
	.packet_size = phaze_stream_size,
	.link_lost = link_lost,
	.permits = permits,
	.expired = expired,
	.no_route = no_route,
	.reconfigured = reconfigured,
	.lane_init = lane_init_state,
	.lane_done = lane_done_state,
};
