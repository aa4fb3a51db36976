#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "proto/wireguard_peer.h"

/* What the control thread tells the shard that owns a peer. */

/* Which parts of a change count. */
enum wireguard_change {
	WIREGUARD_CHANGE_ATTACH = 1, /* the shard has not seen this peer before */
	WIREGUARD_CHANGE_PRESHARED_KEY = 2,
	WIREGUARD_CHANGE_ENDPOINT = 4,
	WIREGUARD_CHANGE_PERSISTENT = 8,
	WIREGUARD_CHANGE_RESUME = 16, /* a session was alive before a restart: start one at once */
	WIREGUARD_CHANGE_DETACH = 32,
	WIREGUARD_CHANGE_TIMES = 128, /* what either end's initiations claimed before a restart */
	WIREGUARD_CHANGE_LEARNT = 64, /* the endpoint is where the peer was, nobody configured it */
	WIREGUARD_CHANGE_UMBRA = 256,
};

struct wireguard_peer_change {
	struct wireguard_peer *peer;
	struct interface *interface;
	unsigned changes; /* of enum wireguard_change */
	struct endpoint endpoint;
	uint16_t persistent_interval;
	bool umbra;
	uint8_t timestamp[WIREGUARD_TIMESTAMP_SIZE]; /* with WIREGUARD_CHANGE_TIMES, as claimed */
	uint64_t claimed;
	uint8_t preshared_key[AEAD_KEY_SIZE];
};

/* Posts a copy to the owner. ERR_NO_MEMORY. */
enum err wireguard_command_post(struct engine *engine, const struct wireguard_peer_change *change);
