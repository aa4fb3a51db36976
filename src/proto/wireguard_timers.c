#include "proto/wireguard_timers.h"

#include "engine/lane.h"
#include "engine/shard_out.h"
#include "engine/staging.h"
#include "proto/wireguard_exchange.h"
#include "proto/wireguard_limits.h"
#include "proto/wireguard_network.h"
#include "proto/wireguard_probe.h"

static uint64_t now_of(const struct wireguard_peer *peer) {
	return peer->peer.lane->shard->now;
}

static uint64_t jitter(const struct wireguard_peer *peer) {
	return random_u32(peer->peer.lane->shard->random) % WIREGUARD_REKEY_JITTER;
}

static bool is_set(const struct wireguard_peer *peer, enum wireguard_timer timer) {
	return peer->timers[timer] != CLOCK_NEVER;
}

static void cancel(struct wireguard_peer *peer, enum wireguard_timer timer) {
	/* The heap may wake us for nothing once; that is cheaper than moving it every batch. */
	peer->timers[timer] = CLOCK_NEVER;
}

static void set(struct wireguard_peer *peer, enum wireguard_timer timer, uint64_t delay) {
	if (!peer->running)
		return;
	uint64_t at = now_of(peer) + delay;
	peer->timers[timer] = at;
	const struct deadline *deadline = &peer->peer.deadline;
	if (deadline->position == 0 || at < deadline->at)
		lane_set_deadline(peer->peer.lane, &peer->peer, at);
}

void wireguard_timers_init(struct wireguard_peer *peer) {
	for (int i = 0; i < WIREGUARD_TIMERS; i++)
		peer->timers[i] = CLOCK_NEVER;
}

void wireguard_timers_stop(struct wireguard_peer *peer) {
	wireguard_timers_init(peer);
	lane_set_deadline(peer->peer.lane, &peer->peer, CLOCK_NEVER);
}

void wireguard_timers_traversal(struct wireguard_peer *peer) {
	if (peer->persistent_interval > 0)
		set(peer, WIREGUARD_TIMER_PERSISTENT, peer->persistent_interval * CLOCK_SECOND);
}

void wireguard_timers_any_sent(struct wireguard_peer *peer) {
	cancel(peer, WIREGUARD_TIMER_KEEPALIVE);
}

void wireguard_timers_any_received(struct wireguard_peer *peer) {
	cancel(peer, WIREGUARD_TIMER_NEW_HANDSHAKE);
	if (peer->announced > 0)
		cancel(peer, WIREGUARD_TIMER_ANNOUNCE);
}

void wireguard_timers_data_sent(struct wireguard_peer *peer) {
	if (!is_set(peer, WIREGUARD_TIMER_NEW_HANDSHAKE))
		set(peer, WIREGUARD_TIMER_NEW_HANDSHAKE, WIREGUARD_NEW_HANDSHAKE_TIMEOUT + jitter(peer));
}

void wireguard_timers_data_received(struct wireguard_peer *peer) {
	if (is_set(peer, WIREGUARD_TIMER_KEEPALIVE))
		peer->another_keepalive = true;
	else
		set(peer, WIREGUARD_TIMER_KEEPALIVE, WIREGUARD_KEEPALIVE_TIMEOUT);
}

void wireguard_timers_initiated(struct wireguard_peer *peer) {
	set(peer, WIREGUARD_TIMER_RETRANSMIT, WIREGUARD_REKEY_TIMEOUT + jitter(peer));
}

void wireguard_timers_retransmit_in(struct wireguard_peer *peer, uint64_t delay) {
	set(peer, WIREGUARD_TIMER_RETRANSMIT, delay);
}

void wireguard_timers_announce_in(struct wireguard_peer *peer, uint64_t delay) {
	set(peer, WIREGUARD_TIMER_ANNOUNCE, delay);
}

bool wireguard_timers_recent_data(const struct wireguard_peer *peer) {
	return is_set(peer, WIREGUARD_TIMER_KEEPALIVE) || is_set(peer, WIREGUARD_TIMER_NEW_HANDSHAKE);
}

void wireguard_timers_probe_at(struct wireguard_peer *peer, uint64_t at) {
	if (at == CLOCK_NEVER)
		cancel(peer, WIREGUARD_TIMER_PROBE);
	else
		set(peer, WIREGUARD_TIMER_PROBE, at > now_of(peer) ? at - now_of(peer) : 0);
}

void wireguard_timers_session_derived(struct wireguard_peer *peer) {
	set(peer, WIREGUARD_TIMER_WIPE, WIREGUARD_WIPE_TIME);
}

void wireguard_timers_handshake_complete(struct wireguard_peer *peer) {
	cancel(peer, WIREGUARD_TIMER_RETRANSMIT);
	peer->attempts = 0;
	peer->redirected = peer->challenged = peer->moved = false;
	peer->last_minute_sent = false;
	const struct engine_clock *clock = peer->peer.lane->shard->clock;
	atomic_store_explicit(&peer->peer.published.last_handshake, clock->wall_now(clock->context),
						  memory_order_relaxed);
	atomic_store_explicit(&peer->news.unanswered, 0, memory_order_relaxed);
	device_news_tell(&peer->news, DEVICE_NEWS_HANDSHAKE);
}

static void retransmit(struct wireguard_peer *peer) {
	/*
	 * To a new endpoint, or to one that asked for its cookie, is no repetition: it does not use up
	 * an attempt. The cookie is for the address that we sent from.
	 */
	bool is_new = peer->redirected || peer->challenged || peer->moved;
	if (is_new || peer->attempts < WIREGUARD_ATTEMPTS_MAX) {
		peer->attempts += !is_new;
		if (!peer->challenged)
			wireguard_peer_clear_source(peer);
		wireguard_exchange_initiate(peer, true);
		return;
	}
	if (peer->pending.present)
		device_news_unanswered(&peer->news);
	/* Nobody answers: what waits is dropped, and all keys go when nothing changes. */
	cancel(peer, WIREGUARD_TIMER_KEEPALIVE);
	staging_drop(&peer->peer);
	wireguard_peer_forget_pending(peer);
	if (!is_set(peer, WIREGUARD_TIMER_WIPE))
		set(peer, WIREGUARD_TIMER_WIPE, WIREGUARD_WIPE_TIME);
}

static void run(struct wireguard_peer *peer, enum wireguard_timer timer) {
	switch (timer) {
	case WIREGUARD_TIMER_RETRANSMIT:
		retransmit(peer);
		break;
	case WIREGUARD_TIMER_KEEPALIVE:
		shard_out_send_keepalive(peer->peer.lane, &peer->peer);
		if (peer->another_keepalive) {
			peer->another_keepalive = false;
			set(peer, WIREGUARD_TIMER_KEEPALIVE, WIREGUARD_KEEPALIVE_TIMEOUT);
		}
		break;
	case WIREGUARD_TIMER_NEW_HANDSHAKE:
		wireguard_peer_clear_source(peer);
		wireguard_exchange_initiate(peer, false);
		break;
	case WIREGUARD_TIMER_WIPE:
		/* A handshake under way, as after a sleep, has an end of its own: retransmit(). */
		if (is_set(peer, WIREGUARD_TIMER_RETRANSMIT))
			wireguard_peer_wipe_sessions(peer);
		else
			wireguard_peer_wipe(peer);
		break;
	case WIREGUARD_TIMER_PERSISTENT:
		if (peer->persistent_interval > 0)
			shard_out_send_keepalive(peer->peer.lane, &peer->peer);
		break;
	case WIREGUARD_TIMER_ANNOUNCE:
		wireguard_network_announce(peer);
		break;
	case WIREGUARD_TIMER_PROBE:
		wireguard_probe_expired(peer);
		break;
	case WIREGUARD_TIMERS:
		break;
	}
}

void wireguard_timers_expired(struct wireguard_peer *peer) {
	uint64_t now = now_of(peer);
	for (int timer = 0; timer < WIREGUARD_TIMERS; timer++) {
		if (peer->timers[timer] > now)
			continue;
		peer->timers[timer] = CLOCK_NEVER;
		run(peer, (enum wireguard_timer)timer);
	}
	uint64_t next = CLOCK_NEVER;
	for (int timer = 0; timer < WIREGUARD_TIMERS; timer++)
		if (peer->timers[timer] < next)
			next = peer->timers[timer];
	lane_set_deadline(peer->peer.lane, &peer->peer, next);
}
