#include "conf/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"

enum { BLOCK_MIN = 16 << 10, BLOCK_MAX = 1 << 20, ALIGNMENT = 8 };

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	_Alignas(ALIGNMENT) char data[];
};

/* Each block is twice as large as the one before, so that small configurations stay small. */
static struct arena_block *add_block(struct arena *arena, size_t least) {
	size_t size = arena->blocks ? 2 * arena->blocks->size : BLOCK_MIN;
	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	if (size < least)
		size = least;
	struct arena_block *block = calloc(1, sizeof *block + size);
	if (!block)
		return NULL;
	block->size = size;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *arena_take(struct arena *arena, size_t size) {
	struct arena_block *block = arena->blocks;
	if (size > SIZE_MAX / 2) {
		arena->failed = true;
		return NULL;
	}
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (!block || block->size - block->used < size)
		block = add_block(arena, size);
	if (!block) {
		arena->failed = true;
		return NULL;
	}
	void *taken = block->data + block->used;
	block->used += size;
	return taken;
}

char *arena_text(struct arena *arena, const char *text, size_t size) {
	char *copy = arena_take(arena, size + 1);
	if (copy && size > 0)
		memcpy(copy, text, size);
	return copy;
}

void arena_done(struct arena *arena) {
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;
		arena->blocks = block->next;
		wipe(block->data, block->used);
		free(block);
	}
	arena->failed = false;
}
