#pragma once

#include "base/list.h"
#include "tunnel/directory.h"

/* Inside of a directory, for directory*.c only. */

/* One allowed IP of a peer in use. */
struct directory_prefix {
	struct directory_link link;
	struct directory_peer *peer;
	const struct prefix *prefix;
};

struct directory {
	struct directory_table keys, names, prefixes;
	struct list peers;        /* of file and store, then of the device only */
	struct list *device_only; /* the first of these, or the list's head */
	size_t count, store_count;
	uint64_t updates;
	struct directory_device device;
	bool carries_streams;
	bool has_shared;   /* config_has_shared() */
	uint64_t lifetime; /* seconds that a handshake means the peer is there */
};

/* The bytes that a prefix is looked up by. */
struct directory_prefix_key {
	uint8_t bytes[ADDRESS_V6_SIZE + 2];
};
struct directory_prefix_key directory_prefix_key(const struct prefix *prefix);

/* A peer of DIRECTORY_DEVICE, at the end. */
enum err directory_add_device_peer(struct directory *directory,
								   const struct directory_text_peer *seen);
void directory_drop_device_peers(struct directory *directory);
