#include "proto/mighty_timers.h"

#include "engine/lane.h"
#include "engine/staging.h"
#include "proto/mighty_exchange.h"
#include "proto/mighty_limits.h"
#include "proto/mighty_message.h"
#include "proto/mighty_paths.h"

static uint64_t now_of(const struct mighty_peer *peer) {
	return peer->peer.lane->shard->now;
}

static void cancel(struct mighty_peer *peer, enum mighty_timer timer) {
	/* The heap may wake us for nothing once; that is cheaper than moving it every batch. */
	peer->timers[timer] = CLOCK_NEVER;
}

static void set_at(struct mighty_peer *peer, enum mighty_timer timer, uint64_t at) {
	if (!peer->running)
		return;
	peer->timers[timer] = at;
	const struct deadline *deadline = &peer->peer.deadline;
	if (deadline->position == 0 || at < deadline->at)
		lane_set_deadline(peer->peer.lane, &peer->peer, at);
}

static void set(struct mighty_peer *peer, enum mighty_timer timer, uint64_t delay) {
	set_at(peer, timer, now_of(peer) + delay);
}

void mighty_timers_init(struct mighty_peer *peer) {
	for (int i = 0; i < MIGHTY_TIMERS; i++)
		peer->timers[i] = CLOCK_NEVER;
}

void mighty_timers_stop(struct mighty_peer *peer) {
	mighty_timers_init(peer);
	lane_set_deadline(peer->peer.lane, &peer->peer, CLOCK_NEVER);
}

/* Their deadlines are looked at when the earliest of before comes: each only ever moves back. */
void mighty_timers_sent(struct mighty_peer *peer) {
	liveness_sent(&peer->liveness, now_of(peer));
}

void mighty_timers_received(struct mighty_peer *peer) {
	liveness_received(&peer->liveness, now_of(peer));
}

void mighty_timers_attempted(struct mighty_peer *peer) {
	set(peer, MIGHTY_TIMER_ATTEMPT,
		retry_backoff_next(&peer->backoff, peer->peer.lane->shard->random));
}

void mighty_timers_attempt_in(struct mighty_peer *peer, uint64_t delay) {
	set(peer, MIGHTY_TIMER_ATTEMPT, delay);
}

void mighty_timers_begin_later(struct mighty_peer *peer) {
	mighty_timers_attempted(peer);
}

void mighty_timers_finalized(struct mighty_peer *peer) {
	const unsigned before = peer->finalizes - 1;
	const uint64_t age = session_age(&peer->current->session, now_of(peer));
	const uint64_t left = MIGHTY_HALF_OPEN_TIME - age;
	const uint64_t delay = MIGHTY_FINALIZE_INTERVAL << before;
	set(peer, MIGHTY_TIMER_FINALIZE, delay < left ? delay : left);
}

void mighty_timers_half_open(struct mighty_peer *peer) {
	if (peer->half_open_count == 0)
		cancel(peer, MIGHTY_TIMER_HALF_OPEN);
	else
		set_at(peer, MIGHTY_TIMER_HALF_OPEN,
			   peer->half_open[0]->session.born + MIGHTY_HALF_OPEN_TIME);
}

static uint64_t keepalive_of(const struct mighty_peer *peer) {
	const uint16_t own = mighty_lane_config(peer->peer.lane)->keepalive;
	return (peer->keepalive > 0 ? peer->keepalive : own) * CLOCK_SECOND;
}

void mighty_timers_session(struct mighty_peer *peer) {
	const struct mighty_session *current = peer->current;
	cancel(peer, MIGHTY_TIMER_ATTEMPT);
	cancel(peer, MIGHTY_TIMER_FINALIZE);
	cancel(peer, MIGHTY_TIMER_RETIRE);
	peer->backoff = (struct retry_backoff){.attempts = 0};
	/* The client renews it; a server's has an end. */
	set_at(peer, MIGHTY_TIMER_AGE,
		   current->session.born + current->rekey_after + (peer->client ? 0 : MIGHTY_REJECT_GRACE));
	liveness_begin(&peer->liveness, keepalive_of(peer), now_of(peer));
	set_at(peer, MIGHTY_TIMER_LIVENESS, liveness_deadline(&peer->liveness));
}

void mighty_timers_proven(struct mighty_peer *peer) {
	cancel(peer, MIGHTY_TIMER_FINALIZE);
	if (peer->previous)
		set(peer, MIGHTY_TIMER_RETIRE, MIGHTY_RETIRE_TIME);
}

void mighty_timers_lost(struct mighty_peer *peer) {
	cancel(peer, MIGHTY_TIMER_FINALIZE);
	cancel(peer, MIGHTY_TIMER_LIVENESS);
	cancel(peer, MIGHTY_TIMER_RETIRE);
	cancel(peer, MIGHTY_TIMER_AGE);
	cancel(peer, MIGHTY_TIMER_PATHS);
	peer->liveness = (struct liveness){.interval = 0};
}

void mighty_timers_paths_at(struct mighty_peer *peer, uint64_t at) {
	if (at == CLOCK_NEVER)
		cancel(peer, MIGHTY_TIMER_PATHS);
	else
		set_at(peer, MIGHTY_TIMER_PATHS, at);
}

static void expire_half_open(struct mighty_peer *peer) {
	mighty_peer_expire_half_open(peer);
	if (peer->half_open_count == 0 && !peer->current)
		staging_drop(&peer->peer);
}

static void look_at_liveness(struct mighty_peer *peer) {
	switch (liveness_expired(&peer->liveness, now_of(peer))) {
	case LIVENESS_NOTHING:
		break;
	case LIVENESS_KEEPALIVE:
		mighty_message_keepalive(peer);
		break;
	case LIVENESS_DEAD:
		mighty_peer_lose(peer);
		mighty_exchange_begin(peer);
		return;
	}
	if (peer->current)
		set_at(peer, MIGHTY_TIMER_LIVENESS, liveness_deadline(&peer->liveness));
}

static void look_at_age(struct mighty_peer *peer) {
	const struct mighty_session *current = peer->current;
	if (!mighty_session_may_open(current, now_of(peer)))
		mighty_peer_lose(peer);
	else
		set_at(peer, MIGHTY_TIMER_AGE,
			   current->session.born + current->rekey_after + MIGHTY_REJECT_GRACE);
	mighty_exchange_begin(peer);
}

static void retire(struct mighty_peer *peer) {
	mighty_session_end(peer->previous);
	peer->previous = NULL;
}

static void run(struct mighty_peer *peer, enum mighty_timer timer) {
	switch (timer) {
	case MIGHTY_TIMER_ATTEMPT:
		mighty_exchange_attempt(peer);
		break;
	case MIGHTY_TIMER_FINALIZE:
		mighty_exchange_finalize(peer);
		break;
	case MIGHTY_TIMER_HALF_OPEN:
		expire_half_open(peer);
		break;
	case MIGHTY_TIMER_LIVENESS:
		look_at_liveness(peer);
		break;
	case MIGHTY_TIMER_RETIRE:
		retire(peer);
		break;
	case MIGHTY_TIMER_AGE:
		look_at_age(peer);
		break;
	case MIGHTY_TIMER_PATHS:
		mighty_paths_expired(peer);
		break;
	case MIGHTY_TIMERS:
		break;
	}
}

void mighty_timers_expired(struct mighty_peer *peer) {
	const uint64_t now = now_of(peer);
	for (int timer = 0; timer < MIGHTY_TIMERS; timer++) {
		if (peer->timers[timer] > now)
			continue;
		peer->timers[timer] = CLOCK_NEVER;
		run(peer, (enum mighty_timer)timer);
	}
	uint64_t next = CLOCK_NEVER;
	for (int timer = 0; timer < MIGHTY_TIMERS; timer++)
		if (peer->timers[timer] < next)
			next = peer->timers[timer];
	lane_set_deadline(peer->peer.lane, &peer->peer, next);
}
