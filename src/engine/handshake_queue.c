#include "engine/handshake_queue.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct handshake_queue {
	size_t head, count;
	_Atomic uint64_t loaded_until;      /* other threads read it */
	struct handshake_datagram *entries; /* touched only as far as the queue ever grew */
};

#define ENTRIES_SIZE (HANDSHAKE_QUEUE_SIZE * sizeof(struct handshake_datagram))

enum err handshake_queue_new(struct handshake_queue **out_queue) {
	struct handshake_queue *queue = calloc(1, sizeof *queue);
	if (!queue)
		return ERR_NO_MEMORY;
	void *memory =
		mmap(NULL, ENTRIES_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		free(queue);
		return ERR_NO_MEMORY;
	}
	queue->entries = memory;
	*out_queue = queue;
	return ERR_OK;
}

void handshake_queue_free(struct handshake_queue *queue) {
	if (!queue)
		return;
	(void)munmap(queue->entries, ENTRIES_SIZE);
	free(queue);
}

bool handshake_queue_push(struct handshake_queue *queue, const struct endpoint *from,
						  const struct udp_source *to, const uint8_t *data, size_t size,
						  uint64_t now) {
	if (queue->count >= HANDSHAKE_QUEUE_LOADED)
		atomic_store_explicit(&queue->loaded_until, now + HANDSHAKE_LOAD_HELD,
							  memory_order_relaxed);
	if (queue->count == HANDSHAKE_QUEUE_SIZE || size > HANDSHAKE_DATAGRAM_MAX)
		return false;
	/* A queue that drains between turns reuses its first pages. */
	if (queue->count == 0)
		queue->head = 0;
	struct handshake_datagram *entry =
		&queue->entries[(queue->head + queue->count) % HANDSHAKE_QUEUE_SIZE];
	entry->from = *from;
	entry->to = *to;
	entry->size = (uint16_t)size;
	memcpy(entry->data, data, size);
	queue->count++;
	return true;
}

const struct handshake_datagram *handshake_queue_pop(struct handshake_queue *queue) {
	if (queue->count == 0)
		return NULL;
	const struct handshake_datagram *entry = &queue->entries[queue->head];
	queue->head = (queue->head + 1) % HANDSHAKE_QUEUE_SIZE;
	queue->count--;
	return entry;
}

bool handshake_queue_is_empty(const struct handshake_queue *queue) {
	return queue->count == 0;
}

bool handshake_queue_under_load(const struct handshake_queue *queue, uint64_t now) {
	return queue->count >= HANDSHAKE_QUEUE_LOADED || now < handshake_queue_loaded_until(queue);
}

uint64_t handshake_queue_loaded_until(const struct handshake_queue *queue) {
	return atomic_load_explicit(&queue->loaded_until, memory_order_relaxed);
}
