#pragma once

#include <stdint.h>

/*
 * When the next burst is due. Pure: the caller says what time it is. A sender that was not
 * scheduled makes up for a bounded debt, and not in one endless burst; what it owed beyond that is
 * never sent, and shows as a rate below the one asked for.
 */
struct pace {
	double paid;     /* ns: all bursts due until then have been given */
	double interval; /* ns between two bursts; 0: as fast as it goes */
	double debt;     /* ns */
};

/* rate: bursts a second, 0 for no limit; debt: ns. */
void pace_init(struct pace *pace, double rate, uint64_t debt, uint64_t now);

/* How many bursts are due now, at most `most`; they count as given. */
uint32_t pace_take(struct pace *pace, uint64_t now, uint32_t most);

/* When the next one is, ns; 0 without a limit. */
uint64_t pace_next(const struct pace *pace);
