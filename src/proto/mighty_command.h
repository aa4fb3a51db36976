#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "proto/mighty_peer.h"
#include "session/time_order.h"

/* What the control thread tells the shard that owns a peer. */

/* Which parts of a change count. */
enum mighty_change {
	MIGHTY_CHANGE_ATTACH = 1,    /* the shard has not seen this peer before */
	MIGHTY_CHANGE_ENDPOINTS = 2, /* configured ones, by preference (client) */
	MIGHTY_CHANGE_ADDRESSES = 4, /* told with the next handshake (server) */
	MIGHTY_CHANGE_POLICY = 8,    /* the one of before may be retired once this is posted */
	MIGHTY_CHANGE_TIMES = 16,    /* what hellos claimed before a restart */
	MIGHTY_CHANGE_DETACH = 32,
};

struct mighty_peer_change {
	struct mighty_peer *peer;
	struct interface *interface;
	unsigned changes; /* of enum mighty_change */
	size_t endpoint_count;
	struct endpoint endpoints[MIGHTY_ENDPOINTS_MAX];
	bool learnt; /* they are no choice: where an earlier run of this server heard the client last */
	size_t address_count;
	struct prefix addresses[INTERFACE_SETTINGS_ADDRESSES_MAX];
	const struct packet_policy *policy; /* NULL: everything may pass */
	/* MIGHTY_CHANGE_TIMES: hellos that this server accepted, and the client's own last. */
	size_t time_count;
	struct mighty_hello_time times[TIME_ORDER_GROUP_MAX];
	uint64_t claimed; /* ms; 0: none */
};

/* Posts a copy to the owner. ERR_NO_MEMORY. */
enum err mighty_command_post(struct engine *engine, const struct mighty_peer_change *change);

/*
 * Farewells to all peers leave, and their sessions end: to be posted before the sockets are closed.
 * A snapshot, down or up again, must follow, or the interface is freed. ERR_NO_MEMORY: some may be
 * found dead instead.
 */
enum err mighty_command_farewell(struct engine *engine, struct interface *interface);

/*
 * The host's network changed, or the machine slept: told to all shards. ERR_NO_MEMORY: some may
 * not have been told.
 */
enum err mighty_command_network(struct engine *engine, struct interface *interface);
