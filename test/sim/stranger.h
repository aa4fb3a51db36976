#pragma once

#include <stddef.h>
#include <stdint.h>

#include "handshake/wireguard.h"
#include "session/cookie.h"
#include "sim/node.h"
#include "sim/world.h"

/* Senders of handshakes that are no nodes: floods, and clients whose every byte a test chooses. */

/* Somebody with a key of his own who knows one node. */
struct stranger {
	struct world *world;
	struct node *target;
	struct endpoint at;
	struct wireguard_identity identity;
	struct wireguard_remote remote;
	struct cookie_jar jar;
	uint32_t index;
};

/* At address text "192.0.2.99:1000". The target knows him only when stranger_introduce() ran. */
void stranger_init(struct stranger *stranger, struct node *target, const char *at);
/* Makes him a peer of his target. */
void stranger_introduce(const struct stranger *stranger);

/* An initiation of now, with the cookie that the jar may hold. */
void stranger_make(struct stranger *stranger, uint8_t out_data[static WIREGUARD_INITIATION_SIZE]);
/* The same, and sends it. */
void stranger_initiate(struct stranger *stranger);
/* Takes the last cookie reply that the tap has seen go to him; false when there is none, or bad. */
bool stranger_take_cookie(struct stranger *stranger);
/* Messages of the type that the tap has seen go to him. */
size_t stranger_count(const struct stranger *stranger, uint8_t type);

/*
 * Sends count datagrams that look like initiations for the node, each with a right mac1 (which
 * needs the public key only) or none, from random addresses of the family. All arrive together.
 */
void stranger_flood(struct world *world, const struct node *target, size_t count, bool right_mac1,
					enum address_family family);
