#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/list.h"

/*
 * The engines of the net process: one for all tunnels with as many shards, so that they have its
 * threads in common and may share ports. They all have the same number unless the configuration's
 * changed while some were up.
 */

struct engine;
struct net_start;

struct device_engine {
	struct list link;
	struct engine *engine;
	struct list ports; /* open ones, see device_port.h */
	unsigned users;
};

/* The one for the tunnel, whose options are the process's; a new one where there is none. */
enum err device_engine_take(const struct net_start *start, struct device_engine **out_engine);
/* After its interface is gone. The last one ends the threads. NULL-safe. */
void device_engine_release(struct device_engine *engine);
