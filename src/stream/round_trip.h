#pragma once

#include <stdint.h>

/*
 * The shortest round trip of the last while: what the path takes when no queue stands in it, which
 * is what windows are to be sized by. Two spans are kept, so that a longer path is learnt after at
 * most two of them.
 */

#define ROUND_TRIP_SPAN (10 * UINT64_C(1000000000)) /* ns */

struct round_trip {
	uint64_t latest;            /* ns; 0 before the first measurement */
	uint64_t current, previous; /* the shortest of this span and of the one before; 0: none */
	uint64_t span_began;
};

/* A measured round trip (ns, at least 1 is kept). A zeroed struct is one without measurements. */
void round_trip_add(struct round_trip *round_trip, uint64_t measured, uint64_t now);

/* ns; 0 before the first measurement. */
uint64_t round_trip_shortest(const struct round_trip *round_trip);
