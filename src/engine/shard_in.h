#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The way in: datagrams to packets on the TUN queue. */

struct lane;
struct listener;
struct peer;
struct shard;
struct shard_in;
struct udp_received;

enum err shard_in_new(struct shard_in **out_in);
void shard_in_free(struct shard_in *in);

/*
 * Receives from both transports of a listener until they are empty (false) or the turn's budget is
 * used (true).
 */
bool shard_in_receive(struct shard *shard, struct listener *listener);

/* Packets of one connection follow, of no other and no datagrams, until shard_in_finish(). */
void shard_in_begin(struct shard *shard);
/*
 * One packet of a peer's connection, to be opened together with others of it; data stays where it
 * is until then, and origin too. False: it is not the peer's.
 */
bool shard_in_take(struct shard *shard, struct lane *lane, const struct peer *peer,
				   const struct udp_received *origin, uint8_t *data, size_t size);
/* Opens and delivers what was taken. False: something since the beginning did not open. */
bool shard_in_finish(struct shard *shard, struct lane *lane);
