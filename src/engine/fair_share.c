#include "engine/fair_share.h"

void fair_share_init(struct fair_share *share) {
	*share = (struct fair_share){.window = 1, .limit = FAIR_SHARE_NONE};
}

/* Half as much again as the average, which of two peers is three times the other's. */
static bool is_uneven(const struct fair_share *share) {
	return 2 * (uint64_t)share->most * share->peers > 3 * share->total;
}

static void lower(struct fair_share *share, uint64_t parts) {
	/* What nobody reaches limits nobody: the fall begins where the greatest use is. */
	uint64_t from = share->limit < share->most ? share->limit : share->most;
	uint64_t limit = from - from / parts;
	share->limit = limit > FAIR_SHARE_LEAST ? limit : FAIR_SHARE_LEAST;
}

static void raise_or_end(struct fair_share *share) {
	share->limit += share->limit / FAIR_SHARE_RISE;
	if (share->limit > 2 * (uint64_t)share->most && share->limit > 2 * FAIR_SHARE_LEAST)
		share->limit = FAIR_SHARE_NONE;
}

static void judge(struct fair_share *share, const struct fair_share_traffic *traffic) {
	if (share->peers < 2) {
		share->limit = FAIR_SHARE_NONE;
		return;
	}
	uint64_t bytes = traffic->bytes - share->before.bytes;
	bool crowded =
		!share->emptied && is_uneven(share) && 2 * (share->total + share->refused) >= bytes;
	bool lossy = (traffic->dropped - share->before.dropped) * FAIR_SHARE_LOSS >
				 traffic->datagrams - share->before.datagrams;
	if (crowded && lossy)
		lower(share, FAIR_SHARE_FALL);
	else if (!fair_share_is_limited(share))
		return;
	else if (crowded)
		lower(share, FAIR_SHARE_YIELD);
	else
		raise_or_end(share);
}

void fair_share_turn(struct fair_share *share, uint64_t now,
					 const struct fair_share_traffic *traffic) {
	if (now < share->ends)
		return;
	judge(share, traffic);
	share->before = *traffic;
	share->ends = now + FAIR_SHARE_WINDOW;
	share->peers = share->most = 0;
	share->total = share->refused = 0;
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

bool fair_share_take(struct fair_share *share, struct fair_share_use *use, uint64_t bytes) {
	uint64_t used = use->window == share->window ? use->bytes : 0;
	if (used + bytes > share->limit) {
		share->refused += bytes;
		return false;
	}
	fair_share_count(share, use, bytes);
	return true;
}

void fair_share_give_back(struct fair_share *share, struct fair_share_use *use, uint64_t bytes) {
	if (use->window != share->window || use->bytes < bytes || share->total < bytes)
		return;
	use->bytes -= (uint32_t)bytes;
	share->total -= bytes;
}
