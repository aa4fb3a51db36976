#include "session/retry_backoff.h"

#include "base/doubling.h"

/* So that it is at most RETRY_BACKOFF_MAX with its random part. */
#define BASE_MAX (RETRY_BACKOFF_MAX / (RETRY_BACKOFF_JITTER + 1) * RETRY_BACKOFF_JITTER)

uint64_t retry_backoff_next(struct retry_backoff *backoff, const struct random_source *random) {
	const uint64_t base = doubling_of(RETRY_BACKOFF_MIN, BASE_MAX, backoff->attempts);
	if (backoff->attempts < UINT32_MAX)
		backoff->attempts++;
	const uint64_t jitter = base / RETRY_BACKOFF_JITTER;
	return base + ((jitter * (random_u32(random) >> 16)) >> 16);
}
