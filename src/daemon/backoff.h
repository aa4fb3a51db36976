#pragma once

#include <stdint.h>

#include "base/clock.h"

/* When to start a process again that ended: at once, unless it keeps ending young. */

#define BACKOFF_YOUNG CLOCK_SECOND
#define BACKOFF_FIRST (100 * CLOCK_MILLISECOND)
#define BACKOFF_MAX (5 * CLOCK_SECOND)

/* Zeroed to begin with. */
struct backoff {
	uint64_t next; /* ns */
};

/* The delay before the next start, of a process that lived so long. */
static inline uint64_t backoff_delay(struct backoff *backoff, uint64_t lived) {
	uint64_t delay = lived < BACKOFF_YOUNG ? backoff->next : 0;
	uint64_t doubled = delay == 0 ? BACKOFF_FIRST : 2 * delay;
	backoff->next = doubled < BACKOFF_MAX ? doubled : BACKOFF_MAX;
	return delay;
}
