#include "session/guess_delay.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/siphash.h"
#include "base/wipe.h"

_Static_assert(2 * GUESS_DELAY_MAX < GUESS_DELAY_FORGET, "nobody is forgotten while he waits");

enum { CHAINS = GUESS_DELAY_ENTRIES_MAX };

struct entry {
	struct list order;   /* in guess_delay.order */
	struct entry *chain; /* next of the same hash */
	uint64_t key;
	uint64_t since; /* of the last wrong guess */
	uint64_t delay; /* ns from then on */
};

struct guess_delay {
	struct siphash_key hash_key;
	struct list order; /* entries in use, the longest ago first */
	struct list spare; /* those that were in use */
	size_t used;       /* entries[0..used) are in one of the two */
	struct entry *chains[CHAINS];
	struct entry entries[GUESS_DELAY_ENTRIES_MAX];
};

enum err guess_delay_new(const struct random_source *random, struct guess_delay **out_delay) {
	struct guess_delay *delay = calloc(1, sizeof *delay);
	if (!delay)
		return ERR_NO_MEMORY;
	random_fill(random, &delay->hash_key, sizeof delay->hash_key);
	list_init(&delay->order);
	list_init(&delay->spare);
	*out_delay = delay;
	return ERR_OK;
}

void guess_delay_free(struct guess_delay *delay) {
	if (!delay)
		return;
	wipe(&delay->hash_key, sizeof delay->hash_key);
	free(delay);
}

/* A user's name is hashed first, as it may be of any length; 64 bits under a key that nobody knows
 * are as good as the whole. */
uint64_t guess_delay_key(const struct guess_delay *delay, struct slice user,
						 const struct address *from) {
	struct prefix network = {
		.address = *from,
		.length = from->family == ADDRESS_V4 ? GUESS_DELAY_V4_BITS : GUESS_DELAY_V6_BITS,
	};
	prefix_mask(&network);
	uint8_t parts[8 + ADDRESS_V6_SIZE + 1];
	uint64_t name = siphash(&delay->hash_key, user.data, user.size);
	memcpy(parts, &name, 8);
	memcpy(parts + 8, network.address.bytes, ADDRESS_V6_SIZE);
	parts[8 + ADDRESS_V6_SIZE] = network.address.family;
	return siphash(&delay->hash_key, parts, sizeof parts);
}

static struct entry *find(const struct guess_delay *delay, uint64_t key) {
	struct entry *entry = delay->chains[key % CHAINS];
	while (entry && entry->key != key)
		entry = entry->chain;
	return entry;
}

static void drop(struct guess_delay *delay, struct entry *entry) {
	struct entry **link = &delay->chains[entry->key % CHAINS];
	while (*link != entry)
		link = &(*link)->chain;
	*link = entry->chain;
	list_remove(&entry->order);
	list_append(&delay->spare, &entry->order);
}

static struct entry *take(struct guess_delay *delay, uint64_t key) {
	if (list_is_empty(&delay->spare) && delay->used == GUESS_DELAY_ENTRIES_MAX)
		drop(delay, list_item(delay->order.next, struct entry, order));
	struct list *spare = list_take_first(&delay->spare);
	struct entry *entry =
		spare ? list_item(spare, struct entry, order) : &delay->entries[delay->used++];
	struct entry **chain = &delay->chains[key % CHAINS];
	*entry = (struct entry){.key = key, .chain = *chain};
	*chain = entry;
	return entry;
}

static bool is_forgotten(const struct entry *entry, uint64_t now) {
	return now - entry->since >= GUESS_DELAY_FORGET;
}

uint64_t guess_delay_left(const struct guess_delay *delay, uint64_t key, uint64_t now) {
	const struct entry *entry = find(delay, key);
	if (!entry || now - entry->since >= entry->delay)
		return 0;
	return entry->delay - (now - entry->since);
}

void guess_delay_wrong(struct guess_delay *delay, uint64_t key, uint64_t now) {
	struct entry *entry = find(delay, key);
	if (entry)
		list_remove(&entry->order);
	else
		entry = take(delay, key);
	bool is_first = entry->delay == 0 || is_forgotten(entry, now);
	uint64_t next = is_first ? GUESS_DELAY_FIRST : 2 * entry->delay;
	entry->delay = next < GUESS_DELAY_MAX ? next : GUESS_DELAY_MAX;
	entry->since = now;
	list_append(&delay->order, &entry->order);
}

void guess_delay_right(struct guess_delay *delay, uint64_t key) {
	struct entry *entry = find(delay, key);
	if (entry)
		drop(delay, entry);
}
