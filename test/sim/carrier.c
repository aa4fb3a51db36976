#include "sim/carrier.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { SEGMENT_MAX = 1448 };

struct segment {
	struct segment *next;
	uint64_t arrives;
	size_t begin, end;
	uint8_t data[SEGMENT_MAX];
};

struct carrier {
	struct carrier_rules rules;
	uint64_t seed;
	struct segment *first, *last;
	uint64_t line_free; /* ns, when all that it has taken has left */
	uint64_t arrives;   /* of the last segment */
	uint64_t total;
};

static uint64_t chance(struct carrier *carrier, uint64_t below) {
	carrier->seed = carrier->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (carrier->seed >> 33) % below;
}

struct carrier *carrier_new(uint64_t seed, const struct carrier_rules *rules) {
	struct carrier *carrier = calloc(1, sizeof *carrier);
	if (!carrier)
		abort();
	carrier->rules = *rules;
	carrier->seed = seed;
	return carrier;
}

void carrier_free(struct carrier *carrier) {
	while (carrier && carrier->first) {
		struct segment *segment = carrier->first;
		carrier->first = segment->next;
		free(segment);
	}
	free(carrier);
}

static uint64_t time_of(const struct carrier *carrier, size_t size) {
	return size * CLOCK_SECOND / carrier->rules.rate;
}

size_t carrier_room(const struct carrier *carrier, uint64_t now) {
	if (carrier->line_free <= now)
		return carrier->rules.unsent;
	uint64_t unsent = (carrier->line_free - now) * carrier->rules.rate / CLOCK_SECOND;
	return unsent < carrier->rules.unsent ? carrier->rules.unsent - unsent : 0;
}

uint64_t carrier_room_time(const struct carrier *carrier, size_t size) {
	uint64_t early = time_of(carrier, carrier->rules.unsent - size);
	return carrier->line_free > early ? carrier->line_free - early + 1 : 0;
}

static void send_segment(struct carrier *carrier, const uint8_t *data, size_t size) {
	struct segment *segment = malloc(sizeof *segment);
	if (!segment)
		abort();
	carrier->line_free += time_of(carrier, size);
	uint64_t arrives = carrier->line_free + carrier->rules.delay;
	if (chance(carrier, 1000) < carrier->rules.loss_permille)
		arrives += carrier->rules.delay * (2 + chance(carrier, 4));
	else if (carrier->rules.late_permille > 0 &&
			 chance(carrier, 1000) < carrier->rules.late_permille)
		arrives += chance(carrier, carrier->rules.delay);
	if (arrives < carrier->arrives)
		arrives = carrier->arrives;
	carrier->arrives = arrives;
	segment->next = NULL;
	segment->arrives = arrives;
	segment->begin = 0;
	segment->end = size;
	memcpy(segment->data, data, size);
	if (carrier->last)
		carrier->last->next = segment;
	else
		carrier->first = segment;
	carrier->last = segment;
}

void carrier_send(struct carrier *carrier, const uint8_t *data, size_t size, uint64_t now) {
	if (carrier->line_free < now)
		carrier->line_free = now;
	carrier->total += size;
	for (size_t part; size > 0; size -= part, data += part) {
		part = size < SEGMENT_MAX ? size : SEGMENT_MAX;
		send_segment(carrier, data, part);
	}
}

uint64_t carrier_next(const struct carrier *carrier) {
	return carrier->first ? carrier->first->arrives : CLOCK_NEVER;
}

size_t carrier_receive(struct carrier *carrier, uint8_t *out_data, size_t room, uint64_t now) {
	size_t most = 1 + (size_t)chance(carrier, chance(carrier, 4) ? room : 40), size = 0;
	while (carrier->first && carrier->first->arrives <= now && size < most) {
		struct segment *segment = carrier->first;
		size_t part = segment->end - segment->begin;
		if (part > most - size)
			part = most - size;
		memcpy(out_data + size, segment->data + segment->begin, part);
		size += part;
		segment->begin += part;
		if (segment->begin < segment->end)
			break;
		carrier->first = segment->next;
		if (!carrier->first)
			carrier->last = NULL;
		free(segment);
	}
	return size;
}

uint64_t carrier_total(const struct carrier *carrier) {
	return carrier->total;
}
