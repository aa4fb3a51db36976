#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

/*
 * The deadlines of one thread, earliest first: an intrusive heap with four children a node.
 * Setting, moving and removing a deadline take O(log n) and never allocate; room is reserved when
 * an owner of deadlines is added.
 */

/* Embedded in its owner's struct; zeroed is "not set". May not move while it is set. */
struct deadline {
	uint64_t at;       /* ns */
	uint32_t position; /* in the heap, from 1; 0: not set */
};

struct deadline_heap {
	struct deadline **items;
	uint32_t count, capacity;
};

/* The owner of a deadline, from a pointer to the member. */
#define deadline_owner(deadline, type, member) \
	((type *)(void *)((char *)(deadline)-offsetof(type, member)))

void deadline_heap_init(struct deadline_heap *heap);
/* The deadlines that are still set belong to their owners and are unset. */
void deadline_heap_done(struct deadline_heap *heap);

/* Room for count deadlines in total. ERR_NO_MEMORY, or ERR_LIMIT when that is no count. */
enum err deadline_heap_reserve(struct deadline_heap *heap, size_t count);

/* Inserts or moves; CLOCK_NEVER removes. At most as many as reserved may be set at a time. */
void deadline_set(struct deadline_heap *heap, struct deadline *item, uint64_t at);

/* Does nothing when it is not set. */
void deadline_remove(struct deadline_heap *heap, struct deadline *item);

/* The earliest, or CLOCK_NEVER. */
uint64_t deadline_next(const struct deadline_heap *heap);

/* Removes and returns the earliest when it is at or before now, otherwise NULL. */
struct deadline *deadline_pop_expired(struct deadline_heap *heap, uint64_t now);
