#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/lane.h"
#include "engine/peer.h"
#include "engine/segment.h"

/*
 * What becomes of packets that are larger than a peer's path carries whole (peer->limit). Their
 * senders are told, as a router tells them; what may be cut, or is too small to tell of, is cut.
 */

/* Answers a second that a peer's packets may cause. What is above that leaves as it is. */
enum { PATH_LIMIT_ANSWERS = 100 };

/*
 * For a peer with a limit. True when that was all: the packets of the plan, the last one perhaps
 * excepted, are larger; their sender was told, or their fragments are on their way. What opens a
 * TCP connection asks for segments that fit from now on.
 */
bool path_limit_take(struct lane *lane, struct peer *peer, struct segment_plan *plan);

/* What packets may be padded to. */
static inline uint32_t path_limit_room(const struct lane *lane, const struct peer *peer) {
	return peer->limit && peer->limit < lane->mtu ? peer->limit : lane->mtu;
}
