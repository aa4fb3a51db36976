#include "engine/fair_share.h"

void fair_share_init(struct fair_share *share) {
	*share = (struct fair_share){.window = 1, .limit = FAIR_SHARE_NONE};
}

/* Half as much again as the average, which of two peers is three times the other's. */
static bool is_uneven(const struct fair_share *share) {
	return 2 * (uint64_t)share->most * share->peers > 3 * share->total;
}

static void judge(struct fair_share *share, bool overflowed) {
	if (overflowed && is_uneven(share)) {
		/* What nobody reaches limits nobody: the fall begins where the greatest use is. */
		uint64_t from = share->limit < share->most ? share->limit : share->most;
		uint64_t limit = from - from / FAIR_SHARE_FALL;
		share->limit = limit > FAIR_SHARE_LEAST ? limit : FAIR_SHARE_LEAST;
	} else if (!fair_share_is_limited(share)) {
		return;
	} else if (!share->emptied) {
		uint64_t limit = share->limit - share->limit / FAIR_SHARE_YIELD;
		share->limit = limit > FAIR_SHARE_LEAST ? limit : FAIR_SHARE_LEAST;
	} else {
		share->limit += share->limit / FAIR_SHARE_RISE;
		if (share->limit > 2 * (uint64_t)share->most && share->limit > 2 * FAIR_SHARE_LEAST)
			share->limit = FAIR_SHARE_NONE;
	}
}

void fair_share_turn(struct fair_share *share, uint64_t now, uint64_t overflow) {
	if (now < share->ends)
		return;
	judge(share, overflow != share->overflow);
	share->overflow = overflow;
	share->ends = now + FAIR_SHARE_WINDOW;
	share->peers = share->most = 0;
	share->total = 0;
	share->emptied = false;
	if (++share->window == 0)
		share->window = 1;
}

void fair_share_count(struct fair_share *share, struct fair_share_use *use, uint64_t bytes) {
	if (use->window != share->window) {
		*use = (struct fair_share_use){.window = share->window};
		share->peers++;
	}
	share->total += bytes;
	uint64_t sum = use->bytes + bytes;
	use->bytes = sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
	if (use->bytes > share->most)
		share->most = use->bytes;
}
