#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"

/*
 * The receiver indices of one shard and their owners. An index is random, so that strangers cannot
 * guess one, but for the low four bits of its first wire byte (index & 15: the wire is
 * little-endian), which name the shard: the kernel steers datagrams by them. One thread uses it.
 */

enum {
	INDEX_TABLE_SHARDS = 16,
	INDEX_TABLE_MAXIMUM = 1 << 20, /* indices of one shard */
};

struct index_table;

/* shard is below INDEX_TABLE_SHARDS, otherwise ERR_INVALID. random outlives the table. */
enum err index_table_new(const struct random_source *random, unsigned shard,
						 struct index_table **out_table);
void index_table_free(struct index_table *table);

/* An index that is not in use and not zero; owner is not NULL. ERR_LIMIT when the table is full. */
enum err index_table_add(struct index_table *table, void *owner, uint32_t *out_index);
/* Another owner for an index in use; ERR_NOT_FOUND for any other. */
enum err index_table_set(struct index_table *table, uint32_t index, void *owner);
/* NULL for an index that is not in use, whatever its shard. */
void *index_table_find(const struct index_table *table, uint32_t index);
/* Nothing happens when the index is not in use. */
void index_table_remove(struct index_table *table, uint32_t index);

size_t index_table_count(const struct index_table *table);
