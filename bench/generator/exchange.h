#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/generator/crowd.h"

/* The handshakes of a crowd, a window of them at a time, and how long they took. */

struct exchange_plan {
	uint32_t window; /* under way at the same time */
	uint64_t limit;  /* ns for all of them */
	uint64_t again;  /* ns without an answer until the next attempt */
	uint64_t every;  /* ns between the starts of two clients, at least */
	/*
	 * ns between a cookie and the next attempt; that is never later than without one. Stock
	 * clients only remember a cookie: CLOCK_NEVER.
	 */
	uint64_t cookie_wait;
	/*
	 * Makes all initiations before, and finishes all responses after, so that this end's curve
	 * arithmetic is not in the time: what is left is the server's own rate.
	 */
	bool prepared;
};

struct exchange_result {
	uint32_t completed, attempts, cookies;
	double seconds;  /* until the last one that completed */
	uint64_t *times; /* ns of each client, of its own first attempt; 0: not completed. Caller's */
};

/*
 * Every client gets a session that both ends know of: a keepalive is sent with each, except with
 * prepared ones. out_result->times is malloc'ed.
 */
void exchange_run(struct crowd *crowd, const struct exchange_plan *plan,
				  struct exchange_result *out_result);
