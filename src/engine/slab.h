#pragma once

#include <stddef.h>

#include "base/error.h"

/*
 * Memory for many items of one small size: chunks cut into items and a list of the free ones.
 * One thread uses it. Free items are poisoned under AddressSanitizer.
 */

enum { SLAB_CHUNK_SIZE = 16 * 1024 };

struct slab_chunk;
struct slab_item;

struct slab {
	size_t item_size;
	struct slab_chunk *chunks;
	struct slab_item *free;
	size_t free_count;
	size_t used_count;
	size_t chunk_count;
};

/* item_size is a multiple of 16 and at most an eighth of a chunk; items are aligned to 16. */
void slab_init(struct slab *slab, size_t item_size);
/* Frees all items, taken or not. */
void slab_done(struct slab *slab);

/* After ERR_OK the next count calls of slab_take() succeed. */
enum err slab_reserve(struct slab *slab, size_t count);
/* An item of undefined content; NULL when nothing is reserved. */
void *slab_take(struct slab *slab);
void slab_give(struct slab *slab, void *item);

/* Bytes of all chunks. */
size_t slab_memory(const struct slab *slab);
