#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"

/*
 * A virtual clock and a network of datagrams that loses, doubles, delays and reorders them. The
 * seed decides everything: the same calls give the same run. It knows no protocol. One thread.
 *
 * A driver asks sim_next() and its protocols for their next deadlines, hands the earliest to
 * sim_deliver(), runs the timers that are due, and begins again.
 */

#define SIM_DELAY_MAX UINT64_C(3600000000000)

struct sim_network;

/*
 * One direction between two endpoints. Times in nanoseconds, each at most SIM_DELAY_MAX; a datagram
 * takes at least 1.
 */
struct sim_link {
	unsigned loss_percent;
	unsigned duplicate_percent; /* of those not lost; the copy has a delay of its own */
	uint64_t delay;
	uint64_t jitter; /* added to delay: uniform in 0..jitter */
	unsigned reorder_percent;
	size_t largest;         /* bytes of a datagram that passes, larger ones are lost; 0: all do */
	uint64_t reorder_delay; /* added for these, so that later datagrams overtake them */
};

struct sim_counters {
	uint64_t sent, delivered, lost, duplicated;
	uint64_t cut; /* dropped because their ends were parted, on sending or on arrival */
};

/* data is writable and exactly size bytes long, until the callback returns. It may send. */
struct sim_receiver {
	void (*receive)(void *context, const struct endpoint *from, const struct endpoint *to,
					uint8_t *data, size_t size);
	void *context;
};

/* Time begins at start. Links are perfect, with a delay of 1 ns, until they are set. */
enum err sim_network_new(uint64_t seed, uint64_t start, struct sim_network **out_network);
void sim_network_free(struct sim_network *network);

/* For every pair of endpoints without a link of its own. */
void sim_set_default_link(struct sim_network *network, const struct sim_link *link);
/* For one direction of one pair; datagrams on their way keep their time. */
enum err sim_set_link(struct sim_network *network, const struct endpoint *from,
					  const struct endpoint *to, const struct sim_link *link);

/* Parts two endpoints, or with right NULL one from all others, or joins them again. */
enum err sim_set_cut(struct sim_network *network, const struct endpoint *left,
					 const struct endpoint *right, bool cut);

uint64_t sim_now(const struct sim_network *network);

/* Copies the datagram. Losing it is no error. */
enum err sim_send(struct sim_network *network, const struct endpoint *from,
				  const struct endpoint *to, struct slice datagram);

/* When the next datagram arrives; CLOCK_NEVER when none is on its way. */
uint64_t sim_next(const struct sim_network *network);

/*
 * Lets the clock go on to now (never back) and hands over all datagrams that arrive until then, in
 * their order and each at its time, those among them that were sent meanwhile. With CLOCK_NEVER
 * the clock stops at the last one.
 */
void sim_deliver(struct sim_network *network, uint64_t now, const struct sim_receiver *receiver);

const struct sim_counters *sim_counters(const struct sim_network *network);

/* Repeatable randomness for protocols; drawing it does not change what the network does. */
const struct random_source *sim_random(const struct sim_network *network);
