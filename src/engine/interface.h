#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/lane.h"
#include "engine/listener.h"

/*
 * A TUN interface in the engine: one lane and one listener a shard, and the published snapshot.
 * Made and freed by the control thread while the shards stand still.
 */

struct engine;

enum { INTERFACE_SHARDS_MAX = 16 };

struct interface {
	struct engine *engine;
	const struct protocol_ops *protocol;
	void *device; /* the protocol's control side; shards do not touch it */
	uint16_t shards;
	_Atomic(const struct snapshot *) snapshot;
	_Atomic uint32_t mtu;
	struct lane lanes[INTERFACE_SHARDS_MAX];
	struct listener listeners[INTERFACE_SHARDS_MAX];
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
void interface_free(struct interface *interface);

/*
 * From the control thread: every shard's listener changes to its transports of these arrays, taken
 * over also on failure; absent ones have no ops. NULL arrays close what is open.
 */
enum err interface_set_transports(struct interface *interface, struct transport *v4,
								  struct transport *v6);

/* From the control thread. Shards see it from their next turn on. */
void interface_set_mtu(struct interface *interface, uint32_t mtu);
