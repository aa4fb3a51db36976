#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * Bytes that wait, in chunks from a pool: an empty queue holds no memory, and a busy one takes
 * and gives back chunks without asking the allocator. The caller bounds how much waits.
 */

enum {
	CHUNK_QUEUE_CHUNK_SIZE = 4096,
	CHUNK_QUEUE_KEPT_MAX = 32, /* empty chunks that a pool keeps */
};

struct chunk_queue_part;

/* Belongs to one thread; zeroed is empty. */
struct chunk_queue_pool {
	struct chunk_queue_part *kept;
	size_t kept_count;
};

void chunk_queue_pool_done(struct chunk_queue_pool *pool);

/* Zeroed is empty. All calls for one queue name the same pool. */
struct chunk_queue {
	struct chunk_queue_part *first, *last;
	size_t size;
};

/* ERR_NO_MEMORY, with nothing appended. data may not lie in the queue. */
enum err chunk_queue_append(struct chunk_queue *queue, struct chunk_queue_pool *pool,
							const void *data, size_t size);

/* The first bytes that lie together; empty only when the queue is. */
struct slice chunk_queue_front(const struct chunk_queue *queue);

/* The first parts, at most count; how many there are. */
size_t chunk_queue_parts(const struct chunk_queue *queue, struct slice *out_parts, size_t count);

/* Takes off the first size bytes, of at least as many. */
void chunk_queue_drop(struct chunk_queue *queue, struct chunk_queue_pool *pool, size_t size);

/* Copies and takes off the first size bytes, of at least as many. */
void chunk_queue_take(struct chunk_queue *queue, struct chunk_queue_pool *pool, void *out_data,
					  size_t size);

void chunk_queue_clear(struct chunk_queue *queue, struct chunk_queue_pool *pool);
