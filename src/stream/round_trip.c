#include "stream/round_trip.h"

void round_trip_add(struct round_trip *round_trip, uint64_t measured, uint64_t now) {
	if (measured == 0)
		measured = 1;
	if (round_trip->latest == 0 || now - round_trip->span_began >= ROUND_TRIP_SPAN) {
		round_trip->previous = round_trip->current;
		round_trip->current = 0;
		round_trip->span_began = now;
	}
	round_trip->latest = measured;
	if (round_trip->current == 0 || measured < round_trip->current)
		round_trip->current = measured;
}

uint64_t round_trip_shortest(const struct round_trip *round_trip) {
	uint64_t current = round_trip->current, previous = round_trip->previous;
	return previous != 0 && previous < current ? previous : current;
}
