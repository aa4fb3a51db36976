#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/siphash.h"

/*
 * A hash table whose links are embedded in their items, for the tables of a directory: several
 * items may have the same key, and whoever looks one up compares it.
 */

struct directory_link {
	struct directory_link *next;
	uint64_t hash;
};

/* The item of a link, from a pointer to the member. */
#define directory_link_item(pointer, type, member) \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct directory_table {
	struct directory_link **buckets;
	size_t bucket_count, count;
	struct siphash_key key;
};

enum err directory_table_init(struct directory_table *table);
void directory_table_done(struct directory_table *table);

void directory_table_add(struct directory_table *table, struct directory_link *link,
						 const void *data, size_t size);
void directory_table_remove(struct directory_table *table, struct directory_link *link);

/* The first item of that hash, the last that was added; NULL. And the next one. */
struct directory_link *directory_table_first(const struct directory_table *table, const void *data,
											 size_t size);
struct directory_link *directory_table_next(const struct directory_link *link);
