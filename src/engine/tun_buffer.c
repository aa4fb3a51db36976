#include "engine/tun_buffer.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "engine/ring.h"

/*
 * Not a power of two: packets at the same offset of neighbouring buffers fall into different sets
 * of the first-level cache.
 */
#define STRIDE ((size_t)(TUN_PACKET_MAX + SEGMENT_PADDING_MAX + 4096) / 64 * 64 + 192)

enum err tun_pool_init(struct tun_pool *pool) {
	*pool = (struct tun_pool){.free = NULL};
	/* Pages are touched only as far as packets reach. */
	void *memory = mmap(NULL, TUN_BUFFERS * STRIDE, PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return ERR_NO_MEMORY;
	pool->memory = memory;
	for (size_t i = 0; i < TUN_BUFFERS; i++) {
		pool->buffers[i] = (struct tun_buffer){
			.pool = pool,
			/* The IP header is on a 16-byte boundary behind the 10 bytes of virtio header. */
			.data = pool->memory + i * STRIDE + 64 - VIRTIO_HEADER_SIZE,
		};
		tun_pool_give(pool, &pool->buffers[i]);
	}
	return ERR_OK;
}

void tun_pool_done(struct tun_pool *pool) {
	if (pool->memory)
		(void)munmap(pool->memory, TUN_BUFFERS * STRIDE);
	*pool = (struct tun_pool){.free = NULL};
}

struct tun_buffer *tun_pool_take(struct tun_pool *pool) {
	struct tun_buffer *buffer = pool->free;
	if (!buffer)
		return NULL;
	pool->free = buffer->next;
	pool->free_count--;
	return buffer;
}

void tun_pool_give(struct tun_pool *pool, struct tun_buffer *buffer) {
	buffer->peer = NULL;
	buffer->way_home = NULL;
	buffer->next = pool->free;
	pool->free = buffer;
	pool->free_count++;
}

void tun_buffer_release(struct tun_buffer *buffer) {
	if (!buffer->way_home) {
		tun_pool_give(buffer->pool, buffer);
		return;
	}
	/* The ring has room for every buffer of the pool. */
	void *item = buffer;
	(void)ring_push(buffer->way_home, &item, 1);
}
