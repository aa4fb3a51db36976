#include "session/liveness.h"

static uint64_t keepalive_at(const struct liveness *liveness) {
	return liveness->sent_at + liveness->interval;
}

static uint64_t dead_at(const struct liveness *liveness) {
	return liveness->received_at + LIVENESS_MISSED_MAX * liveness->interval + LIVENESS_GRACE;
}

void liveness_begin(struct liveness *liveness, uint64_t interval, uint64_t now) {
	*liveness = (struct liveness){.interval = interval, .sent_at = now, .received_at = now};
}

void liveness_change(struct liveness *liveness, uint64_t interval) {
	if (liveness->interval > 0)
		liveness->interval = interval;
}

enum liveness_due liveness_expired(struct liveness *liveness, uint64_t now) {
	if (liveness->interval == 0)
		return LIVENESS_NOTHING;
	if (now >= dead_at(liveness)) {
		liveness->interval = 0;
		return LIVENESS_DEAD;
	}
	if (now < keepalive_at(liveness))
		return LIVENESS_NOTHING;
	liveness->sent_at = now;
	return LIVENESS_KEEPALIVE;
}

uint64_t liveness_deadline(const struct liveness *liveness) {
	if (liveness->interval == 0)
		return CLOCK_NEVER;
	uint64_t keepalive = keepalive_at(liveness), dead = dead_at(liveness);
	return keepalive < dead ? keepalive : dead;
}
