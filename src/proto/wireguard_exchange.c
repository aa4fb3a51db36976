#include "proto/wireguard_exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "engine/shard_out.h"
#include "proto/wireguard_limits.h"
#include "proto/wireguard_probe.h"
#include "proto/wireguard_timers.h"
#include "session/rate_limiter.h"
#include "wire/wireguard.h"

/* The identity may have changed since the last handshake with this peer. */
static const struct wireguard_identity *prepare(struct wireguard_peer *peer) {
	const struct wireguard_config *config = wireguard_lane_config(peer->peer.lane);
	if (peer->prepared != config->generation) {
		wireguard_remote_prepare(&peer->remote, config->identity);
		peer->prepared = config->generation;
	}
	return config->identity;
}

/* Adds the MACs to an encoded message and queues it. */
static void send_message(struct wireguard_peer *peer, const uint8_t *message, size_t size) {
	struct lane *lane = peer->peer.lane;
	uint8_t *slot = outbox_reserve(&lane->listener->outbox, size);
	memcpy(slot, message, size);
	if (cookie_add_macs(&peer->cookies, slot, size, lane->shard->now) != ERR_OK)
		return;
	const struct path *path = &peer->peer.paths[0];
	enum err error =
		path->ops->send(&peer->peer, 0, slot, (uint32_t)size, (uint16_t)size, UDP_WAY_ANY);
	if (error == ERR_UNSUPPORTED)
		wireguard_peer_unreachable(peer); /* no sockets of its family */
	else if (error == ERR_NOT_FOUND)
		peer->unsent = peer->pending.present; /* its name has no address yet */
}

/* Strictly increasing even when the wall clock is set back: the other end takes no older one. */
static void next_timestamp(struct wireguard_peer *peer, uint8_t *out_timestamp) {
	const struct engine_clock *clock = peer->peer.lane->shard->clock;
	const uint64_t step = UINT64_C(1) << 24; /* what timestamps are rounded to */
	uint64_t wall = clock->wall_now(clock->context);
	if (wall < peer->last_wall_sent + step)
		wall = peer->last_wall_sent + step;
	peer->last_wall_sent = wall;
	atomic_store_explicit(&peer->claims.claimed, wall, memory_order_relaxed);
	wireguard_timestamp(wall, out_timestamp);
}

/* Least time between two initiations. */
static uint64_t least_interval(const struct wireguard_peer *peer) {
	if (peer->challenged)
		return WIREGUARD_COOKIE_INTERVAL;
	if (peer->moved)
		return WIREGUARD_NETWORK_INTERVAL;
	return peer->redirected ? WIREGUARD_REDIRECT_INTERVAL : WIREGUARD_REKEY_TIMEOUT;
}

void wireguard_exchange_initiate(struct wireguard_peer *peer, bool is_retry) {
	struct shard *shard = peer->peer.lane->shard;
	if (!peer->running)
		return;
	if (!is_retry)
		peer->attempts = 0;
	if (peer->last_sent != 0 && shard->now - peer->last_sent < least_interval(peer))
		return;
	if (peer->pending.present && !peer->redirected && !peer->challenged && !peer->moved)
		device_news_unanswered(&peer->news);
	const struct wireguard_identity *identity = prepare(peer);
	peer->last_sent = shard->now;
	uint32_t index;
	if (index_table_add(shard->indices, &peer->pending_binding, &index) != ERR_OK)
		return;
	uint8_t timestamp[WIREGUARD_TIMESTAMP_SIZE];
	next_timestamp(peer, timestamp);
	struct wireguard_initiation message;
	struct wireguard_pending pending;
	WIPE_ON_EXIT(pending);
	if (wireguard_initiate(identity, &peer->remote, shard->random, index, timestamp, &message,
						   &pending) != ERR_OK) {
		index_table_remove(shard->indices, index);
		return;
	}
	wireguard_peer_forget_pending(peer);
	peer->pending = pending;
	peer->moved = peer->unsent = false;
	peer->pending_binding = (struct wireguard_binding){.peer = peer};
	uint8_t bytes[WIREGUARD_INITIATION_SIZE];
	wireguard_encode_initiation(&message, bytes);
	wireguard_timers_traversal(peer);
	wireguard_timers_any_sent(peer);
	send_message(peer, bytes, sizeof bytes);
	wireguard_timers_initiated(peer);
}

void wireguard_exchange_restart(struct wireguard_peer *peer, uint64_t interval) {
	if (!peer->running)
		return;
	uint64_t since = peer->peer.lane->shard->now - peer->last_sent;
	peer->moved = true;
	peer->attempts = 0;
	if (peer->last_sent == 0 || since >= interval)
		wireguard_exchange_initiate(peer, true);
	else
		wireguard_timers_retransmit_in(peer, interval - since);
}

void wireguard_exchange_redirect(struct wireguard_peer *peer) {
	atomic_store_explicit(&peer->news.unanswered, 0, memory_order_relaxed);
	if (!peer->running || !peer->pending.present)
		return;
	/* What could not be sent to the endpoint of before was heard by nobody. */
	if (peer->unsent) {
		wireguard_exchange_restart(peer, WIREGUARD_NETWORK_INTERVAL);
		return;
	}
	peer->redirected = true;
	uint64_t since = peer->peer.lane->shard->now - peer->last_sent;
	if (since >= WIREGUARD_REDIRECT_INTERVAL)
		wireguard_exchange_initiate(peer, true);
	else
		wireguard_timers_retransmit_in(peer, WIREGUARD_REDIRECT_INTERVAL - since);
}

static void roam(struct wireguard_peer *peer, const struct endpoint *from,
				 const struct udp_source *to, size_t wire_size) {
	wireguard_peer_roam(peer, from, to);
	peer_count_received(&peer->peer, wire_size);
}

/* Answers an initiation whose sender, the owner's peer, is known but not yet proven. */
static void answer(struct wireguard_peer *peer, struct wireguard_opened *opened,
				   const struct endpoint *from, const struct udp_source *to) {
	struct shard *shard = peer->peer.lane->shard;
	(void)prepare(peer);
	if (!peer->running || wireguard_accept_initiation(&peer->remote, opened) != ERR_OK)
		return;
	if (memcmp(opened->timestamp, peer->last_timestamp, WIREGUARD_TIMESTAMP_SIZE) <= 0)
		return;
	if (peer->last_initiation != 0 &&
		shard->now - peer->last_initiation < WIREGUARD_INITIATION_INTERVAL)
		return;
	uint8_t timestamp[WIREGUARD_TIMESTAMP_SIZE];
	memcpy(timestamp, opened->timestamp, sizeof timestamp);

	uint32_t index;
	if (index_table_add(shard->indices, &peer->pending_binding, &index) != ERR_OK)
		return;
	struct wireguard_response message;
	struct wireguard_keys keys;
	WIPE_ON_EXIT(keys);
	struct wireguard_session *session;
	if (wireguard_respond(&peer->remote, opened, shard->random, index, &message, &keys) != ERR_OK ||
		wireguard_session_new(peer, &keys, &session) != ERR_OK) {
		index_table_remove(shard->indices, index);
		return;
	}

	memcpy(peer->last_timestamp, timestamp, sizeof timestamp);
	wireguard_claims_set_timestamp(&peer->claims, timestamp);
	device_news_tell(&peer->news, DEVICE_NEWS_SAVE);
	peer->last_initiation = shard->now;
	roam(peer, from, to, WIREGUARD_INITIATION_SIZE);
	wireguard_peer_adopt(peer, session);
	peer->last_sent = shard->now;
	wireguard_timers_session_derived(peer);
	wireguard_timers_traversal(peer);
	wireguard_timers_any_received(peer);
	wireguard_timers_any_sent(peer);
	uint8_t bytes[WIREGUARD_RESPONSE_SIZE];
	wireguard_encode_response(&message, bytes);
	send_message(peer, bytes, sizeof bytes);
}

/* An initiation on its way to the shard that owns the peer. */
struct forwarded_initiation {
	struct command command;
	struct wireguard_peer *peer;
	struct wireguard_opened opened;
	struct endpoint from;
	struct udp_source to;
};

static void take_forwarded(struct shard *shard, struct command *command) {
	(void)shard;
	struct forwarded_initiation *forwarded = (struct forwarded_initiation *)command;
	if (forwarded->peer->peer.lane)
		answer(forwarded->peer, &forwarded->opened, &forwarded->from, &forwarded->to);
	wipe(forwarded, sizeof *forwarded);
	free(forwarded);
}

static void forward(struct shard *shard, struct wireguard_peer *peer,
					const struct wireguard_opened *opened,
					const struct handshake_datagram *datagram) {
	struct forwarded_initiation *forwarded = malloc(sizeof *forwarded);
	if (!forwarded)
		return;
	*forwarded = (struct forwarded_initiation){
		.command.run = take_forwarded,
		.peer = peer,
		.opened = *opened,
		.from = datagram->from,
		.to = datagram->to,
	};
	engine_post(shard->engine, peer->peer.owner, &forwarded->command);
}

static void take_initiation(struct lane *lane, const struct handshake_datagram *datagram) {
	const struct wireguard_config *config = wireguard_lane_config(lane);
	struct wireguard_initiation message;
	struct wireguard_opened opened;
	WIPE_ON_EXIT(opened);
	if (wireguard_decode_initiation(datagram->data, datagram->size, &message) != ERR_OK ||
		wireguard_accept_static(config->identity, &message, &opened) != ERR_OK)
		return;
	struct wireguard_peer *peer = key_table_find(config->directory, opened.public_key);
	if (!peer)
		return;
	if (peer->peer.owner != lane->shard->number)
		forward(lane->shard, peer, &opened, datagram);
	else if (peer->peer.lane)
		answer(peer, &opened, &datagram->from, &datagram->to);
}

static void take_response(struct lane *lane, const struct handshake_datagram *datagram) {
	struct shard *shard = lane->shard;
	struct wireguard_response message;
	if (wireguard_decode_response(datagram->data, datagram->size, &message) != ERR_OK)
		return;
	const struct wireguard_binding *binding = index_table_find(shard->indices, message.receiver);
	if (!binding || binding->session || !binding->peer->pending.present ||
		binding->peer->pending.sender != message.receiver)
		return;
	struct wireguard_peer *peer = binding->peer;
	const struct wireguard_identity *identity = prepare(peer);
	struct wireguard_keys keys;
	WIPE_ON_EXIT(keys);
	struct wireguard_session *session;
	if (wireguard_finish(identity, &peer->remote, &peer->pending, &message, &keys) != ERR_OK ||
		wireguard_session_new(peer, &keys, &session) != ERR_OK)
		return;
	/* Its index is the session's from now on. */
	wipe(&peer->pending, sizeof peer->pending);
	roam(peer, &datagram->from, &datagram->to, datagram->size);
	wireguard_peer_adopt(peer, session);
	wireguard_timers_traversal(peer);
	wireguard_timers_any_received(peer);
	wireguard_timers_session_derived(peer);
	wireguard_timers_handshake_complete(peer);
	/* The responder may send only after it heard from us under the new keys. */
	shard_out_send_keepalive(lane, &peer->peer);
	wireguard_probe_session(peer);
}

/*
 * The other end is under load and asks for a proof of where we are. It has it with the next
 * initiation, which does not wait for REKEY_TIMEOUT, but only once: with a cookie that does not
 * help, repetitions are as rare as ever.
 */
static void hurry(struct wireguard_peer *peer) {
	uint64_t since = peer->peer.lane->shard->now - peer->last_sent;
	peer->challenged = true;
	wireguard_timers_retransmit_in(
		peer, since < WIREGUARD_COOKIE_INTERVAL ? WIREGUARD_COOKIE_INTERVAL - since : 0);
}

static void take_cookie_reply(const struct lane *lane, const struct handshake_datagram *datagram) {
	struct wireguard_cookie_reply message;
	if (wireguard_decode_cookie_reply(datagram->data, datagram->size, &message) != ERR_OK)
		return;
	const struct wireguard_binding *binding =
		index_table_find(lane->shard->indices, message.receiver);
	if (!binding)
		return;
	struct wireguard_peer *peer = binding->peer;
	bool had_one = cookie_jar_is_fresh(&peer->cookies, lane->shard->now);
	/* It proves nothing about where the peer is: no roaming. A bad one is ignored. */
	if (cookie_take(&peer->cookies, message.nonce, message.sealed_cookie, lane->shard->now) ==
			ERR_OK &&
		!had_one && !binding->session && peer->pending.present &&
		peer->pending.sender == message.receiver)
		hurry(peer);
}

static uint32_t sender_of(const struct handshake_datagram *datagram) {
	struct wireguard_initiation initiation;
	struct wireguard_response response;
	if (wireguard_decode_initiation(datagram->data, datagram->size, &initiation) == ERR_OK)
		return initiation.sender;
	if (wireguard_decode_response(datagram->data, datagram->size, &response) == ERR_OK)
		return response.sender;
	return 0;
}

static void send_cookie(struct lane *lane, const struct handshake_datagram *datagram) {
	struct wireguard_lane *state = lane->protocol_state;
	struct wireguard_cookie_reply reply = {.receiver = sender_of(datagram)};
	if (cookie_make(&state->checker, slice_of(datagram->data, datagram->size), &datagram->from,
					lane->shard->random, lane->shard->now, reply.nonce,
					reply.sealed_cookie) != ERR_OK)
		return;
	uint8_t bytes[WIREGUARD_COOKIE_REPLY_SIZE];
	wireguard_encode_cookie_reply(&reply, bytes);
	outbox_answer(&lane->listener->outbox, &datagram->from, &datagram->to, bytes, sizeof bytes);
}

/* Cheap checks before any curve arithmetic; under load the sender must own its address. */
static bool admitted(struct lane *lane, const struct handshake_datagram *datagram) {
	struct wireguard_lane *state = lane->protocol_state;
	struct slice message = slice_of(datagram->data, datagram->size);
	uint64_t now = lane->shard->now;
	if (!wireguard_lane_config(lane)->identity->present ||
		!cookie_check_mac1(&state->checker, message))
		return false;
	if (!lane_under_load(lane))
		return true;
	if (!cookie_check_mac2(&state->checker, message, &datagram->from, now)) {
		send_cookie(lane, datagram);
		return false;
	}
	return rate_limiter_allow(state->limiter, &datagram->from.address, now);
}

void wireguard_exchange_take(struct lane *lane, const struct handshake_datagram *datagram) {
	if (!lane->snapshot->up)
		return;
	switch (wireguard_classify(datagram->data, datagram->size)) {
	case WIREGUARD_INITIATION:
		if (admitted(lane, datagram))
			take_initiation(lane, datagram);
		break;
	case WIREGUARD_RESPONSE:
		if (admitted(lane, datagram))
			take_response(lane, datagram);
		break;
	case WIREGUARD_COOKIE_REPLY:
		take_cookie_reply(lane, datagram);
		break;
	case WIREGUARD_DATA:
		break;
	}
}
