#include "proto/phaze_ids.h"

#include <stdbool.h>
#include <stdlib.h>

#include "proto/phaze_limits.h"

enum {
	SHARD_BITS = 4,
	SHARDS = 1 << SHARD_BITS,
	DRAWN_BY_SHARD = SHARDS, /* bit 4 */
	RANDOM_SHIFT = SHARD_BITS + 1,
	RANDOM_BITS = 32 - RANDOM_SHIFT,
	SMALLEST_CAPACITY = 64,
};

/*
 * Open addressing with linear probing; the random bits of the id are its hash. Entries are never
 * taken out one by one: those whose time is over count as unknown, and go when room is made.
 */
struct entry {
	uint32_t id;  /* 0: free */
	uint8_t kind; /* enum phaze_ids_kind */
	uint16_t shard;
	uint64_t until; /* ns: of what rests, and of guides */
	struct phaze_key *key;
};

struct phaze_ids {
	const struct random_source *random;
	uint16_t shard;
	size_t count, capacity; /* a power of two; at most half of it is in use */
	struct entry *entries;
};

uint32_t phaze_ids_draw(const struct random_source *random, uint16_t shard) {
	uint32_t id;
	do
		id = random_u32(random) >> RANDOM_SHIFT << RANDOM_SHIFT | (shard & (SHARDS - 1U));
	while (id == 0);
	return id;
}

void phaze_ids_begin(struct shuffled_count *drawn, const struct random_source *random) {
	shuffled_count_init(drawn, RANDOM_BITS, random);
}

uint32_t phaze_ids_next(struct shuffled_count *drawn, uint16_t shard) {
	uint32_t id;
	do
		id = shuffled_count_next(drawn) << RANDOM_SHIFT | (shard & (SHARDS - 1U));
	while (id == 0);
	return id;
}

uint16_t phaze_ids_shard(uint32_t id) {
	return (uint16_t)(id & (SHARDS - 1U));
}

enum err phaze_ids_new(const struct random_source *random, uint16_t shard,
					   struct phaze_ids **out_ids) {
	if (shard >= SHARDS)
		return ERR_INVALID;
	struct phaze_ids *ids = calloc(1, sizeof *ids);
	struct entry *entries = calloc(SMALLEST_CAPACITY, sizeof *entries);
	if (!ids || !entries) {
		free(ids);
		free(entries);
		return ERR_NO_MEMORY;
	}
	*ids = (struct phaze_ids){
		.random = random, .shard = shard, .capacity = SMALLEST_CAPACITY, .entries = entries};
	*out_ids = ids;
	return ERR_OK;
}

void phaze_ids_free(struct phaze_ids *ids) {
	if (!ids)
		return;
	free(ids->entries);
	free(ids);
}

/* The id's place, or the free one where it belongs. */
static struct entry *locate(struct entry *entries, size_t capacity, uint32_t id) {
	size_t place = (id >> RANDOM_SHIFT) & (capacity - 1);
	while (entries[place].id != 0 && entries[place].id != id)
		place = (place + 1) & (capacity - 1);
	return &entries[place];
}

static bool is_over(const struct entry *entry, uint64_t now) {
	return (entry->kind == PHAZE_ID_RESTING || entry->kind == PHAZE_ID_GUIDE) &&
		   now >= entry->until;
}

static size_t count_of_use(const struct phaze_ids *ids, uint64_t now) {
	size_t count = 0;
	for (size_t i = 0; i < ids->capacity; i++)
		count += ids->entries[i].id != 0 && !is_over(&ids->entries[i], now);
	return count;
}

/* For one more. Three quarters are free after it, so that not each call comes so far. */
static enum err make_room(struct phaze_ids *ids, uint64_t now) {
	if ((ids->count + 1) * 2 <= ids->capacity)
		return ERR_OK;
	const size_t count = count_of_use(ids, now);
	if (count >= PHAZE_IDS_MAX)
		return ERR_LIMIT;
	size_t capacity = ids->capacity;
	while ((count + 1) * 4 > capacity)
		capacity *= 2;
	struct entry *entries = calloc(capacity, sizeof *entries);
	if (!entries)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < ids->capacity; i++)
		if (ids->entries[i].id != 0 && !is_over(&ids->entries[i], now))
			*locate(entries, capacity, ids->entries[i].id) = ids->entries[i];
	free(ids->entries);
	ids->entries = entries;
	ids->capacity = capacity;
	ids->count = count;
	return ERR_OK;
}

static void put(struct phaze_ids *ids, const struct entry *entry) {
	struct entry *place = locate(ids->entries, ids->capacity, entry->id);
	ids->count += place->id == 0;
	*place = *entry;
}

enum err phaze_ids_reserve(struct phaze_ids *ids, uint64_t now, uint32_t *out_id) {
	enum err error = make_room(ids, now);
	if (error)
		return error;
	uint32_t id;
	do
		id = phaze_ids_draw(ids->random, ids->shard) | DRAWN_BY_SHARD;
	while (phaze_ids_find(ids, now, id, NULL, NULL) != PHAZE_ID_UNKNOWN);
	put(ids, &(struct entry){.id = id, .kind = PHAZE_ID_RESERVED});
	*out_id = id;
	return ERR_OK;
}

enum err phaze_ids_set(struct phaze_ids *ids, uint64_t now, uint32_t id, struct phaze_key *key) {
	const enum phaze_ids_kind kind = phaze_ids_find(ids, now, id, NULL, NULL);
	if (id == 0 || !key)
		return ERR_INVALID;
	if (kind != PHAZE_ID_UNKNOWN && kind != PHAZE_ID_RESERVED)
		return ERR_EXISTS;
	enum err error = make_room(ids, now);
	if (error)
		return error;
	put(ids, &(struct entry){.id = id, .kind = PHAZE_ID_KEY, .key = key});
	return ERR_OK;
}

enum err phaze_ids_guide(struct phaze_ids *ids, uint64_t now, uint32_t id, uint16_t shard,
						 uint64_t until) {
	if (id == 0)
		return ERR_INVALID;
	if (phaze_ids_find(ids, now, id, NULL, NULL) != PHAZE_ID_UNKNOWN)
		return ERR_EXISTS;
	enum err error = make_room(ids, now);
	if (error)
		return error;
	put(ids, &(struct entry){.id = id, .kind = PHAZE_ID_GUIDE, .shard = shard, .until = until});
	return ERR_OK;
}

void phaze_ids_free_id(struct phaze_ids *ids, uint64_t now, uint32_t id) {
	struct entry *entry = locate(ids->entries, ids->capacity, id);
	if (entry->id == 0 || (entry->kind != PHAZE_ID_KEY && entry->kind != PHAZE_ID_RESERVED))
		return;
	entry->kind = PHAZE_ID_RESTING;
	entry->until = now + PHAZE_ID_REST;
	entry->key = NULL;
}

enum phaze_ids_kind phaze_ids_find(const struct phaze_ids *ids, uint64_t now, uint32_t id,
								   struct phaze_key **out_key, uint16_t *out_shard) {
	const struct entry *entry = locate(ids->entries, ids->capacity, id);
	if (entry->id == 0 || is_over(entry, now))
		return PHAZE_ID_UNKNOWN;
	if (entry->kind == PHAZE_ID_KEY && out_key)
		*out_key = entry->key;
	if (entry->kind == PHAZE_ID_GUIDE && out_shard)
		*out_shard = entry->shard;
	return (enum phaze_ids_kind)entry->kind;
}
