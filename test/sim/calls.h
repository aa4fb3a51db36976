#pragma once

#include "proto/device.h"
#include "sim/node.h"
#include "transport/stream_transport.h"

/* Connections (TCP) between two nodes: what hosts, and later shards, have of them. */

enum { CALLS_MAX = 64, CALLS_PORT = 40000 };

struct call_end {
	struct node *node; /* NULL: a stranger's, whom the test plays */
	struct device_caller caller;
	uint8_t *bytes; /* that arrived here, and were not read */
	size_t size;
	bool closed;      /* by this end */
	bool handed_over; /* a shard reads it */
	bool told;        /* of its end */
};

struct call {
	struct calls *calls;
	bool broken;
	bool lost;               /* nothing arrives any more, and nobody hears of that */
	struct call_end ends[2]; /* who began it, who was called */
};

struct calls {
	struct node *client, *server;
	size_t cut; /* bytes that arrive at a time */
	bool refuses;
	size_t count;
	struct call *items[CALLS_MAX]; /* also those that are over */
};

/* Both hosts connect by it from now on. */
void calls_init(struct calls *calls, struct node *client, struct node *server);
/* The nodes are gone, or have closed all. */
void calls_done(struct calls *calls);

/* What was said arrives, and its end. */
void calls_deliver(struct calls *calls);
/* Everything breaks off. */
void calls_break(struct calls *calls);
/* Those that are there lead nowhere from now on; later ones do. */
void calls_lose(struct calls *calls);
/* How many are there, of which neither end has closed. */
size_t calls_alive(const struct calls *calls);

/* A stranger calls the server, and says something. */
struct call *calls_begin(struct calls *calls);
void calls_say(struct call *call, const void *data, size_t size);
/* Whether the server has closed it. */
bool calls_is_closed(const struct call *call);
