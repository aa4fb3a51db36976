#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * One direction of a reliable carrier on a virtual clock, as TCP looks from above: bytes come in
 * order and all of them, cut in any way; a lost segment comes late, and all that is behind it
 * waits.
 */

struct carrier;

struct carrier_rules {
	uint64_t rate;          /* bytes a second */
	uint64_t delay;         /* ns, one way */
	unsigned loss_permille; /* of segments, which come three delays and more later */
	unsigned late_permille; /* of segments, which others overtake: up to a delay later */
	size_t unsent;          /* bytes that it takes before they can leave */
};

/* Aborts without memory. The seed decides what is lost and how bytes are cut. */
struct carrier *carrier_new(uint64_t seed, const struct carrier_rules *rules);
void carrier_free(struct carrier *carrier);

/* Bytes that it takes now, and when it takes size of them, which is at most unsent. */
size_t carrier_room(const struct carrier *carrier, uint64_t now);
uint64_t carrier_room_time(const struct carrier *carrier, size_t size);

void carrier_send(struct carrier *carrier, const uint8_t *data, size_t size, uint64_t now);

/* When the next bytes come; CLOCK_NEVER without any. */
uint64_t carrier_next(const struct carrier *carrier);

/* Bytes that have come, 0 when there are none; at most room, and often fewer than there are. */
size_t carrier_receive(struct carrier *carrier, uint8_t *out_data, size_t room, uint64_t now);

/* All bytes that were ever sent. */
uint64_t carrier_total(const struct carrier *carrier);
