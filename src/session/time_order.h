#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"

/*
 * Times of messages by sender: each is taken when it is within two minutes of now and later than
 * the sender's last. What is remembered of a sender is needed until its last time leaves the
 * window, as nothing before that is taken anyway; beyond that it stays until its place is needed,
 * so that a clock that is put back does not at once let old messages in.
 *
 * A sender is one of a group, which somebody vouches for (its key opened the message): no group
 * can take the places of another. Time is the wall clock in ms since the Unix epoch. One thread
 * uses it.
 */

enum {
	TIME_ORDER_ID_SIZE = 8,
	TIME_ORDER_GROUP_MAX = 16,      /* senders of a group within the window: beyond, refused */
	TIME_ORDER_SENDERS_MAX = 65536, /* of all groups: beyond, refused. That takes at most 4 MiB */
};
#define TIME_ORDER_WINDOW UINT64_C(120000) /* ms, either way */

struct time_order_entry {
	uint8_t group[TIME_ORDER_ID_SIZE];
	uint8_t sender[TIME_ORDER_ID_SIZE];
	uint64_t time;
};

struct time_order;

enum err time_order_new(const struct random_source *random, struct time_order **out_order);
void time_order_free(struct time_order *order);

/*
 * Takes it or not: ERR_EXPIRED outside the window, ERR_REPLAY when it is not later than the
 * sender's last, ERR_LIMIT when all places are needed, ERR_NO_MEMORY.
 */
enum err time_order_take(struct time_order *order, const struct time_order_entry *entry,
						 uint64_t now);

/*
 * What may be needed from now on, so that the owner can keep it over a restart, and back: the later
 * of two times of a sender stays. ERR_LIMIT, ERR_NO_MEMORY. Whoever cannot be sure to have kept all
 * must not take anything before now + 2 windows, or be content with replays of that time.
 */
struct time_order_reader {
	void (*entry)(void *context, const struct time_order_entry *entry);
	void *context;
};
void time_order_export(const struct time_order *order, uint64_t now,
					   const struct time_order_reader *reader);
enum err time_order_import(struct time_order *order, const struct time_order_entry *entry,
						   uint64_t now);

/* How many senders are remembered, needed or not. */
size_t time_order_count(const struct time_order *order);
