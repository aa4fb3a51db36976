#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "engine/engine.h"
#include "proto/device.h"
#include "proto/wireguard_peer.h"
#include "sim/inner.h"
#include "wire/virtio.h"

/*
 * A machine of the world: an engine whose shards are turned by hand, a device, a TUN interface that
 * a test fills and empties, and sockets on the virtual network. Node n is 192.0.2.n and 2001:db8::n
 * outside until it moves. Files: node (life, configuration), node_socket, node_tun.
 */

struct world;

enum {
	NODE_PORT = 51820, /* of every node, until it is configured otherwise */
	NODE_MTU = 1420,
	NODE_TEXT_MAX = 4096, /* of a configuration */
	NODE_EVENTS_MAX = 64, /* kept; later ones are only counted */
};

struct node_options {
	const struct device_ops *ops; /* NULL: the registry's default, with a key and a port */
	uint16_t shards;              /* 0: one */
	struct coalesce_options coalesce;
	bool join_datagrams; /* received ones arrive in one buffer where they are alike (GRO) */
	bool missteer;       /* datagrams reach any shard, not the one that the kernel would choose */
	bool listen_at_once; /* also while the link is down */
};

/* What came out of the tunnel. */
struct arrival {
	uint64_t time; /* the network's */
	struct virtio_header header;
	bool is_known; /* a packet of inner_build(), and which */
	struct inner inner;
	size_t size;
	uint8_t *data;
};

/* What the device wants to find again after a crash. */
struct node_record {
	size_t size;
	uint8_t *data;
};

/* What happened to a peer. */
struct node_event {
	uint64_t time; /* the network's */
	struct device_event event;
};

struct node_socket;
struct node_tun;

struct node {
	struct world *world;
	uint8_t number; /* from 1 */
	struct node_options options;
	uint8_t private_key[X25519_KEY_SIZE], public_key[X25519_KEY_SIZE];

	struct engine *engine;
	const struct device_ops *ops;
	struct device *device;
	struct engine_clock clock;
	struct device_host host;

	uint64_t clock_offset; /* added to the network's time */
	uint64_t wall_offset;  /* added to that; wraps around for a clock that is behind */
	uint64_t clock_cost;   /* by which each reading of the clock sets it forward */
	bool notified, dirty;
	uint64_t run_at; /* in the node's time */
	bool up;
	bool restoring; /* what is restored is not saved again */

	struct address v4, v6; /* where it is now; ADDRESS_NONE: it has no such address */
	uint16_t port;         /* listening there */
	int listen_error;      /* errno that the next listens fail with */
	struct list sockets;   /* newest last */
	struct node_tun *tuns[INTERFACE_SHARDS_MAX];
	uint8_t next_tun; /* packets are spread over the queues in turn */

	struct arrival *arrivals;
	size_t arrival_count, arrival_capacity;
	struct node_record *records;
	size_t record_count, record_capacity;
	size_t warnings;
	struct node_event events[NODE_EVENTS_MAX];
	size_t event_count;
};

/* Its key comes from the world's seed and its number. It is not configured and down. */
struct node *node_new(struct world *world, uint8_t number, const struct node_options *options);
void node_free(struct node *node);

/* The process dies and comes back; what it saved is restored, then the link is as before. */
void node_restart(struct node *node);

/* A set operation of formatted lines; returns its errno. */
int node_set(struct node *node, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The answer to a get operation; the caller frees it. */
char *node_get(const struct node *node);
/* The value of a key in it, of the peer or (NULL) the interface; empty when it is not there. */
void node_get_value(const struct node *node, const struct node *peer, const char *key,
					char *out_value, size_t size);

/* Hexadecimal, as configuration texts have it; a ring of static texts. */
const char *node_hex(const uint8_t key[static X25519_KEY_SIZE]);

/* A peer with the other node's inner addresses and, when it has one, its outer v4 endpoint. */
void node_add_peer(struct node *node, const struct node *other, const char *more_lines);
/* The interface goes up with NODE_MTU, or down. */
void node_link(struct node *node, bool up);

/* The machine's network changed, or it slept. */
void node_network(struct node *node);

/* NULL when it is not configured. */
struct wireguard_peer *node_peer(const struct node *node, const struct node *other);

/* The node's own clocks. */
uint64_t node_now(const struct node *node);
uint64_t node_wall_now(const struct node *node);

/* When it has something to do next, in the network's time. */
uint64_t node_next(const struct node *node);
/* Turns all shards, and the control side when it has been called, until nothing is left to do. */
void node_step(struct node *node);

/* Where others reach it; v4 when it has that. */
struct endpoint node_endpoint(const struct node *node);

/* node_socket.c: a datagram arrived for the node. False when nobody listens there. */
bool node_receive(struct node *node, const struct endpoint *from, const struct endpoint *to,
				  const uint8_t *data, size_t size);
int node_listen(void *context, struct interface *interface, uint16_t port, uint32_t mark,
				uint16_t *out_port);

/* node_tun.c */
struct tun_queue node_tun_open(struct node *node, uint8_t shard);
/* Puts a packet of inner_build() in a queue, and a raw one with its virtio header. */
void node_inject(struct node *node, const struct inner *inner);
void node_inject_raw(struct node *node, uint8_t queue, const uint8_t *data, size_t size);
void node_forget_arrivals(struct node *node);
/* How often the packet came out here, and how many known packets did from that node. */
size_t node_arrived(const struct node *node, const struct node *from, uint32_t number);
size_t node_arrived_from(const struct node *node, const struct node *from);
