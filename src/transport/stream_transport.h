#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"

/*
 * What a data shard needs of a connection that carries bytes in order. The kernel's TCP sockets
 * implement it (tcp/tcp_transport.h); tests bring their own. One thread uses it, none ever waits.
 */
struct stream_transport_ops {
	/* Some of the bytes that are there, at least one. ERR_AGAIN: none yet; ERR_CLOSED: no more. */
	enum err (*read)(void *context, uint8_t *data, size_t size, size_t *out_size);
	/* As many as there is room for, at least one; ERR_AGAIN: no room. */
	enum err (*write)(void *context, const struct iovec *pieces, int count, size_t *out_size);
	/* The descriptor to wait on, -1 when there is none. */
	int (*descriptor)(const void *context);
	/* Closes and frees the context. */
	void (*free)(void *context);
};

struct stream_transport {
	const struct stream_transport_ops *ops; /* NULL: not there */
	void *context;
};

static inline void stream_transport_done(struct stream_transport *transport) {
	if (transport->ops)
		transport->ops->free(transport->context);
	*transport = (struct stream_transport){.ops = NULL};
}
