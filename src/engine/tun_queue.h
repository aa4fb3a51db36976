#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"

/*
 * One queue of a TUN interface as a shard sees it: packets behind a virtio header, super-packets
 * included. The kernel's queues implement it; the simulator brings its own.
 */
struct tun_queue_ops {
	/*
	 * Reads one packet with its virtio header into size bytes; ERR_AGAIN when none is waiting,
	 * ERR_IO and ERR_NO_DEVICE when the queue is (for now) unusable.
	 */
	enum err (*read)(void *context, uint8_t *data, size_t size, size_t *out_size);
	/*
	 * Writes one packet whose first iovec is its virtio header. ERR_NO_DEVICE when the interface is
	 * gone, ERR_IO while it is down, ERR_NO_MEMORY and ERR_AGAIN when there is no room; any other
	 * error is about this packet.
	 */
	enum err (*write)(void *context, const struct iovec *iovecs, int count);
	/* The descriptor to wait on for reading, -1 when there is none. */
	int (*descriptor)(const void *context);
	/* Closes and frees the context. */
	void (*free)(void *context);
};

struct tun_queue {
	const struct tun_queue_ops *ops;
	void *context;
	bool has_header; /* packets really travel with one */
};

static inline void tun_queue_done(struct tun_queue *queue) {
	if (queue->ops)
		queue->ops->free(queue->context);
	*queue = (struct tun_queue){.ops = NULL};
}

/*
 * A queue over a descriptor that privileged code opened; takes it over and makes it non-blocking.
 * has_header tells whether it was opened with IFF_VNET_HDR; without, headers are made up here.
 */
enum err tun_queue_open(int descriptor, bool has_header, struct tun_queue *out_queue);
