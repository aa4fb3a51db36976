#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "base/random.h"

/*
 * How long to wait between attempts to reach an end that does not answer: a second, then twice as
 * long each time, up to a minute. Up to a quarter of that is random, so that all who lost the same
 * server do not come back in the same moment. The first attempt is the caller's, at once.
 */

#define RETRY_BACKOFF_MIN CLOCK_SECOND
#define RETRY_BACKOFF_MAX (60 * CLOCK_SECOND)

enum { RETRY_BACKOFF_JITTER = 4 /* the random part: one in so many */ };

/* Zeroed: no attempt failed, or one succeeded. */
struct retry_backoff {
	uint32_t attempts; /* that were waited for */
};

/* ns from the attempt that was just made to the next one. */
uint64_t retry_backoff_next(struct retry_backoff *backoff, const struct random_source *random);
