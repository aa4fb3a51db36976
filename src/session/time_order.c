#include "session/time_order.h"

#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "base/wipe.h"

enum { CHAINS = 4096 };

struct sender {
	struct sender *chain; /* next of the same hash */
	struct time_order_entry entry;
};

struct time_order {
	struct siphash_key hash_key;
	size_t count;
	uint64_t full_until;           /* no place gets free before; 0: not known */
	struct sender *chains[CHAINS]; /* by group, so that all of a group are in one */
};

/* Behind the window nothing that is not later could be taken. */
static bool is_over(uint64_t time, uint64_t now) {
	return time < now && now - time > TIME_ORDER_WINDOW;
}

static bool is_within(uint64_t time, uint64_t now) {
	return time > now ? time - now <= TIME_ORDER_WINDOW : !is_over(time, now);
}

static uint64_t until_of(uint64_t time) {
	return time < UINT64_MAX - TIME_ORDER_WINDOW ? time + TIME_ORDER_WINDOW : UINT64_MAX;
}

static bool is_of_group(const struct sender *sender, const struct time_order_entry *entry) {
	return memcmp(sender->entry.group, entry->group, sizeof entry->group) == 0;
}

static bool is_same(const struct sender *sender, const struct time_order_entry *entry) {
	return is_of_group(sender, entry) &&
		   memcmp(sender->entry.sender, entry->sender, sizeof entry->sender) == 0;
}

enum err time_order_new(const struct random_source *random, struct time_order **out_order) {
	struct time_order *order = calloc(1, sizeof *order);
	if (!order)
		return ERR_NO_MEMORY;
	random_fill(random, &order->hash_key, sizeof order->hash_key);
	*out_order = order;
	return ERR_OK;
}

void time_order_free(struct time_order *order) {
	if (!order)
		return;
	for (size_t i = 0; i < CHAINS; i++) {
		while (order->chains[i]) {
			struct sender *sender = order->chains[i];
			order->chains[i] = sender->chain;
			free(sender);
		}
	}
	wipe(&order->hash_key, sizeof order->hash_key);
	free(order);
}

static struct sender **chain_of(struct time_order *order, const struct time_order_entry *entry) {
	return &order->chains[siphash(&order->hash_key, entry->group, sizeof entry->group) % CHAINS];
}

static struct sender *find(struct time_order *order, const struct time_order_entry *entry) {
	struct sender *sender = *chain_of(order, entry);
	while (sender && !is_same(sender, entry))
		sender = sender->chain;
	return sender;
}

/* Drops what is over; says when the first of the rest is. */
static void trim(struct time_order *order, uint64_t now) {
	order->full_until = UINT64_MAX;
	for (size_t i = 0; i < CHAINS; i++) {
		for (struct sender **link = &order->chains[i]; *link;) {
			struct sender *sender = *link;
			if (!is_over(sender->entry.time, now)) {
				const uint64_t until = until_of(sender->entry.time);
				if (until < order->full_until)
					order->full_until = until;
				link = &sender->chain;
				continue;
			}
			*link = sender->chain;
			free(sender);
			order->count--;
		}
	}
}

/* A place of its group that is over, where the group has no more than its share. */
static enum err place_of_group(struct time_order *order, const struct time_order_entry *entry,
							   uint64_t now, struct sender **out_place) {
	struct sender *over = NULL;
	size_t used = 0;
	for (struct sender *sender = *chain_of(order, entry); sender; sender = sender->chain) {
		if (!is_of_group(sender, entry))
			continue;
		used++;
		if (is_over(sender->entry.time, now) && (!over || sender->entry.time < over->entry.time))
			over = sender;
	}
	if (used >= TIME_ORDER_GROUP_MAX && !over)
		return ERR_LIMIT;
	*out_place = used >= TIME_ORDER_GROUP_MAX ? over : NULL;
	return ERR_OK;
}

/* Looks through all, but not again and again in vain. */
static bool has_room(struct time_order *order, uint64_t now) {
	if (order->count >= TIME_ORDER_SENDERS_MAX && now > order->full_until)
		trim(order, now);
	return order->count < TIME_ORDER_SENDERS_MAX;
}

static enum err add(struct time_order *order, const struct time_order_entry *entry, uint64_t now) {
	struct sender *place = NULL;
	enum err error = place_of_group(order, entry, now, &place);
	if (error)
		return error;
	if (!place) {
		if (!has_room(order, now))
			return ERR_LIMIT;
		place = calloc(1, sizeof *place);
		if (!place)
			return ERR_NO_MEMORY;
		struct sender **chain = chain_of(order, entry);
		place->chain = *chain;
		*chain = place;
		order->count++;
	}
	place->entry = *entry;
	if (until_of(entry->time) < order->full_until)
		order->full_until = until_of(entry->time);
	return ERR_OK;
}

enum err time_order_take(struct time_order *order, const struct time_order_entry *entry,
						 uint64_t now) {
	if (!is_within(entry->time, now))
		return ERR_EXPIRED;
	struct sender *sender = find(order, entry);
	if (!sender)
		return add(order, entry, now);
	if (entry->time <= sender->entry.time)
		return ERR_REPLAY;
	sender->entry.time = entry->time;
	return ERR_OK;
}

void time_order_export(const struct time_order *order, uint64_t now,
					   const struct time_order_reader *reader) {
	for (size_t i = 0; i < CHAINS; i++) {
		for (const struct sender *sender = order->chains[i]; sender; sender = sender->chain) {
			if (!is_over(sender->entry.time, now))
				reader->entry(reader->context, &sender->entry);
		}
	}
}

enum err time_order_import(struct time_order *order, const struct time_order_entry *entry,
						   uint64_t now) {
	struct sender *sender = find(order, entry);
	if (!sender)
		return is_over(entry->time, now) ? ERR_OK : add(order, entry, now);
	if (entry->time > sender->entry.time)
		sender->entry.time = entry->time;
	return ERR_OK;
}

size_t time_order_count(const struct time_order *order) {
	return order->count;
}
