#pragma once

#include <stdbool.h>

#include "engine/trie.h"

/*
 * One immutable version of an interface's configuration. The control thread publishes it, shards
 * take it up between batches, and it is freed once every shard has moved on.
 */
struct snapshot {
	const struct trie_view *allowed_ips; /* values are struct peer */
	const void *protocol_config;         /* the protocol's own immutable part */
	bool up;                             /* the interface is up: send and accept */
};
