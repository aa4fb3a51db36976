#pragma once

#include <stddef.h>

#include "base/error.h"

/*
 * A bounded queue of pointers from one producing thread to one consuming thread, without locks.
 * What the producer wrote before it pushed a pointer is seen by the consumer that pops it.
 */

enum { RING_CAPACITY_MAX = 1 << 20 };

struct ring;

/* capacity is a power of two, at most RING_CAPACITY_MAX; otherwise ERR_INVALID. */
enum err ring_new(size_t capacity, struct ring **out_ring);
/* Whatever is still queued remains its owner's. */
void ring_free(struct ring *ring);

/* Producer: queues the first items, as many as there is room for, and returns how many. */
size_t ring_push(struct ring *ring, void *const *items, size_t count);

/* Consumer: takes up to count items in their order and returns how many. */
size_t ring_pop(struct ring *ring, void **out_items, size_t count);
