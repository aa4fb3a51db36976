#pragma once

#include <stddef.h>
#include <stdint.h>

#include "daemon/net.h"
#include "proto/device.h"

/*
 * Connections (TCP) of a tunnel of packets on the main thread, from when they are made until a
 * shard has them: those that come to its listening sockets, of which there are only so many at
 * once, of one source as well, and those that it makes itself. What they say the device makes out,
 * and it closes who takes too long from then on. Whoever comes while there are as many as may be
 * takes the place of the oldest, but never of one that waits for the device's verdict.
 */

enum {
	DEVICE_CONNECTIONS_IN_MAX = 256,
	DEVICE_CONNECTIONS_SOURCE_MAX = 16, /* of an IPv4 /24 or an IPv6 /64 */
	DEVICE_CONNECTIONS_OUT_MAX = 4,
	DEVICE_CONNECTIONS_WRITE_MAX = 32 * 1024, /* bytes on their way: all messages of a handshake */
};

/* Whoever comes says something within this time, ns. */
#define DEVICE_CONNECTIONS_SILENCE (UINT64_C(15) * 1000 * 1000 * 1000)

struct device_connections;

/*
 * The start's listening sockets are copied. callbacks, ops and the device outlive it.
 */
enum err device_connections_new(const struct net_start *start, const struct device_ops *ops,
								struct device *device, struct device_connections **out_connections);
void device_connections_free(struct device_connections *connections); /* NULL-safe */

/* As in struct device_host. */
enum err device_connections_connect(struct device_connections *connections,
									const struct endpoint *to, uint64_t *out_connection);
enum err device_connections_write(struct device_connections *connections, uint64_t connection,
								  struct slice data);
void device_connections_close(struct device_connections *connections, uint64_t connection);
enum err device_connections_hand_over(struct device_connections *connections, uint64_t connection,
									  struct stream_transport *out_transport);

/* As net_device_ops.sockets. */
void device_connections_sockets(struct device_connections *connections,
								const struct process_sockets *answer, const int *descriptors,
								size_t count);
/* Ends who says nothing; when to be called again. */
uint64_t device_connections_run(struct device_connections *connections, uint64_t now);
