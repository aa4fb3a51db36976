#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "engine/lane.h"
#include "transport/transport.h"

/*
 * A TUN interface in the engine: one lane a shard, the port that they use, which others may share,
 * and the published snapshot. Made and freed by the control thread, also while the shards run.
 */

struct engine;
struct port;

enum { INTERFACE_SHARDS_MAX = 16 };

struct interface {
	struct engine *engine;
	const struct protocol_ops *protocol;
	void *device; /* the protocol's control side; shards do not touch it */
	uint16_t shards;
	_Atomic(const struct snapshot *) snapshot;
	_Atomic uint32_t mtu;
	struct port *port;     /* the control thread's: lanes are there once they have been told */
	struct list port_link; /* its interfaces */
	struct lane lanes[INTERFACE_SHARDS_MAX];
};

struct interface_options {
	const struct protocol_ops *protocol;
	void *device;
	uint32_t mtu;
	struct coalesce_options coalesce;
	const struct snapshot *snapshot; /* the first one */
};

/* queues: one a shard, taken over also on failure. */
enum err interface_new(struct engine *engine, const struct interface_options *options,
					   struct tun_queue *queues, struct interface **out_interface);
/* Its peers are no shard's when it returns: their memory can be freed. */
void interface_free(struct interface *interface);

/*
 * From the control thread: every shard's listener changes to its transports of these arrays, taken
 * over also on failure; absent ones have no ops. NULL arrays close what is open. Who shares a port
 * gets one of its own; the others keep what is open there.
 */
enum err interface_set_transports(struct interface *interface, struct transport *v4,
								  struct transport *v6);

/*
 * From the control thread: it uses the port of another interface of its engine from now on, and
 * what it had is closed, unless others share that. ERR_EXISTS: an interface of its protocol is
 * there; ERR_LIMIT.
 */
enum err interface_join(struct interface *interface, const struct interface *other);

/* From the control thread. Shards see it from their next turn on. */
void interface_set_mtu(struct interface *interface, uint32_t mtu);
