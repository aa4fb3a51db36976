#include "proto/mighty_exchange.h"

#include <stddef.h>
#include <string.h>

#include "base/wipe.h"
#include "engine/shard_out.h"
#include "engine/staging.h"
#include "proto/mighty_admission.h"
#include "proto/mighty_ids.h"
#include "proto/mighty_limits.h"
#include "proto/mighty_message.h"
#include "proto/mighty_paths.h"
#include "proto/mighty_timers.h"

/* To where the peer is. */
static void send_message(struct mighty_peer *peer, const uint8_t *message, size_t size) {
	struct lane *lane = peer->peer.lane;
	uint8_t *slot = outbox_reserve(&lane->listener->outbox, size);
	memcpy(slot, message, size);
	const struct path *path = &peer->peer.paths[0];
	if (path->ops->send(&peer->peer, 0, slot, (uint32_t)size, (uint16_t)size, UDP_WAY_ANY) ==
		ERR_UNSUPPORTED)
		mighty_peer_unreachable(peer); /* no sockets of its family */
}

static uint64_t wall_of(const struct shard *shard) {
	return shard->clock->wall_now(shard->clock->context) / CLOCK_MILLISECOND;
}

static enum err start_attempt(struct mighty_peer *peer, uint16_t id,
							  uint8_t out_hello[static MIGHTY_CLIENT_HELLO_SIZE]) {
	struct shard *shard = peer->peer.lane->shard;
	uint16_t forgotten;
	enum err error =
		mighty_client_start(peer->client, shard->random, id, wall_of(shard), out_hello, &forgotten);
	if (error == ERR_OK && forgotten != 0)
		mighty_ids_remove(mighty_lane_of(peer->peer.lane)->ids, forgotten, shard->now);
	return error;
}

void mighty_exchange_attempt(struct mighty_peer *peer) {
	struct shard *shard = peer->peer.lane->shard;
	struct mighty_ids *ids = mighty_lane_of(peer->peer.lane)->ids;
	uint8_t hello[MIGHTY_CLIENT_HELLO_SIZE];
	uint16_t id;
	if (!peer->running || !peer->client || !peer->choice)
		return;
	if (peer->attempts > 0)
		device_news_unanswered(&peer->news.device);
	/* Nobody answers: what waits would be old when it arrives. */
	if (peer->attempts >= MIGHTY_STAGED_ATTEMPTS)
		staging_drop(&peer->peer);
	peer->attempts++;
	peer->last_attempt = shard->now;
	mighty_timers_attempted(peer);
	if (mighty_ids_add(ids, &peer->attempt_binding, shard->now, &id) != ERR_OK)
		return;
	if (start_attempt(peer, id, hello) != ERR_OK) {
		mighty_ids_remove(ids, id, shard->now);
		return;
	}
	mighty_news_claimed(peer, peer->client->last_time);
	mighty_paths_attempt(peer);
	send_message(peer, hello, sizeof hello);
}

void mighty_exchange_begin(struct mighty_peer *peer) {
	if (peer->attempts == 0)
		mighty_exchange_attempt(peer);
}

void mighty_exchange_begin_later(struct mighty_peer *peer) {
	if (!peer->running || !peer->client || peer->attempts > 0)
		return;
	mighty_timers_begin_later(peer);
}

void mighty_exchange_restart(struct mighty_peer *peer) {
	if (!peer->running || !peer->client)
		return;
	const uint64_t since = peer->peer.lane->shard->now - peer->last_attempt;
	peer->attempts = 0;
	peer->backoff = (struct retry_backoff){.attempts = 0};
	if (peer->last_attempt == 0 || since >= MIGHTY_RESTART_INTERVAL)
		mighty_exchange_attempt(peer);
	else
		mighty_timers_attempt_in(peer, MIGHTY_RESTART_INTERVAL - since);
}

static void send_finalize(struct mighty_peer *peer) {
	uint8_t nonce[AEAD_NONCE_SIZE], finalize[MIGHTY_FINALIZE_SIZE];
	nonce_pool_take(&mighty_lane_of(peer->peer.lane)->nonces, nonce);
	if (mighty_finalize_make(&peer->current->confirmation, nonce, finalize) == ERR_OK)
		send_message(peer, finalize, sizeof finalize);
	peer->finalizes++;
	/* A packet says what Finalize does, and to a renewed session also where this end is. */
	mighty_message_keepalive(peer);
}

void mighty_exchange_finalize(struct mighty_peer *peer) {
	struct mighty_session *current = peer->current;
	if (!current || current->proven)
		return;
	if (session_age(&current->session, peer->peer.lane->shard->now) >= MIGHTY_HALF_OPEN_TIME) {
		mighty_exchange_begin(peer);
		return;
	}
	send_finalize(peer);
	mighty_timers_finalized(peer);
}

static uint32_t smaller(uint32_t own, uint32_t told) {
	return told > 0 && told < own ? told : own;
}

static void take_server_hello(struct mighty_peer *peer, const struct handshake_datagram *datagram) {
	struct lane *lane = peer->peer.lane;
	const struct mighty_config *config = mighty_lane_config(lane);
	struct {
		struct mighty_keys keys;
		struct mighty_confirmation confirmation;
	} made;
	WIPE_ON_EXIT(made);
	struct parameters told;
	struct mighty_session *session;
	if (mighty_client_finish(peer->client, datagram->data, datagram->size, &told, &made.keys,
							 &made.confirmation) != ERR_OK)
		return;
	if (mighty_session_new(peer, &made.keys, &made.confirmation,
						   smaller(config->rekey_packets, told.rekey_packets),
						   smaller(config->rekey_seconds, told.rekey_seconds), &session) != ERR_OK)
		return;
	peer_count_received(&peer->peer, datagram->size);
	mighty_paths_connected(peer, &datagram->from);
	peer->keepalive = told.keepalive;
	mighty_news_told(peer, &told);
	mighty_peer_adopt(peer, session);
	mighty_exchange_finalize(peer);
	mighty_paths_ask(peer);
	shard_out_send_staged(lane, &peer->peer);
}

static void take_cookie(struct mighty_peer *peer, const struct handshake_datagram *datagram) {
	uint8_t hello[MIGHTY_CLIENT_HELLO_SIZE];
	if (mighty_client_take_cookie(peer->client, datagram->data, datagram->size, hello) != ERR_OK)
		return;
	/* Attempts before this one may have gone elsewhere: it is who asked for it that is meant. */
	outbox_answer(&peer->peer.lane->listener->outbox,
				  mighty_paths_endpoint_of(peer, &datagram->from), NULL, hello, sizeof hello);
	peer_count_sent(&peer->peer, sizeof hello);
}

static const struct mighty_binding *binding_of(const struct lane *lane,
											   const struct handshake_datagram *datagram) {
	struct mighty_header header;
	if (mighty_decode_header(datagram->data, datagram->size, &header) != ERR_OK)
		return NULL;
	return mighty_ids_find(mighty_lane_of(lane)->ids, header.session_id);
}

static void take_response(const struct lane *lane, const struct handshake_datagram *datagram) {
	const struct mighty_binding *binding = binding_of(lane, datagram);
	if (!binding || binding->session || !binding->peer->client)
		return;
	if (mighty_is_cookie_answer(datagram->data, datagram->size))
		take_cookie(binding->peer, datagram);
	else
		take_server_hello(binding->peer, datagram);
}

/* The client repeats it until it hears of us: which it may not have, or not yet. */
static void answer_again(struct mighty_peer *peer, struct mighty_session *session) {
	const uint64_t now = peer->peer.lane->shard->now;
	if (now - session->began >= MIGHTY_HALF_OPEN_TIME ||
		(session->answered != 0 && now - session->answered < MIGHTY_FINALIZE_ANSWER_INTERVAL))
		return;
	session->answered = now;
	mighty_message_keepalive(peer);
}

static void take_finalize(const struct lane *lane, const struct handshake_datagram *datagram) {
	const struct mighty_binding *binding = binding_of(lane, datagram);
	if (!binding || !binding->session || binding->peer->client)
		return;
	struct mighty_peer *peer = binding->peer;
	struct mighty_session *session = binding->session;
	if (mighty_finalize_check(&session->confirmation, datagram->data, datagram->size) != ERR_OK)
		return;
	peer_count_received(&peer->peer, datagram->size);
	if (session->stage == MIGHTY_HALF_OPEN)
		mighty_peer_confirm(peer, session);
	if (session->stage == MIGHTY_CURRENT)
		answer_again(peer, session);
}

/* The PSKs of this shard's peers: mighty_admission's find. */
static const struct mighty_psk *find_psk(void *context,
										 const uint8_t id[static MIGHTY_PSK_ID_SIZE]) {
	const struct lane *lane = context;
	const struct mighty_peer *peer = key_table_find(mighty_lane_config(lane)->directory, id);
	return peer && peer->peer.owner == lane->shard->number && peer->peer.lane == lane &&
				   peer->running
			   ? &peer->psk
			   : NULL;
}

static struct mighty_peer *peer_of_psk(const struct mighty_psk *psk) {
	return (struct mighty_peer *)((uintptr_t)psk - offsetof(struct mighty_peer, psk));
}

static bool has_room_for_half_open(const struct mighty_peer *peer, uint64_t now) {
	return peer->half_open_count < MIGHTY_HALF_OPEN_MAX ||
		   session_age(&peer->half_open[0]->session, now) >= MIGHTY_HALF_OPEN_LEAST;
}

/* An admitted hello: the one step that costs a key exchange. */
static void respond(struct lane *lane, const struct mighty_admitted *admitted,
					const struct handshake_datagram *datagram) {
	struct shard *shard = lane->shard;
	struct mighty_ids *ids = mighty_lane_of(lane)->ids;
	const struct mighty_config *config = mighty_lane_config(lane);
	struct mighty_peer *peer = peer_of_psk(admitted->psk);
	struct {
		struct mighty_keys keys;
		struct mighty_confirmation confirmation;
	} made;
	WIPE_ON_EXIT(made);
	struct parameters parameters;
	struct mighty_session *session;
	uint8_t answer[MIGHTY_SERVER_HELLO_SIZE_MAX];
	size_t size;
	uint16_t id;
	if (!has_room_for_half_open(peer, shard->now) ||
		mighty_config_tell(config, peer->addresses, peer->address_count, &parameters) != ERR_OK ||
		mighty_ids_add(ids, &peer->attempt_binding, shard->now, &id) != ERR_OK)
		return;
	const struct mighty_offer offer = {.session_id = id,
									   .ciphers = config->ciphers,
									   .cipher_count = config->cipher_count,
									   .parameters = &parameters};
	if (mighty_respond(admitted->psk, &admitted->hello, shard->random, &offer, answer, &size,
					   &made.keys, &made.confirmation) != ERR_OK ||
		mighty_session_new(peer, &made.keys, &made.confirmation, config->rekey_packets,
						   config->rekey_seconds, &session) != ERR_OK) {
		mighty_ids_remove(ids, id, shard->now);
		return;
	}
	memcpy(session->instance, admitted->hello.instance, sizeof session->instance);
	session->from = datagram->from;
	session->to = datagram->to;
	/* A cookie does not set the client's last time, now or after a restart. */
	if (!admitted->hello.has_cookie)
		mighty_news_hello(peer, admitted->hello.instance, admitted->hello.time);
	mighty_peer_half_open(peer, session);
	outbox_answer(&lane->listener->outbox, &datagram->from, &datagram->to, answer, (uint32_t)size);
}

static void take_client_hello(struct lane *lane, const struct handshake_datagram *datagram) {
	struct mighty_lane *state = mighty_lane_of(lane);
	const struct mighty_admission admission = {.find = find_psk,
											   .context = lane,
											   .cookies = &state->cookies,
											   .order = state->order,
											   .seen = state->seen,
											   .random = lane->shard->random};
	const struct mighty_admission_input input = {.data = datagram->data,
												 .size = datagram->size,
												 .from = &datagram->from,
												 .now = lane->shard->now,
												 .wall_now = wall_of(lane->shard)};
	struct mighty_admitted admitted;
	uint8_t answer[MIGHTY_COOKIE_ANSWER_SIZE];
	switch (mighty_admission_judge(&admission, &input, &admitted, answer)) {
	case MIGHTY_ADMITTED:
		respond(lane, &admitted, datagram);
		break;
	case MIGHTY_COOKIE:
		outbox_answer(&lane->listener->outbox, &datagram->from, &datagram->to, answer,
					  sizeof answer);
		break;
	default:
		break;
	}
}

void mighty_exchange_take(struct lane *lane, const struct handshake_datagram *datagram) {
	const bool is_server = mighty_lane_config(lane)->role == MIGHTY_SERVER;
	if (!lane->snapshot->up)
		return;
	switch (mighty_classify(datagram->data, datagram->size)) {
	case MIGHTY_REQUEST:
		if (is_server)
			take_client_hello(lane, datagram);
		break;
	case MIGHTY_RESPONSE:
		take_response(lane, datagram);
		break;
	case MIGHTY_COMPLETE:
		take_finalize(lane, datagram);
		break;
	case MIGHTY_DATA:
	case MIGHTY_KEEPALIVE:
	case MIGHTY_DISCONNECT:
		break;
	}
}
