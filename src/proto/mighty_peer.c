#include "proto/mighty_peer.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "engine/shard_out.h"
#include "engine/staging.h"
#include "proto/mighty_exchange.h"
#include "proto/mighty_ids.h"
#include "proto/mighty_limits.h"
#include "proto/mighty_message.h"
#include "proto/mighty_paths.h"
#include "proto/mighty_protocol.h"
#include "proto/mighty_timers.h"

static uint64_t now_of(const struct mighty_peer *peer) {
	return peer->peer.lane->shard->now;
}

struct mighty_peer *mighty_peer_new(const struct mighty_psk *psk, uint16_t owner) {
	struct mighty_peer *peer = calloc(1, sizeof *peer);
	if (!peer)
		return NULL;
	peer_init(&peer->peer, &mighty_protocol, owner);
	peer->psk = *psk;
	list_init(&peer->control.link);
	list_init(&peer->control.allowed_ips);
	list_init(&peer->control.changed_link);
	device_news_init(&peer->news.device, &peer->peer, peer->psk.identity);
	peer->attempt_binding = (struct mighty_binding){.peer = peer};
	mighty_timers_init(peer);
	return peer;
}

void mighty_peer_free(struct mighty_peer *peer) {
	if (!peer)
		return;
	free(mighty_news_take_told(peer));
	free(peer->choice);
	wipe(peer, sizeof *peer);
	free(peer);
}

static void release_session(struct shard_deferred *deferred) {
	struct mighty_session *session = list_item(deferred, struct mighty_session, deferred);
	session_done(&session->session);
	wipe(session, sizeof *session);
	free(session);
}

enum err mighty_session_new(struct mighty_peer *peer, const struct mighty_keys *keys,
							const struct mighty_confirmation *confirmation, uint32_t rekey_packets,
							uint32_t rekey_seconds, struct mighty_session **out_session) {
	struct shard *shard = peer->peer.lane->shard;
	struct mighty_session *session = calloc(1, sizeof *session);
	if (!session)
		return ERR_NO_MEMORY;
	session->binding = (struct mighty_binding){.peer = peer, .session = session};
	session->deferred.release = release_session;
	session->confirmation = *confirmation;
	session->rekey_packets = rekey_packets;
	session->rekey_after = rekey_seconds * CLOCK_SECOND;
	enum err error =
		session_init(&session->session, shard->backend, keys->algorithm, keys->send, keys->receive,
					 keys->local_id, keys->remote_id, peer->client != NULL, shard->now);
	session->session.send_counter = 1;
	if (error == ERR_OK)
		error =
			mighty_ids_set(mighty_lane_of(peer->peer.lane)->ids, keys->local_id, &session->binding);
	if (error != ERR_OK) {
		release_session(&session->deferred);
		return error;
	}
	*out_session = session;
	return ERR_OK;
}

void mighty_session_end(struct mighty_session *session) {
	if (!session)
		return;
	struct lane *lane = session->binding.peer->peer.lane;
	mighty_ids_remove(mighty_lane_of(lane)->ids, (uint16_t)session->session.local_index,
					  lane->shard->now);
	session->stage = MIGHTY_ENDED;
	shard_defer(lane->shard, &session->deferred);
}

uint64_t mighty_session_end_of_sequences(const struct mighty_session *session) {
	return (uint64_t)session->rekey_packets * MIGHTY_REJECT_FACTOR + 1;
}

bool mighty_session_may_open(const struct mighty_session *session, uint64_t now) {
	return session_age(&session->session, now) < session->rekey_after + MIGHTY_REJECT_GRACE;
}

bool mighty_session_may_seal(const struct mighty_session *session, uint64_t now, uint32_t count) {
	return mighty_session_may_open(session, now) &&
		   session->session.send_counter + count <= mighty_session_end_of_sequences(session);
}

bool mighty_session_is_used_up(const struct mighty_session *session, uint64_t now) {
	/* Sequences begin with 1: as many packets as that were sent, or came, or were lost. */
	return session->session.send_counter > session->rekey_packets ||
		   session->session.replay.next > session->rekey_packets ||
		   session_age(&session->session, now) >= session->rekey_after;
}

/* Off the table, so that no answer finds them; each rests before it is another's. */
static void forget_attempts(struct mighty_peer *peer) {
	if (!peer->client)
		return;
	for (size_t i = 0; i < MIGHTY_ATTEMPTS; i++) {
		const uint16_t id = peer->client->attempts[i].hello.session_id;
		struct mighty_ids *ids = mighty_lane_of(peer->peer.lane)->ids;
		/* The one that was answered is its session's by now. */
		if (mighty_ids_find(ids, id) == &peer->attempt_binding)
			mighty_ids_remove(ids, id, now_of(peer));
	}
	mighty_client_forget(peer->client);
	peer->attempts = 0;
}

static void publish_handshake(struct mighty_peer *peer) {
	const struct engine_clock *clock = peer->peer.lane->shard->clock;
	atomic_store_explicit(&peer->peer.published.last_handshake, clock->wall_now(clock->context),
						  memory_order_relaxed);
	atomic_store_explicit(&peer->news.device.unanswered, 0, memory_order_relaxed);
	device_news_tell(&peer->news.device, DEVICE_NEWS_HANDSHAKE);
	mighty_news_connected(peer, true);
}

static void make_current(struct mighty_peer *peer, struct mighty_session *session) {
	session->stage = MIGHTY_CURRENT;
	session->began = now_of(peer);
	peer->current = session;
	mighty_timers_session(peer);
	publish_handshake(peer);
}

static void make_previous(struct mighty_peer *peer, struct mighty_session *session) {
	mighty_session_end(peer->previous);
	peer->previous = session;
	if (session)
		session->stage = MIGHTY_PREVIOUS;
}

void mighty_peer_adopt(struct mighty_peer *peer, struct mighty_session *session) {
	/* One that the server never answered under is no use; the one before may still be sent on. */
	if (peer->current && !peer->current->proven && peer->previous)
		mighty_session_end(peer->current);
	else
		make_previous(peer, peer->current);
	forget_attempts(peer);
	peer->finalizes = 0;
	make_current(peer, session);
}

static void remove_half_open(struct mighty_peer *peer, size_t count) {
	peer->half_open_count -= count;
	memmove(peer->half_open, peer->half_open + count,
			peer->half_open_count * sizeof peer->half_open[0]);
	mighty_timers_half_open(peer);
}

void mighty_peer_half_open(struct mighty_peer *peer, struct mighty_session *session) {
	if (peer->half_open_count == MIGHTY_HALF_OPEN_MAX) {
		mighty_session_end(peer->half_open[0]);
		remove_half_open(peer, 1);
	}
	session->stage = MIGHTY_HALF_OPEN;
	peer->half_open[peer->half_open_count++] = session;
	mighty_timers_half_open(peer);
}

void mighty_peer_expire_half_open(struct mighty_peer *peer) {
	size_t count = 0;
	while (count < peer->half_open_count &&
		   session_age(&peer->half_open[count]->session, now_of(peer)) >= MIGHTY_HALF_OPEN_TIME)
		mighty_session_end(peer->half_open[count++]);
	if (count > 0)
		remove_half_open(peer, count);
}

/* It and those before it leave their places; a later one may be what the client goes on with. */
static void take_half_open(struct mighty_peer *peer, const struct mighty_session *session) {
	size_t count = 0;
	while (peer->half_open[count] != session)
		mighty_session_end(peer->half_open[count++]);
	remove_half_open(peer, count + 1);
}

static void set_first_endpoint(struct mighty_peer *peer, const struct mighty_session *session) {
	const struct endpoint *before = &peer->peer.paths[0].to;
	const unsigned news = before->address.family == ADDRESS_NONE   ? DEVICE_NEWS_ENDPOINT
						  : endpoint_equal(before, &session->from) ? 0
																   : DEVICE_NEWS_MOVED;
	peer_set_endpoint(&peer->peer, &session->from, &session->to);
	migration_begin(&peer->migration, &session->from);
	if (news)
		device_news_tell(&peer->news.device, news);
}

void mighty_peer_confirm(struct mighty_peer *peer, struct mighty_session *session) {
	struct mighty_session *before = peer->current;
	const bool taken_over =
		before && memcmp(before->instance, session->instance, sizeof before->instance) != 0;
	take_half_open(peer, session);
	if (taken_over) {
		mighty_session_end(before);
		make_previous(peer, NULL);
		mighty_news_taken_over(peer);
	} else {
		make_previous(peer, before);
	}
	/* A renewal leaves the addresses as they are: a packet may change them, see mighty_message. */
	if (!before || taken_over)
		set_first_endpoint(peer, session);
	else
		migration_rekeyed(&peer->migration);
	make_current(peer, session);
	shard_out_send_staged(peer->peer.lane, &peer->peer);
}

bool mighty_peer_heard(struct mighty_peer *peer, struct mighty_session *session) {
	if (session->stage == MIGHTY_ENDED)
		return false;
	if (session->stage == MIGHTY_HALF_OPEN)
		mighty_peer_confirm(peer, session);
	if (session->proven)
		return true;
	session->proven = true;
	if (session == peer->current)
		mighty_timers_proven(peer);
	return true;
}

static void wipe_sessions(struct mighty_peer *peer) {
	mighty_session_end(peer->current);
	mighty_session_end(peer->previous);
	peer->current = peer->previous = NULL;
	mighty_news_connected(peer, false);
}

void mighty_peer_lose(struct mighty_peer *peer) {
	if (!peer->current)
		return;
	wipe_sessions(peer);
	mighty_paths_lost(peer);
	mighty_timers_lost(peer);
}

void mighty_peer_unreachable(struct mighty_peer *peer) {
	const uint64_t now = now_of(peer);
	/* That address is of no use any more either. */
	peer->peer.paths[0].from = (struct udp_source){.interface = 0};
	if (!peer->running ||
		(peer->last_unreachable != 0 && now - peer->last_unreachable < MIGHTY_UNREACHABLE_INTERVAL))
		return;
	peer->last_unreachable = now;
	device_news_tell(&peer->news.device, DEVICE_NEWS_UNREACHABLE);
}

static enum err make_client(struct mighty_peer *peer, const struct mighty_config *config) {
	struct mighty_client *client = malloc(sizeof *client);
	if (!client)
		return ERR_NO_MEMORY;
	enum err error = mighty_client_init(client, &peer->psk, config->instance, config->ciphers,
										config->cipher_count);
	if (error != ERR_OK) {
		free(client);
		return error;
	}
	client->last_time = peer->claimed;
	peer->client = client;
	return ERR_OK;
}

void mighty_peer_start(struct mighty_peer *peer) {
	const struct mighty_config *config = mighty_lane_config(peer->peer.lane);
	if (peer->running)
		return;
	if (config->role == MIGHTY_CLIENT && make_client(peer, config) != ERR_OK)
		return;
	peer->running = true;
	peer->backoff = (struct retry_backoff){.attempts = 0};
	mighty_exchange_begin(peer);
}

void mighty_peer_stop(struct mighty_peer *peer) {
	if (peer->running)
		mighty_message_disconnect(peer);
	mighty_peer_wipe(peer);
}

void mighty_peer_wipe(struct mighty_peer *peer) {
	if (!peer->running)
		return;
	peer->running = false;
	mighty_timers_stop(peer);
	mighty_paths_lost(peer);
	wipe_sessions(peer);
	for (size_t i = 0; i < peer->half_open_count; i++)
		mighty_session_end(peer->half_open[i]);
	peer->half_open_count = 0;
	staging_drop(&peer->peer);
	if (!peer->client)
		return;
	forget_attempts(peer);
	peer->claimed = peer->client->last_time;
	mighty_client_done(peer->client);
	free(peer->client);
	peer->client = NULL;
}
