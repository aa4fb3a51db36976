#pragma once

#include <stddef.h>

#include "base/error.h"
#include "transport/udp/udp.h"

/*
 * What a data shard needs of something that carries datagrams. The kernel's UDP sockets implement
 * it; the simulator brings its own. One thread uses a transport.
 */
struct transport_ops {
	/* As udp_send_many(). */
	void (*send_many)(void *context, struct udp_message *messages, size_t count);
	/* As udp_receive(); buffers are the calling shard's. */
	enum err (*receive)(void *context, struct udp_buffers *buffers,
						const struct udp_received **out_received, size_t *out_count);
	/* The descriptor to wait on for reading, -1 when there is none. */
	int (*descriptor)(const void *context);
	/* Optional: as udp_socket_count_in(). */
	void (*count_in)(void *context, struct udp_counters *counters);
	/* Closes and frees the context. */
	void (*free)(void *context);
};

struct transport {
	const struct transport_ops *ops; /* NULL: not there (a host without this address family) */
	void *context;
};

static inline void transport_done(struct transport *transport) {
	if (transport->ops)
		transport->ops->free(transport->context);
	*transport = (struct transport){.ops = NULL};
}
