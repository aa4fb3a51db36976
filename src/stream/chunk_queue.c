#include "stream/chunk_queue.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_ROOM = CHUNK_QUEUE_CHUNK_SIZE - 16 };

struct chunk_queue_part {
	struct chunk_queue_part *next;
	uint16_t begin, end;
	uint8_t data[CHUNK_ROOM];
};
_Static_assert(sizeof(struct chunk_queue_part) <= CHUNK_QUEUE_CHUNK_SIZE, "a chunk grew");

static struct chunk_queue_part *chunk_get(struct chunk_queue_pool *pool) {
	struct chunk_queue_part *chunk = pool->kept;
	if (chunk) {
		pool->kept = chunk->next;
		pool->kept_count--;
	} else {
		chunk = malloc(sizeof *chunk);
		if (!chunk)
			return NULL;
	}
	chunk->next = NULL;
	chunk->begin = chunk->end = 0;
	return chunk;
}

static void chunk_put(struct chunk_queue_pool *pool, struct chunk_queue_part *chunk) {
	if (pool->kept_count == CHUNK_QUEUE_KEPT_MAX) {
		free(chunk);
		return;
	}
	chunk->next = pool->kept;
	pool->kept = chunk;
	pool->kept_count++;
}

void chunk_queue_pool_done(struct chunk_queue_pool *pool) {
	while (pool->kept) {
		struct chunk_queue_part *chunk = pool->kept;
		pool->kept = chunk->next;
		free(chunk);
	}
	pool->kept_count = 0;
}

/* A list of empty chunks with room for size bytes; NULL, and none, when memory has run out. */
static struct chunk_queue_part *chunks_for(struct chunk_queue_pool *pool, size_t size) {
	struct chunk_queue_part *list = NULL;
	for (size_t room = 0; room < size; room += CHUNK_ROOM) {
		struct chunk_queue_part *chunk = chunk_get(pool);
		if (!chunk) {
			while (list) {
				chunk = list;
				list = chunk->next;
				chunk_put(pool, chunk);
			}
			return NULL;
		}
		chunk->next = list;
		list = chunk;
	}
	return list;
}

static size_t fill(struct chunk_queue_part *chunk, const uint8_t *data, size_t size) {
	size_t room = CHUNK_ROOM - (size_t)chunk->end;
	if (size > room)
		size = room;
	memcpy(chunk->data + chunk->end, data, size);
	chunk->end = (uint16_t)(chunk->end + size);
	return size;
}

enum err chunk_queue_append(struct chunk_queue *queue, struct chunk_queue_pool *pool,
							const void *data, size_t size) {
	if (size == 0)
		return ERR_OK;
	size_t room = queue->last ? CHUNK_ROOM - (size_t)queue->last->end : 0;
	struct chunk_queue_part *fresh = NULL;
	if (size > room) {
		fresh = chunks_for(pool, size - room);
		if (!fresh)
			return ERR_NO_MEMORY;
	}
	const uint8_t *at = data;
	size_t left = size;
	if (room > 0) {
		size_t filled = fill(queue->last, at, left);
		at += filled;
		left -= filled;
	}
	if (fresh && queue->last)
		queue->last->next = fresh;
	else if (fresh)
		queue->first = fresh;
	for (; fresh; fresh = fresh->next) {
		size_t filled = fill(fresh, at, left);
		at += filled;
		left -= filled;
		queue->last = fresh;
	}
	queue->size += size;
	return ERR_OK;
}

struct slice chunk_queue_front(const struct chunk_queue *queue) {
	const struct chunk_queue_part *chunk = queue->first;
	if (!chunk)
		return slice_of(NULL, 0);
	return slice_of(chunk->data + chunk->begin, (size_t)chunk->end - chunk->begin);
}

size_t chunk_queue_parts(const struct chunk_queue *queue, struct slice *out_parts, size_t count) {
	size_t found = 0;
	for (const struct chunk_queue_part *chunk = queue->first; chunk && found < count;
		 chunk = chunk->next)
		out_parts[found++] =
			slice_of(chunk->data + chunk->begin, (size_t)chunk->end - chunk->begin);
	return found;
}

void chunk_queue_drop(struct chunk_queue *queue, struct chunk_queue_pool *pool, size_t size) {
	queue->size -= size;
	while (queue->first) {
		struct chunk_queue_part *chunk = queue->first;
		size_t here = (size_t)chunk->end - chunk->begin;
		if (size < here) {
			chunk->begin = (uint16_t)(chunk->begin + size);
			return;
		}
		size -= here;
		queue->first = chunk->next;
		if (!queue->first)
			queue->last = NULL;
		chunk_put(pool, chunk);
		if (size == 0)
			return;
	}
}

void chunk_queue_take(struct chunk_queue *queue, struct chunk_queue_pool *pool, void *out_data,
					  size_t size) {
	uint8_t *at = out_data;
	while (size > 0) {
		struct slice front = chunk_queue_front(queue);
		size_t part = front.size < size ? front.size : size;
		memcpy(at, front.data, part);
		chunk_queue_drop(queue, pool, part);
		at += part;
		size -= part;
	}
}

void chunk_queue_clear(struct chunk_queue *queue, struct chunk_queue_pool *pool) {
	if (queue->size > 0)
		chunk_queue_drop(queue, pool, queue->size);
}
