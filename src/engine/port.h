#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "engine/listener.h"

/*
 * One local UDP address on all shards: a listener each. Interfaces of different protocols may share
 * it; it lives as long as one of them has it. The control thread's, but for what is in the
 * listeners.
 */

struct engine;

struct port {
	uint16_t shards;
	struct list interfaces; /* through interface->port_link */
	struct listener listeners[];
};

/* Nothing is open, and no interface has it. */
enum err port_new(struct engine *engine, struct port **out_port);
/* To be called when no shard can come upon it any more: lanes have left, and sockets are closed. */
void port_free(struct port *port);

size_t port_count(const struct port *port);
