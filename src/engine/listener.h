#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/list.h"
#include "engine/outbox.h"
#include "loop/loop.h"
#include "transport/transport.h"

/*
 * One local UDP address (both families) on one shard. Lanes of several interfaces may share it;
 * each datagram goes to the first lane whose protocol finds it to be its own. The shard's thread
 * alone uses it while it has lanes.
 */

struct lane;
struct port;
struct shard;

enum { LISTENER_LANES_MAX = 8 }; /* at most one of a protocol */

struct listener {
	struct port *port; /* that it is part of */
	struct shard *shard;
	struct list shard_link;  /* the shard's listeners, while it has lanes */
	struct transport v4, v6; /* absent while the interface is down */
	struct loop_source v4_source, v6_source;
	bool v4_ready, v6_ready; /* the loop said so and nothing emptied it since */
	struct lane *lanes[LISTENER_LANES_MAX];
	size_t lane_count;
	struct outbox outbox;
	struct udp_counters v4_counters, v6_counters; /* of all transports that there were */
};

enum err listener_init(struct listener *listener, struct port *port, struct shard *shard);
/* Its lanes have left. */
void listener_done(struct listener *listener);

/* There is room: whoever lets interfaces share a port has seen to it. */
void listener_add_lane(struct listener *listener, struct lane *lane);
/* What is about to be sent leaves first. With the last lane the transports are closed. */
void listener_remove_lane(struct listener *listener, const struct lane *lane);

/* Replaces both transports (an absent one has no ops) and closes those of before. */
void listener_set_transports(struct listener *listener, struct transport v4, struct transport v6);
