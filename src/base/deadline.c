#include "base/deadline.h"

#include <assert.h>
#include <stdlib.h>

enum { CHILDREN = 4, CAPACITY_FIRST = 16 };

/* Index i's children are at CHILDREN * i + 1 and the three behind it. */
static uint32_t parent_of(uint32_t index) {
	return (index - 1) / CHILDREN;
}

static void place(struct deadline_heap *heap, uint32_t index, struct deadline *item) {
	heap->items[index] = item;
	item->position = index + 1;
}

/* Puts item at index or, past later deadlines, nearer to the root. */
static void sift_up(struct deadline_heap *heap, uint32_t index, struct deadline *item) {
	while (index > 0 && heap->items[parent_of(index)]->at > item->at) {
		place(heap, index, heap->items[parent_of(index)]);
		index = parent_of(index);
	}
	place(heap, index, item);
}

/* Puts item at index or, past earlier deadlines, farther from the root. */
static void sift_down(struct deadline_heap *heap, uint32_t index, struct deadline *item) {
	for (;;) {
		/* 64 bits wide: a product near the largest index must not wrap. */
		uint64_t first = (uint64_t)index * CHILDREN + 1, end = first + CHILDREN;
		if (end > heap->count)
			end = heap->count;
		if (first >= end)
			break;
		uint32_t earliest = (uint32_t)first;
		for (uint32_t child = earliest + 1; child < end; child++)
			if (heap->items[child]->at < heap->items[earliest]->at)
				earliest = child;
		if (heap->items[earliest]->at >= item->at)
			break;
		place(heap, index, heap->items[earliest]);
		index = earliest;
	}
	place(heap, index, item);
}

/* Puts item at the free index, in either direction. */
static void settle(struct deadline_heap *heap, uint32_t index, struct deadline *item) {
	if (index > 0 && heap->items[parent_of(index)]->at > item->at)
		sift_up(heap, index, item);
	else
		sift_down(heap, index, item);
}

void deadline_heap_init(struct deadline_heap *heap) {
	*heap = (struct deadline_heap){0};
}

void deadline_heap_done(struct deadline_heap *heap) {
	if (!heap)
		return;
	for (uint32_t i = 0; i < heap->count; i++)
		heap->items[i]->position = 0;
	free(heap->items);
	deadline_heap_init(heap);
}

enum err deadline_heap_reserve(struct deadline_heap *heap, size_t count) {
	if (count <= heap->capacity)
		return ERR_OK;
	if (count > UINT32_MAX / 2)
		return ERR_LIMIT;
	/* Doubled, so that owners added one by one cost O(1) each. */
	uint32_t capacity = heap->capacity > 0 ? heap->capacity : CAPACITY_FIRST;
	while (capacity < count)
		capacity *= 2;
	struct deadline **items = reallocarray(heap->items, capacity, sizeof(struct deadline *));
	if (!items)
		return ERR_NO_MEMORY;
	heap->items = items;
	heap->capacity = capacity;
	return ERR_OK;
}

void deadline_set(struct deadline_heap *heap, struct deadline *item, uint64_t at) {
	if (at == CLOCK_NEVER) {
		deadline_remove(heap, item);
		return;
	}
	uint32_t index = item->position - 1;
	if (item->position == 0) {
		assert(heap->count < heap->capacity);
		index = heap->count++;
	}
	item->at = at;
	settle(heap, index, item);
}

void deadline_remove(struct deadline_heap *heap, struct deadline *item) {
	if (item->position == 0)
		return;
	uint32_t index = item->position - 1;
	item->position = 0;
	struct deadline *last = heap->items[--heap->count];
	if (last != item)
		settle(heap, index, last);
}

uint64_t deadline_next(const struct deadline_heap *heap) {
	return heap->count > 0 ? heap->items[0]->at : CLOCK_NEVER;
}

struct deadline *deadline_pop_expired(struct deadline_heap *heap, uint64_t now) {
	if (heap->count == 0 || heap->items[0]->at > now)
		return NULL;
	struct deadline *item = heap->items[0];
	deadline_remove(heap, item);
	return item;
}
