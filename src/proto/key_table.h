#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/siphash.h"

/*
 * Items by keys of one size, which strangers may choose: open addressing under a random SipHash
 * key. Keys are views, mostly into the items; they stay where and what they are. One thread, but
 * for copies.
 */

struct key_table {
	struct siphash_key hash_key;
	size_t key_size;
	size_t count, capacity; /* capacity is 0, or a power of two, at least twice count */
	struct key_table_place {
		const uint8_t *key; /* NULL: empty */
		void *item;
	} * places;
};

void key_table_init(struct key_table *table, const struct random_source *random, size_t key_size);
void key_table_done(struct key_table *table);

/* item is not NULL. ERR_EXISTS where there is one of this key, ERR_NO_MEMORY. */
enum err key_table_add(struct key_table *table, const uint8_t *key, void *item);
/* Nothing happens where there is none of this key. */
void key_table_remove(struct key_table *table, const uint8_t *key);
/* NULL: there is none. */
void *key_table_find(const struct key_table *table, const uint8_t *key);

/* As it is now, to be published: never changed, and ended by free(). NULL when memory is short. */
struct key_table *key_table_copy(const struct key_table *table);
