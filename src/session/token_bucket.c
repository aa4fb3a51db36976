#include "session/token_bucket.h"

#include <stdbool.h>

#include "base/clock.h"

/* So that nothing overflows: a rate beyond is none, and nobody owes more. */
#define RATE_MAX (UINT64_C(1) << 34)
#define OWED_MAX (INT64_C(1) << 33)
#define SECONDS_MAX (UINT64_C(1) << 20)

static int64_t burst_of(const struct token_bucket *bucket) {
	const uint64_t burst = bucket->rate / 4;
	return (int64_t)(burst > TOKEN_BUCKET_BURST_MIN ? burst : TOKEN_BUCKET_BURST_MIN);
}

void token_bucket_set(struct token_bucket *bucket, uint64_t rate, uint64_t now) {
	if (rate == 0 || rate > RATE_MAX) {
		*bucket = (struct token_bucket){.rate = 0};
		return;
	}
	if (bucket->rate != 0)
		token_bucket_take(bucket, 0, now);
	const bool was_limited = bucket->rate != 0;
	bucket->rate = rate;
	if (!was_limited || bucket->level > burst_of(bucket))
		bucket->level = burst_of(bucket);
	bucket->filled = now;
}

/* Brings the level up to date; what is no whole byte yet stays in the time. */
static void fill(struct token_bucket *bucket, uint64_t now) {
	if (now <= bucket->filled)
		return;
	const uint64_t elapsed = now - bucket->filled, seconds = elapsed / CLOCK_SECOND;
	const uint64_t room = (uint64_t)(burst_of(bucket) - bucket->level);
	const uint64_t bytes = (seconds < SECONDS_MAX ? seconds : SECONDS_MAX) * bucket->rate +
						   elapsed % CLOCK_SECOND * bucket->rate / CLOCK_SECOND;
	if (bytes >= room) {
		bucket->level = burst_of(bucket);
		bucket->filled = now;
		return;
	}
	bucket->level += (int64_t)bytes;
	bucket->filled += bytes * CLOCK_SECOND / bucket->rate;
}

void token_bucket_take(struct token_bucket *bucket, uint64_t bytes, uint64_t now) {
	if (bucket->rate == 0)
		return;
	fill(bucket, now);
	const uint64_t room = (uint64_t)(bucket->level + OWED_MAX);
	bucket->level -= (int64_t)(bytes < room ? bytes : room);
}

uint64_t token_bucket_wait(const struct token_bucket *bucket, uint64_t now) {
	if (bucket->rate == 0 || bucket->level > 0)
		return 0;
	const uint64_t owed = (uint64_t)(1 - bucket->level);
	const uint64_t at = bucket->filled + (owed * CLOCK_SECOND + bucket->rate - 1) / bucket->rate;
	return at > now ? at - now : 0;
}
