#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/segment.h"
#include "engine/tun_queue.h"

/*
 * Buffers for reads of a TUN queue. Each belongs to one shard's pool; a buffer whose packet is for
 * another shard's peer travels there whole and comes back.
 */

struct peer;

enum {
	TUN_BUFFERS = 64,
	TUN_PACKET_MAX = 65535 + VIRTIO_HEADER_SIZE,
};

struct ring;
struct tun_pool;

struct tun_buffer {
	struct tun_buffer *next; /* in the pool */
	struct tun_pool *pool;   /* where it belongs; only its own shard may touch that */
	struct ring *way_home;   /* the ring back when another shard holds it, otherwise NULL */
	struct peer *peer;       /* whom it is for, while it travels */
	uint32_t size;           /* of the packet with its virtio header */
	uint8_t *data;           /* TUN_PACKET_MAX bytes, SEGMENT_PADDING_MAX writable ones behind */
};

struct tun_pool {
	struct tun_buffer buffers[TUN_BUFFERS];
	struct tun_buffer *free;
	size_t free_count;
	uint8_t *memory;
};

enum err tun_pool_init(struct tun_pool *pool);
void tun_pool_done(struct tun_pool *pool);
/* NULL when all are in use. */
struct tun_buffer *tun_pool_take(struct tun_pool *pool);
void tun_pool_give(struct tun_pool *pool, struct tun_buffer *buffer);

/* Gives a buffer back to its pool, from whichever shard holds it. */
void tun_buffer_release(struct tun_buffer *buffer);
