#include "engine/slab.h"

#include <assert.h>
#include <sanitizer/asan_interface.h>
#include <stdlib.h>

enum { CACHE_LINE = 64, ALIGNMENT = 16 };

/* The items begin one cache line further on, so that sizes which divide 64 never straddle two. */
struct slab_chunk {
	struct slab_chunk *next;
};

struct slab_item {
	struct slab_item *next;
};

void slab_init(struct slab *slab, size_t item_size) {
	assert(item_size > 0 && item_size % ALIGNMENT == 0 && item_size <= SLAB_CHUNK_SIZE / 8);
	*slab = (struct slab){.item_size = item_size};
}

void slab_done(struct slab *slab) {
	struct slab_chunk *next;
	for (struct slab_chunk *chunk = slab->chunks; chunk; chunk = next) {
		next = chunk->next;
		ASAN_UNPOISON_MEMORY_REGION(chunk, SLAB_CHUNK_SIZE);
		free(chunk);
	}
	slab_init(slab, slab->item_size);
}

static void give_item(struct slab *slab, void *memory) {
	struct slab_item *item = memory;
	item->next = slab->free;
	slab->free = item;
	slab->free_count++;
	ASAN_POISON_MEMORY_REGION(memory, slab->item_size);
}

static enum err add_chunk(struct slab *slab) {
	struct slab_chunk *chunk = aligned_alloc(CACHE_LINE, SLAB_CHUNK_SIZE);
	if (!chunk)
		return ERR_NO_MEMORY;
	chunk->next = slab->chunks;
	slab->chunks = chunk;
	slab->chunk_count++;
	/* Backwards, so that items are taken in the order of their addresses. */
	char *items = (char *)chunk + CACHE_LINE;
	for (size_t i = (SLAB_CHUNK_SIZE - CACHE_LINE) / slab->item_size; i-- > 0;)
		give_item(slab, items + i * slab->item_size);
	return ERR_OK;
}

enum err slab_reserve(struct slab *slab, size_t count) {
	while (slab->free_count < count) {
		enum err error = add_chunk(slab);
		if (error)
			return error;
	}
	return ERR_OK;
}

void *slab_take(struct slab *slab) {
	struct slab_item *item = slab->free;
	if (!item)
		return NULL;
	ASAN_UNPOISON_MEMORY_REGION(item, slab->item_size);
	slab->free = item->next;
	slab->free_count--;
	slab->used_count++;
	return item;
}

void slab_give(struct slab *slab, void *item) {
	assert(slab->used_count > 0);
	slab->used_count--;
	give_item(slab, item);
}

size_t slab_memory(const struct slab *slab) {
	return slab->chunk_count * SLAB_CHUNK_SIZE;
}
