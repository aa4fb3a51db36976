#include "tunnel/directory_table.h"

#include <stdlib.h>

#include "crypto/csprng.h"

enum { BUCKETS_FIRST = 64 };

enum err directory_table_init(struct directory_table *table) {
	struct directory_link **buckets = calloc(BUCKETS_FIRST, sizeof(*buckets));
	if (!buckets)
		return ERR_NO_MEMORY;
	*table = (struct directory_table){.buckets = buckets, .bucket_count = BUCKETS_FIRST};
	random_fill(&csprng, &table->key, sizeof table->key);
	return ERR_OK;
}

void directory_table_done(struct directory_table *table) {
	free(table->buckets);
	*table = (struct directory_table){.buckets = NULL};
}

static void put(struct directory_link **buckets, size_t count, struct directory_link *link) {
	struct directory_link **bucket = &buckets[link->hash & (count - 1)];
	link->next = *bucket;
	*bucket = link;
}

/* Without memory the chains get longer, that is all. */
static void grow(struct directory_table *table) {
	size_t count = 2 * table->bucket_count;
	struct directory_link **buckets = calloc(count, sizeof(*buckets));
	if (!buckets)
		return;
	for (size_t i = 0; i < table->bucket_count; i++) {
		struct directory_link *next;
		for (struct directory_link *link = table->buckets[i]; link; link = next) {
			next = link->next;
			put(buckets, count, link);
		}
	}
	free(table->buckets);
	table->buckets = buckets;
	table->bucket_count = count;
}

void directory_table_add(struct directory_table *table, struct directory_link *link,
						 const void *data, size_t size) {
	if (table->count >= table->bucket_count)
		grow(table);
	link->hash = siphash(&table->key, data, size);
	put(table->buckets, table->bucket_count, link);
	table->count++;
}

void directory_table_remove(struct directory_table *table, struct directory_link *link) {
	struct directory_link **place = &table->buckets[link->hash & (table->bucket_count - 1)];
	while (*place && *place != link)
		place = &(*place)->next;
	if (!*place)
		return;
	*place = link->next;
	link->next = NULL;
	table->count--;
}

static struct directory_link *same_hash(struct directory_link *link, uint64_t hash) {
	while (link && link->hash != hash)
		link = link->next;
	return link;
}

struct directory_link *directory_table_first(const struct directory_table *table, const void *data,
											 size_t size) {
	uint64_t hash = siphash(&table->key, data, size);
	return same_hash(table->buckets[hash & (table->bucket_count - 1)], hash);
}

struct directory_link *directory_table_next(const struct directory_link *link) {
	return same_hash(link->next, link->hash);
}
