#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/*
 * Bytes that wait in order: written at the end, taken from the front. Grows by itself, and gives
 * larger memory back once it is empty; who must not grow without bound asks for the size first.
 */

enum { BYTE_QUEUE_ROOM_KEPT = 32768 };

struct byte_queue { /* all zero: empty */
	uint8_t *bytes;
	size_t begin, end, room;
};

/*
 * Frees the memory, without wiping it, as growing does: what passes through here in masses are
 * users' bytes, no keys. Who has passwords in it wipes them himself, or takes proxy/queue.h.
 */
void byte_queue_done(struct byte_queue *queue);

static inline size_t byte_queue_size(const struct byte_queue *queue) {
	return queue->end - queue->begin;
}

/* All of it; valid until the next change. */
static inline struct slice byte_queue_view(const struct byte_queue *queue) {
	size_t size = byte_queue_size(queue);
	return size > 0 ? slice_of(queue->bytes + queue->begin, size) : slice_of(NULL, 0);
}

/* Memory for size bytes more, for who is about to append as many in pieces. ERR_NO_MEMORY. */
enum err byte_queue_reserve(struct byte_queue *queue, size_t size);

/* ERR_NO_MEMORY: nothing was added. data may not be of the queue itself. */
enum err byte_queue_append(struct byte_queue *queue, const void *data, size_t size);

/* The first size bytes go, or all where there are fewer. */
void byte_queue_drop(struct byte_queue *queue, size_t size);
