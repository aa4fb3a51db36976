#include "engine/index_table.h"

#include <stdlib.h>

enum { SHARD_BITS = 4, SMALLEST_CAPACITY = 64 };

/*
 * Open addressing with linear probing; the random bits of the index are its hash. At most half of
 * the entries are in use, and removal moves later entries up instead of leaving tombstones.
 */
struct entry {
	void *owner; /* NULL: free */
	uint32_t index;
};

struct index_table {
	struct entry *entries;
	uint32_t mask; /* capacity - 1; the capacity is a power of two */
	uint32_t shard;
	size_t count;
	const struct random_source *random;
};

static uint32_t home_of(uint32_t mask, uint32_t index) {
	return (index >> SHARD_BITS) & mask;
}

/* The place of the index, or the free one where it belongs. */
static struct entry *locate(struct entry *entries, uint32_t mask, uint32_t index) {
	uint32_t place = home_of(mask, index);
	while (entries[place].owner && entries[place].index != index)
		place = (place + 1) & mask;
	return &entries[place];
}

enum err index_table_new(const struct random_source *random, unsigned shard,
						 struct index_table **out_table) {
	if (shard >= INDEX_TABLE_SHARDS)
		return ERR_INVALID;
	struct index_table *table = calloc(1, sizeof *table);
	struct entry *entries = calloc(SMALLEST_CAPACITY, sizeof *entries);
	if (!table || !entries) {
		free(table);
		free(entries);
		return ERR_NO_MEMORY;
	}
	table->entries = entries;
	table->mask = SMALLEST_CAPACITY - 1;
	table->shard = shard;
	table->random = random;
	*out_table = table;
	return ERR_OK;
}

void index_table_free(struct index_table *table) {
	if (!table)
		return;
	free(table->entries);
	free(table);
}

static enum err double_capacity(struct index_table *table) {
	uint32_t mask = table->mask * 2 + 1;
	struct entry *entries = calloc((size_t)mask + 1, sizeof *entries);
	if (!entries)
		return ERR_NO_MEMORY;
	for (uint32_t i = 0; i <= table->mask; i++)
		if (table->entries[i].owner)
			*locate(entries, mask, table->entries[i].index) = table->entries[i];
	free(table->entries);
	table->entries = entries;
	table->mask = mask;
	return ERR_OK;
}

enum err index_table_add(struct index_table *table, void *owner, uint32_t *out_index) {
	if (!owner)
		return ERR_INVALID;
	if (table->count >= INDEX_TABLE_MAXIMUM)
		return ERR_LIMIT;
	if ((table->count + 1) * 2 > (size_t)table->mask + 1) {
		enum err error = double_capacity(table);
		if (error)
			return error;
	}
	/* With 2^20 of 2^28 indices in use, a second draw is needed once in 256 calls. */
	struct entry *entry;
	uint32_t index;
	do {
		index = (random_u32(table->random) & ~(INDEX_TABLE_SHARDS - 1U)) | table->shard;
		entry = locate(table->entries, table->mask, index);
	} while (index == 0 || entry->owner);
	*entry = (struct entry){.owner = owner, .index = index};
	table->count++;
	*out_index = index;
	return ERR_OK;
}

enum err index_table_set(struct index_table *table, uint32_t index, void *owner) {
	if (!owner)
		return ERR_INVALID;
	struct entry *entry = locate(table->entries, table->mask, index);
	if (!entry->owner)
		return ERR_NOT_FOUND;
	entry->owner = owner;
	return ERR_OK;
}

void *index_table_find(const struct index_table *table, uint32_t index) {
	return locate(table->entries, table->mask, index)->owner;
}

void index_table_remove(struct index_table *table, uint32_t index) {
	struct entry *entries = table->entries;
	uint32_t mask = table->mask;
	struct entry *entry = locate(entries, mask, index);
	if (!entry->owner)
		return;
	uint32_t hole = (uint32_t)(entry - entries);
	for (uint32_t next = (hole + 1) & mask; entries[next].owner; next = (next + 1) & mask) {
		/* An entry may move up to the hole unless its home lies behind the hole. */
		uint32_t distance = (next - home_of(mask, entries[next].index)) & mask;
		if (distance >= ((next - hole) & mask)) {
			entries[hole] = entries[next];
			hole = next;
		}
	}
	entries[hole] = (struct entry){0};
	table->count--;
}

size_t index_table_count(const struct index_table *table) {
	return table->count;
}
