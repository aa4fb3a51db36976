#pragma once

#include <stdbool.h>

#include "base/error.h"

/* The way in: datagrams to packets on the TUN queue. */

struct listener;
struct shard;
struct shard_in;

enum err shard_in_new(struct shard_in **out_in);
void shard_in_free(struct shard_in *in);

/*
 * Receives from both transports of a listener until they are empty (false) or the turn's budget is
 * used (true).
 */
bool shard_in_receive(struct shard *shard, struct listener *listener);
