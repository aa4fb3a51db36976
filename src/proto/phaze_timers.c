#include "proto/phaze_timers.h"

#include "engine/lane.h"
#include "engine/shard_out.h"
#include "engine/staging.h"
#include "proto/phaze_message.h"
#include "proto/phaze_paths.h"
#include "proto/phaze_renewal.h"
#include "proto/phaze_session.h"

static uint64_t now_of(const struct phaze_peer *peer) {
	return peer->peer.lane->shard->now;
}

static void cancel(struct phaze_peer *peer, enum phaze_timer timer) {
	/* The heap may wake us for nothing once; that is cheaper than moving it every batch. */
	peer->timers[timer] = CLOCK_NEVER;
}

static void set_at(struct phaze_peer *peer, enum phaze_timer timer, uint64_t at) {
	if (!peer->running)
		return;
	peer->timers[timer] = at;
	const struct deadline *deadline = &peer->peer.deadline;
	if (at != CLOCK_NEVER && (deadline->position == 0 || at < deadline->at))
		lane_set_deadline(peer->peer.lane, &peer->peer, at);
}

static void set(struct phaze_peer *peer, enum phaze_timer timer, uint64_t delay) {
	set_at(peer, timer, now_of(peer) + delay);
}

void phaze_timers_init(struct phaze_peer *peer) {
	for (int i = 0; i < PHAZE_TIMERS; i++)
		peer->timers[i] = CLOCK_NEVER;
}

void phaze_timers_stop(struct phaze_peer *peer) {
	phaze_timers_init(peer);
	peer->liveness = (struct liveness){.interval = 0};
	lane_set_deadline(peer->peer.lane, &peer->peer, CLOCK_NEVER);
}

/* Their deadlines are looked at when the earliest of before comes: each only ever moves back. */
void phaze_timers_sent(struct phaze_peer *peer) {
	liveness_sent(&peer->liveness, now_of(peer));
}

void phaze_timers_received(struct phaze_peer *peer) {
	liveness_received(&peer->liveness, now_of(peer));
}

static bool greets(const struct phaze_peer *peer) {
	return peer->is_client ? !peer->current->heard : peer->current->moved;
}

static void set_greeting(struct phaze_peer *peer) {
	const uint64_t interval = peer->is_client ? PHAZE_GREETING_INTERVAL : PHAZE_ASK_INTERVAL;
	const uint64_t delay = interval << peer->greetings;
	peer->greetings++;
	/* The sum of all is less than twice the last. */
	if (greets(peer) && delay <= PHAZE_PENDING_TIME)
		set(peer, PHAZE_TIMER_GREETING, delay);
	else
		cancel(peer, PHAZE_TIMER_GREETING);
}

void phaze_timers_renewed(struct phaze_peer *peer) {
	const struct phaze_session *current = peer->current;
	/* The client renews it; a server's has an end. */
	set_at(peer, PHAZE_TIMER_AGE,
		   peer->is_client ? phaze_session_due_at(current) : phaze_session_dead_at(current));
}

void phaze_timers_session(struct phaze_peer *peer) {
	cancel(peer, PHAZE_TIMER_STAGED);
	cancel(peer, PHAZE_TIMER_REKEY);
	cancel(peer, PHAZE_TIMER_PATHS);
	cancel(peer, PHAZE_TIMER_CHANGED);
	cancel(peer, PHAZE_TIMER_PROOF);
	phaze_timers_renewed(peer);
	liveness_begin(&peer->liveness, peer->current->keepalive * CLOCK_SECOND, now_of(peer));
	set_at(peer, PHAZE_TIMER_LIVENESS, liveness_deadline(&peer->liveness));
	peer->greetings = 0;
	set_greeting(peer);
}

void phaze_timers_heard(struct phaze_peer *peer) {
	if (peer->is_client)
		cancel(peer, PHAZE_TIMER_GREETING);
}

void phaze_timers_lost(struct phaze_peer *peer) {
	cancel(peer, PHAZE_TIMER_LIVENESS);
	cancel(peer, PHAZE_TIMER_AGE);
	cancel(peer, PHAZE_TIMER_REKEY);
	cancel(peer, PHAZE_TIMER_GREETING);
	cancel(peer, PHAZE_TIMER_PATHS);
	cancel(peer, PHAZE_TIMER_RATE);
	cancel(peer, PHAZE_TIMER_CHANGED);
	cancel(peer, PHAZE_TIMER_PROOF);
	peer->liveness = (struct liveness){.interval = 0};
}

void phaze_timers_changed(struct phaze_peer *peer) {
	if (peer->timers[PHAZE_TIMER_CHANGED] == CLOCK_NEVER)
		set(peer, PHAZE_TIMER_CHANGED, PHAZE_CHANGED_TIME);
}

void phaze_timers_pending(struct phaze_peer *peer) {
	set_at(peer, PHAZE_TIMER_PENDING,
		   peer->pending_count > 0 ? peer->pending[0]->arrived + PHAZE_PENDING_TIME : CLOCK_NEVER);
}

void phaze_timers_rekey_at(struct phaze_peer *peer, uint64_t at) {
	set_at(peer, PHAZE_TIMER_REKEY, at);
}

void phaze_timers_paths_at(struct phaze_peer *peer, uint64_t at) {
	set_at(peer, PHAZE_TIMER_PATHS, at);
}

void phaze_timers_rate_in(struct phaze_peer *peer, uint64_t delay) {
	set(peer, PHAZE_TIMER_RATE, delay);
}

void phaze_timers_staged(struct phaze_peer *peer) {
	if (peer->timers[PHAZE_TIMER_STAGED] == CLOCK_NEVER)
		set(peer, PHAZE_TIMER_STAGED, PHAZE_STAGED_TIME);
}

static void look_at_liveness(struct phaze_peer *peer) {
	switch (liveness_expired(&peer->liveness, now_of(peer))) {
	case LIVENESS_NOTHING:
		break;
	case LIVENESS_KEEPALIVE:
		phaze_message_keepalive(peer);
		break;
	case LIVENESS_DEAD:
		phaze_peer_lose(peer);
		return;
	}
	set_at(peer, PHAZE_TIMER_LIVENESS, liveness_deadline(&peer->liveness));
}

static void look_at_age(struct phaze_peer *peer) {
	const struct phaze_session *current = peer->current;
	if (now_of(peer) >= phaze_session_dead_at(current)) {
		phaze_peer_lose(peer);
		return;
	}
	set_at(peer, PHAZE_TIMER_AGE, phaze_session_dead_at(current));
	phaze_renewal_look(peer);
}

static bool has_answered(const struct phaze_peer *peer) {
	return peer->liveness.received_at >= peer->asked_at;
}

/* What was asked before, and is open, is answered first: changes in a row put nothing off. */
static void ask(struct phaze_peer *peer) {
	if (peer->timers[PHAZE_TIMER_PROOF] != CLOCK_NEVER && !has_answered(peer))
		return;
	peer->asked_at = now_of(peer);
	phaze_message_greet(peer);
	set(peer, PHAZE_TIMER_PROOF, PHAZE_PROOF_TIME);
}

static void greet(struct phaze_peer *peer) {
	if (!greets(peer))
		return;
	if (peer->is_client)
		phaze_message_greet(peer);
	else
		phaze_renewal_ask(peer);
	set_greeting(peer);
}

static void run(struct phaze_peer *peer, enum phaze_timer timer) {
	switch (timer) {
	case PHAZE_TIMER_PENDING:
		phaze_peer_expire_pending(peer);
		return;
	case PHAZE_TIMER_STAGED:
		if (!peer->current)
			staging_drop(&peer->peer);
		return;
	default:
		break;
	}
	if (!peer->current)
		return;
	switch (timer) {
	case PHAZE_TIMER_LIVENESS:
		look_at_liveness(peer);
		break;
	case PHAZE_TIMER_AGE:
		look_at_age(peer);
		break;
	case PHAZE_TIMER_REKEY:
		phaze_renewal_expired(peer);
		break;
	case PHAZE_TIMER_GREETING:
		greet(peer);
		break;
	case PHAZE_TIMER_PATHS:
		phaze_paths_expired(peer);
		break;
	case PHAZE_TIMER_CHANGED:
		ask(peer);
		break;
	case PHAZE_TIMER_PROOF:
		if (!has_answered(peer))
			phaze_peer_lose(peer);
		break;
	case PHAZE_TIMER_RATE:
		shard_out_send_staged(peer->peer.lane, &peer->peer);
		break;
	case PHAZE_TIMER_PENDING:
	case PHAZE_TIMER_STAGED:
	case PHAZE_TIMERS:
		break;
	}
}

void phaze_timers_expired(struct phaze_peer *peer) {
	const uint64_t now = now_of(peer);
	for (int timer = 0; timer < PHAZE_TIMERS; timer++) {
		if (peer->timers[timer] > now)
			continue;
		peer->timers[timer] = CLOCK_NEVER;
		run(peer, (enum phaze_timer)timer);
	}
	uint64_t next = CLOCK_NEVER;
	for (int timer = 0; timer < PHAZE_TIMERS; timer++)
		if (peer->timers[timer] < next)
			next = peer->timers[timer];
	lane_set_deadline(peer->peer.lane, &peer->peer, next);
}
