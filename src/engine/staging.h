#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/list.h"

/* Packets of a peer that wait for a session. Only the shard that owns the peer calls this. */

struct peer;

enum {
	STAGING_PACKETS_MAX = 128,            /* of one peer */
	STAGING_BYTES_MAX = 32 * 1024 * 1024, /* of all peers of a shard */
};

struct staging_packet {
	struct list link;
	uint32_t size;
	uint8_t data[]; /* size bytes, then SEGMENT_PADDING_MAX zeroed ones */
};

/*
 * Copies a packet. When the peer or its shard has its maximum, the peer's oldest goes. ERR_LIMIT
 * when even that makes no room.
 */
enum err staging_add(struct peer *peer, const uint8_t *data, uint32_t size);

/* The oldest, off the list and the accounts; NULL when there is none. The caller frees it. */
struct staging_packet *staging_take(struct peer *peer);
void staging_drop(struct peer *peer);
