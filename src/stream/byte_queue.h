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
	BYTE_QUEUE_CHUNK_SIZE = 4096,
	BYTE_QUEUE_KEPT_MAX = 32, /* empty chunks that a pool keeps */
};

struct byte_queue_chunk;

/* Belongs to one thread; zeroed is empty. */
struct byte_queue_pool {
	struct byte_queue_chunk *kept;
	size_t kept_count;
};

void byte_queue_pool_done(struct byte_queue_pool *pool);

/* Zeroed is empty. All calls for one queue name the same pool. */
struct byte_queue {
	struct byte_queue_chunk *first, *last;
	size_t size;
};

/* ERR_NO_MEMORY, with nothing appended. data may not lie in the queue. */
enum err byte_queue_append(struct byte_queue *queue, struct byte_queue_pool *pool, const void *data,
						   size_t size);

/* The first bytes that lie together; empty only when the queue is. */
struct slice byte_queue_front(const struct byte_queue *queue);

/* Takes off the first size bytes, of at least as many. */
void byte_queue_drop(struct byte_queue *queue, struct byte_queue_pool *pool, size_t size);

/* Copies and takes off the first size bytes, of at least as many. */
void byte_queue_take(struct byte_queue *queue, struct byte_queue_pool *pool, void *out_data,
					 size_t size);

void byte_queue_clear(struct byte_queue *queue, struct byte_queue_pool *pool);
