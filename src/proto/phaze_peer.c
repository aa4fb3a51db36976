#include "proto/phaze_peer.h"

#include <string.h>

#include "base/wipe.h"
#include "engine/shard_out.h"
#include "engine/staging.h"
#include "engine/stream_link.h"
#include "proto/phaze_message.h"
#include "proto/phaze_protocol.h"
#include "proto/phaze_renewal.h"
#include "proto/phaze_session.h"
#include "proto/phaze_timers.h"

static uint64_t now_of(const struct phaze_peer *peer) {
	return peer->peer.lane->shard->now;
}

void phaze_peer_init(struct phaze_peer *peer, const uint8_t identity[static HASH_SIZE],
					 uint16_t owner, struct phaze_newsbox *box) {
	_Static_assert(sizeof peer->identity == X25519_KEY_SIZE, "what news name a peer by");
	memset(peer, 0, sizeof *peer);
	peer_init(&peer->peer, &phaze_protocol, owner);
	memcpy(peer->identity, identity, sizeof peer->identity);
	device_news_init(&peer->news, &peer->peer, peer->identity);
	peer->box = box;
	peer->quota_end = PHAZE_NO_QUOTA;
	phaze_timers_init(peer);
}

void phaze_peer_done(struct phaze_peer *peer) {
	wipe(peer, sizeof *peer);
}

/* All that pend but this one, which may be NULL. */
static void end_pending(struct phaze_peer *peer, const struct phaze_session *but) {
	for (size_t i = 0; i < peer->pending_count; i++)
		if (peer->pending[i] != but)
			phaze_session_end(peer->pending[i], PHAZE_CLOSE_REPLACED, false);
	peer->pending_count = 0;
	phaze_timers_pending(peer);
}

/* Only those that part stay. */
static void end_waiting(struct phaze_peer *peer) {
	size_t kept = 0;
	for (size_t i = 0; i < peer->pending_count; i++)
		if (peer->pending[i]->stage == PHAZE_PARTING)
			peer->pending[kept++] = peer->pending[i];
		else
			phaze_session_end(peer->pending[i], PHAZE_CLOSE_REPLACED, false);
	peer->pending_count = kept;
	phaze_timers_pending(peer);
}

static void remove_pending(struct phaze_peer *peer, size_t count) {
	peer->pending_count -= count;
	memmove(peer->pending, peer->pending + count, peer->pending_count * sizeof peer->pending[0]);
	phaze_timers_pending(peer);
}

void phaze_peer_expire_pending(struct phaze_peer *peer) {
	size_t count = 0;
	while (count < peer->pending_count &&
		   now_of(peer) >= peer->pending[count]->arrived + PHAZE_PENDING_TIME)
		phaze_session_end(peer->pending[count++], PHAZE_CLOSE_DONE, false);
	remove_pending(peer, count);
	if (peer->pending_count == 0 && !peer->current)
		staging_drop(&peer->peer);
}

static void add_pending(struct phaze_peer *peer, struct phaze_session *session) {
	if (peer->pending_count == PHAZE_PENDING_MAX) {
		phaze_session_end(peer->pending[0], PHAZE_CLOSE_REPLACED, false);
		remove_pending(peer, 1);
	}
	peer->pending[peer->pending_count++] = session;
	phaze_timers_pending(peer);
}

/* It is current no more; NULL where there is none. */
static struct phaze_session *take_current(struct phaze_peer *peer) {
	struct phaze_session *current = peer->current;
	if (!current)
		return NULL;
	peer->current = NULL;
	/* Before anybody is told: who hears of it may look. */
	atomic_store_explicit(&peer->connected, false, memory_order_relaxed);
	phaze_timers_lost(peer);
	return current;
}

/* Where there is one; nothing is sent. */
static void end_current(struct phaze_peer *peer, enum phaze_close_code code, bool by_peer) {
	struct phaze_session *current = take_current(peer);
	if (current)
		phaze_session_end(current, code, by_peer);
}

/*
 * A CLOSE that leaves right behind the server's verdict is there before the client has the session,
 * and is no packet of anybody's then. By a connection it waits behind the verdict.
 */
static bool may_be_early(const struct phaze_peer *peer, const struct phaze_session *session) {
	return !peer->is_client && !session->heard && !session->link;
}

void phaze_peer_close(struct phaze_peer *peer, enum phaze_close_code code) {
	struct phaze_session *current = peer->current;
	phaze_message_close(peer, code);
	if (!current || !may_be_early(peer, current)) {
		end_current(peer, code, false);
		return;
	}
	(void)take_current(peer);
	phaze_session_part(current, code);
	current->arrived = now_of(peer);
	add_pending(peer, current);
}

void phaze_peer_expel(struct phaze_peer *peer, enum phaze_close_code code) {
	memset(peer->ticket, 0, sizeof peer->ticket);
	for (size_t i = 0; i < peer->pending_count; i++)
		if (may_be_early(peer, peer->pending[i]))
			phaze_session_part(peer->pending[i], code);
	end_waiting(peer);
	phaze_peer_close(peer, code);
}

void phaze_peer_closed(struct phaze_peer *peer, enum phaze_close_code code) {
	end_current(peer, code, true);
}

void phaze_peer_lose(struct phaze_peer *peer) {
	end_current(peer, PHAZE_CLOSE_DONE, false);
}

void phaze_peer_look_at_quota(struct phaze_peer *peer) {
	const struct peer_published *published = &peer->peer.published;
	if (peer->quota_end == PHAZE_NO_QUOTA || !peer->current)
		return;
	const uint64_t used = atomic_load_explicit(&published->sent_bytes, memory_order_relaxed) +
						  atomic_load_explicit(&published->received_bytes, memory_order_relaxed);
	if (used >= peer->quota_end)
		phaze_peer_close(peer, PHAZE_CLOSE_QUOTA);
}

static void publish(struct phaze_peer *peer, const struct phaze_session *session) {
	const struct engine_clock *clock = peer->peer.lane->shard->clock;
	peer_set_endpoint(&peer->peer, &session->to, &session->from);
	atomic_store_explicit(&peer->peer.published.last_handshake, clock->wall_now(clock->context),
						  memory_order_relaxed);
	atomic_store_explicit(&peer->connected, true, memory_order_relaxed);
	phaze_session_tell_current(peer->current);
}

/* The first to say something in it. */
static void begin(struct phaze_peer *peer) {
	if (peer->is_client)
		phaze_message_greet(peer);
	else if (peer->current->moved)
		phaze_renewal_ask(peer);
	shard_out_send_staged(peer->peer.lane, &peer->peer);
}

static void make_current(struct phaze_peer *peer, struct phaze_session *session) {
	end_pending(peer, session);
	/* A client's own is not known to the server any more, once this one is. */
	if (peer->current && !peer->is_client)
		phaze_message_close(peer, PHAZE_CLOSE_REPLACED);
	end_current(peer, PHAZE_CLOSE_REPLACED, false);
	session->stage = PHAZE_CURRENT;
	peer->current = session;
	if (session->link)
		stream_link_use(session->link);
	memcpy(peer->ticket, session->fresh, sizeof peer->ticket);
	migration_begin(&peer->migration, &session->to);
	publish(peer, session);
	phaze_timers_session(peer);
	begin(peer);
	phaze_peer_look_at_quota(peer);
}

/* The ticket is no other's, and the place not one that somebody else has just got. */
static bool may_pend(const struct phaze_peer *peer, const struct phaze_session *session) {
	return !wipe_is_zero(peer->ticket, sizeof peer->ticket) &&
		   wipe_equal(peer->ticket, session->used, sizeof peer->ticket) &&
		   (peer->pending_count < PHAZE_PENDING_MAX ||
			now_of(peer) >= peer->pending[0]->arrived + PHAZE_PENDING_LEAST);
}

bool phaze_peer_has_place(const struct phaze_peer *peer, const struct phaze_session *session,
						  bool resumed) {
	return peer->is_client || !resumed || may_pend(peer, session);
}

void phaze_peer_take(struct phaze_peer *peer, struct phaze_session *session, bool resumed) {
	if (peer->is_client || !resumed) {
		make_current(peer, session);
		return;
	}
	add_pending(peer, session);
}

bool phaze_peer_heard(struct phaze_peer *peer, struct phaze_key *key) {
	struct phaze_session *session = key->owner;
	/* It may have ended since the packet was looked at, and is there until the turn's end. */
	if (session->stage == PHAZE_ENDED || session->stage == PHAZE_PARTING ||
		(key != session->newest && key != session->old))
		return false;
	const bool is_first = !session->heard;
	session->heard = true;
	if (session->stage == PHAZE_PENDING)
		make_current(peer, session);
	if (session->stage != PHAZE_CURRENT)
		return false; /* its quota was used up before it began */
	if (is_first) {
		phaze_session_tell_heard(session);
		phaze_timers_heard(peer);
	}
	phaze_renewal_opened(peer, key);
	return true;
}

void phaze_peer_link_lost(struct phaze_peer *peer, const struct stream_link *link) {
	if (peer->current && peer->current->link == link) {
		phaze_peer_lose(peer);
		return;
	}
	size_t kept = 0;
	for (size_t i = 0; i < peer->pending_count; i++)
		if (peer->pending[i]->link == link)
			phaze_session_end(peer->pending[i], PHAZE_CLOSE_DONE, false);
		else
			peer->pending[kept++] = peer->pending[i];
	peer->pending_count = kept;
	phaze_timers_pending(peer);
}

void phaze_peer_set_ticket(struct phaze_peer *peer, const uint8_t ticket[static HASH_SIZE]) {
	if (memcmp(peer->ticket, ticket, sizeof peer->ticket) == 0)
		return;
	memcpy(peer->ticket, ticket, sizeof peer->ticket);
	end_waiting(peer);
}

void phaze_peer_unreachable(struct phaze_peer *peer) {
	const uint64_t now = now_of(peer);
	/* That address is of no use any more either. */
	peer->peer.paths[0].from = (struct udp_source){.interface = 0};
	if (!peer->running ||
		(peer->last_unreachable != 0 && now - peer->last_unreachable < PHAZE_UNREACHABLE_INTERVAL))
		return;
	peer->last_unreachable = now;
	device_news_tell(&peer->news, DEVICE_NEWS_UNREACHABLE);
}

void phaze_peer_start(struct phaze_peer *peer) {
	if (peer->running)
		return;
	peer->is_client = phaze_lane_config(peer->peer.lane)->role == PHAZE_CLIENT;
	peer->running = true;
}

void phaze_peer_stop(struct phaze_peer *peer, enum phaze_close_code code) {
	if (!peer->running)
		return;
	phaze_peer_close(peer, code);
	phaze_peer_wipe(peer);
}

void phaze_peer_wipe(struct phaze_peer *peer) {
	if (!peer->running)
		return;
	end_current(peer, PHAZE_CLOSE_DONE, false);
	end_pending(peer, NULL);
	phaze_timers_stop(peer);
	peer->running = false;
	staging_drop(&peer->peer);
}
