#include "proto/phaze_session.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "engine/stream_link.h"
#include "proto/phaze_ids.h"

static struct shard *shard_of(const struct phaze_session *session) {
	return session->peer->peer.lane->shard;
}

static struct phaze_ids *ids_of(const struct phaze_session *session) {
	return phaze_lane_of(session->peer->peer.lane)->ids;
}

static void release_session(struct shard_deferred *deferred) {
	phaze_session_free((struct phaze_session *)deferred);
}

static void release_key(struct shard_deferred *deferred) {
	struct phaze_key *key = list_item(deferred, struct phaze_key, deferred);
	session_done(&key->session);
	wipe(key, sizeof *key);
	free(key);
}

static struct phaze_news_session *make_news(const struct phaze_new_session *offer,
											enum phaze_news_kind kind) {
	struct phaze_news_session *news = calloc(1, sizeof *news);
	if (!news)
		return NULL;
	news->news.kind = kind;
	news->number = offer->number;
	memcpy(news->identity, offer->peer->identity, sizeof news->identity);
	memcpy(news->used, offer->used, sizeof news->used);
	memcpy(news->fresh, offer->fresh, sizeof news->fresh);
	return news;
}

struct phaze_session *phaze_session_new(const struct phaze_new_session *offer) {
	struct phaze_session *session = calloc(1, sizeof *session);
	if (!session)
		return NULL;
	session->deferred.release = release_session;
	session->peer = offer->peer;
	session->stage = PHAZE_PENDING;
	session->algorithm = offer->algorithm;
	session->keepalive = offer->keepalive;
	session->limits = (struct phaze_rekey_limits){.packets = offer->rekey_packets,
												  .age = offer->rekey_seconds * CLOCK_SECOND};
	session->to = offer->to;
	session->from = offer->from;
	session->number = offer->number;
	memcpy(session->used, offer->used, sizeof session->used);
	memcpy(session->fresh, offer->fresh, sizeof session->fresh);
	session->current_news = make_news(offer, PHAZE_NEWS_CURRENT);
	session->heard_news = make_news(offer, PHAZE_NEWS_HEARD);
	session->ended_news = make_news(offer, PHAZE_NEWS_ENDED);
	if (!session->current_news || !session->heard_news || !session->ended_news) {
		phaze_session_free(session);
		return NULL;
	}
	session->link = offer->link;
	return session;
}

void phaze_session_free(struct phaze_session *session) {
	if (!session)
		return;
	free(session->current_news);
	free(session->heard_news);
	free(session->ended_news);
	stream_link_free(session->link); /* it began nowhere */
	phaze_rekey_done(&session->rekey);
	wipe(session, sizeof *session);
	free(session);
}

static enum err make_key(struct phaze_session *session, const struct phaze_generation *generation,
						 struct phaze_key **out_key) {
	const struct shard *shard = shard_of(session);
	const bool is_client = session->peer->is_client;
	const uint8_t *send = is_client ? generation->client : generation->server;
	const uint8_t *receive = is_client ? generation->server : generation->client;
	const uint32_t local = is_client ? generation->client_id : generation->server_id;
	const uint32_t remote = is_client ? generation->server_id : generation->client_id;
	struct phaze_key *key = calloc(1, sizeof *key);
	if (!key)
		return ERR_NO_MEMORY;
	key->deferred.release = release_key;
	key->owner = session;
	key->generation = generation->number;
	enum err error = session_init(&key->session, shard->backend, session->algorithm, send, receive,
								  local, remote, is_client, shard->now)
						 ?: phaze_ids_set(ids_of(session), shard->now, local, key);
	if (error) {
		release_key(&key->deferred);
		return error;
	}
	key->session.send_counter = 1;
	*out_key = key;
	return ERR_OK;
}

static void end_key(struct phaze_key *key) {
	if (!key)
		return;
	struct shard *shard = shard_of(key->owner);
	phaze_ids_free_id(ids_of(key->owner), shard->now, key->session.local_index);
	shard_defer(shard, &key->deferred);
}

enum err phaze_session_begin(struct phaze_session *session, const struct phaze_new_session *offer) {
	struct phaze_generation generation = {
		.client_id = offer->client_id,
		.server_id = offer->server_id,
	};
	WIPE_ON_EXIT(generation);
	memcpy(generation.client, offer->keys.client, sizeof generation.client);
	memcpy(generation.server, offer->keys.server, sizeof generation.server);
	enum err error = make_key(session, &generation, &session->newest);
	if (error)
		return error;
	const uint32_t local = session->newest->session.local_index;
	session->moved = phaze_ids_shard(local) != shard_of(session)->number;
	session->arrived = shard_of(session)->now;
	phaze_rekey_init(&session->rekey, session->peer->is_client, offer->keys.rekey);
	return ERR_OK;
}

enum err phaze_session_follow(struct phaze_session *session,
							  const struct phaze_generation *generation) {
	struct phaze_key *key;
	enum err error = make_key(session, generation, &key);
	if (error)
		return error;
	if (key->session.local_index == session->reserved)
		session->reserved = 0;
	end_key(session->old);
	session->old = session->newest;
	session->newest = key;
	return ERR_OK;
}

void phaze_session_forget_old(struct phaze_session *session) {
	end_key(session->old);
	session->old = NULL;
}

uint32_t phaze_session_reserve(struct phaze_session *session) {
	uint32_t id;
	if (session->reserved == 0 &&
		phaze_ids_reserve(ids_of(session), shard_of(session)->now, &id) == ERR_OK)
		session->reserved = id;
	return session->reserved;
}

void phaze_session_tell_current(struct phaze_session *session) {
	phaze_newsbox_put_session(session->peer->box, session->current_news);
	session->current_news = NULL;
}

void phaze_session_tell_heard(struct phaze_session *session) {
	if (session->heard_news)
		phaze_newsbox_put_session(session->peer->box, session->heard_news);
	session->heard_news = NULL;
}

static void tell_ended(struct phaze_session *session, enum phaze_close_code code, bool by_peer) {
	struct phaze_news_session *news = session->ended_news;
	if (!news)
		return;
	news->was_current = session->stage == PHAZE_CURRENT;
	news->was_heard = session->heard;
	news->by_peer = by_peer;
	news->code = code;
	session->ended_news = NULL;
	phaze_newsbox_put_session(session->peer->box, news);
}

void phaze_session_part(struct phaze_session *session, enum phaze_close_code code) {
	tell_ended(session, code, false);
	session->stage = PHAZE_PARTING;
	session->code = code;
}

void phaze_session_end(struct phaze_session *session, enum phaze_close_code code, bool by_peer) {
	struct shard *shard = shard_of(session);
	phaze_session_forget_old(session);
	end_key(session->newest);
	session->newest = NULL;
	stream_link_end(session->link);
	session->link = NULL;
	if (session->reserved != 0)
		phaze_ids_free_id(ids_of(session), shard->now, session->reserved);
	tell_ended(session, code, by_peer);
	session->stage = PHAZE_ENDED;
	shard_defer(shard, &session->deferred);
}

static bool is_dead(const struct phaze_key *key, uint64_t now, uint64_t packets) {
	return phaze_rekey_is_dead(&key->owner->limits, packets, session_age(&key->session, now));
}

bool phaze_session_opens(const struct phaze_key *key, uint64_t now) {
	return phaze_rekey_opens(&key->owner->rekey, now, key->generation) && !is_dead(key, now, 0);
}

struct phaze_key *phaze_session_sealing(const struct phaze_session *session, uint64_t now,
										uint32_t count) {
	struct phaze_key *key = phaze_rekey_sealing(&session->rekey) == session->newest->generation
								? session->newest
								: session->old;
	/* Sequences begin with 1; the last one may be sent, too. */
	return is_dead(key, now, key->session.send_counter + count - 2) ? NULL : key;
}

/* As many packets as that were sent, or came, or were lost. */
static uint64_t packets_of(const struct session *session) {
	const uint64_t sent = session->send_counter - 1;
	const uint64_t came = session->replay.next > 0 ? session->replay.next - 1 : 0;
	return sent > came ? sent : came;
}

bool phaze_session_is_due(const struct phaze_session *session, uint64_t now) {
	const struct session *newest = &session->newest->session;
	return phaze_rekey_is_due(&session->limits, packets_of(newest), session_age(newest, now));
}

uint64_t phaze_session_due_at(const struct phaze_session *session) {
	return session->newest->session.born + session->limits.age;
}

uint64_t phaze_session_dead_at(const struct phaze_session *session) {
	return phaze_session_due_at(session) + PHAZE_KEY_AGE_BEYOND;
}
