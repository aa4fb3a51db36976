#include "engine/ring.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_LINE = 64 };

/*
 * Both positions only grow (modulo SIZE_MAX + 1, a multiple of the capacity). Each side keeps the
 * other's position as it last saw it and reads the shared one only when that no longer suffices.
 */
struct ring {
	_Alignas(CACHE_LINE) void **items;
	size_t mask; /* capacity - 1 */

	_Alignas(CACHE_LINE) _Atomic(size_t) tail; /* written by the producer */
	size_t producers_head;

	_Alignas(CACHE_LINE) _Atomic(size_t) head; /* written by the consumer */
	size_t consumers_tail;
};

enum err ring_new(size_t capacity, struct ring **out_ring) {
	if (capacity == 0 || capacity > RING_CAPACITY_MAX || (capacity & (capacity - 1)) != 0)
		return ERR_INVALID;
	struct ring *ring = aligned_alloc(CACHE_LINE, sizeof *ring);
	void **items = calloc(capacity, sizeof *items);
	if (!ring || !items) {
		free(ring);
		free(items);
		return ERR_NO_MEMORY;
	}
	memset(ring, 0, sizeof *ring);
	ring->items = items;
	ring->mask = capacity - 1;
	atomic_init(&ring->tail, 0);
	atomic_init(&ring->head, 0);
	*out_ring = ring;
	return ERR_OK;
}

void ring_free(struct ring *ring) {
	if (!ring)
		return;
	free(ring->items);
	free(ring);
}

static size_t smaller(size_t left, size_t right) {
	return left < right ? left : right;
}

size_t ring_push(struct ring *ring, void *const *items, size_t count) {
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	size_t capacity = ring->mask + 1;
	if (capacity - (tail - ring->producers_head) < count)
		ring->producers_head = atomic_load_explicit(&ring->head, memory_order_acquire);
	count = smaller(count, capacity - (tail - ring->producers_head));
	for (size_t i = 0; i < count; i++)
		ring->items[(tail + i) & ring->mask] = items[i];
	atomic_store_explicit(&ring->tail, tail + count, memory_order_release);
	return count;
}

size_t ring_pop(struct ring *ring, void **out_items, size_t count) {
	size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	if (ring->consumers_tail - head < count)
		ring->consumers_tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
	count = smaller(count, ring->consumers_tail - head);
	for (size_t i = 0; i < count; i++)
		out_items[i] = ring->items[(head + i) & ring->mask];
	atomic_store_explicit(&ring->head, head + count, memory_order_release);
	return count;
}
