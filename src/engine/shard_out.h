#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The way out: packets of the TUN queue to sealed datagrams. */

struct control_frame;
struct lane;
struct peer;
struct session;
struct shard;

/* Reads a lane's queue until it is empty (false) or the turn's budget is used (true). */
bool shard_out_transmit(struct shard *shard, struct lane *lane);

/* Takes packets that other shards read for our peers. */
void shard_out_take_handoffs(struct shard *shard);

/* Sends what the peer has staged, if its protocol has a session; otherwise asks for one. */
void shard_out_send_staged(struct lane *lane, struct peer *peer);

/* An empty packet, unless something is staged, which then goes instead. */
void shard_out_send_keepalive(struct lane *lane, struct peer *peer);

/*
 * In the peer's session, where it has one. A probe leaves whole or not at all. Not data, as far as
 * the protocol's timers are concerned.
 */
void shard_out_send_control(struct lane *lane, struct peer *peer,
							const struct control_frame *frame);
