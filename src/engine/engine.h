#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "crypto/aead.h"
#include "engine/inbox.h"

/*
 * The data path's shards and their link to the one control thread. The control thread posts
 * commands, publishes snapshots, and frees what shards may still be reading only after every shard
 * has passed two turns since (two, because a buffer with a peer's name may travel between shards
 * in the first).
 */

struct engine;
struct interface;
struct shard;
struct snapshot;

struct engine_clock {
	uint64_t (*now)(void *context);      /* monotonic ns */
	uint64_t (*wall_now)(void *context); /* ns since the Unix epoch */
	void *context;
};

struct engine_options {
	uint16_t shards; /* 1..16 */
	const struct aead_backend *backend;
	const struct random_source *random;
	const struct engine_clock *clock;
	/* Called on any thread when shards have news for the control thread; may be NULL. */
	void (*notify)(void *context);
	void *notify_context;
};

/* A command for one shard, run between turns on its thread; run() frees it. */
struct command {
	struct inbox_item item; /* first */
	void (*run)(struct shard *shard, struct command *command);
};

enum err engine_new(const struct engine_options *options, struct engine **out_engine);
/* Stops the threads, if any. Its interfaces must be freed before. */
void engine_free(struct engine *engine);

/* One thread a shard. Without it the owner calls shard_turn() itself (simulator, tests). */
enum err engine_start(struct engine *engine);
/* Ends the threads, if any, and runs the commands that no turn took, here. */
void engine_stop(struct engine *engine);

uint16_t engine_shards(const struct engine *engine);
struct shard *engine_shard(struct engine *engine, uint16_t number);
const struct engine_options *engine_get_options(const struct engine *engine);

/* Counts publications and retirements; shards say which one they have begun a turn in. */
uint64_t engine_epoch(const struct engine *engine);

/* Any thread. */
void engine_post(struct engine *engine, uint16_t shard, struct command *command);

/* Publishes a snapshot; the one before must be retired by the caller. */
void engine_publish(struct engine *engine, struct interface *interface,
					const struct snapshot *snapshot);

/* Calls release(pointer) on the control thread once no shard can be using it any more. */
void engine_retire(struct engine *engine, void (*release)(void *pointer), void *pointer);

/*
 * Releases what can be; true while something is left, and then this must be called again soon. A
 * retirement whose memory could not be had leaks rather than frees too early.
 */
bool engine_collect(struct engine *engine);

/* Releases everything retired, for which it has shards pass their turns. */
void engine_collect_all(struct engine *engine);

/*
 * Runs a function once on every shard between two of its turns, on all at the same time, behind the
 * commands that were posted before, and waits for them. Shards without threads run it here.
 */
void engine_each(struct engine *engine, void (*run)(struct shard *shard, void *context),
				 void *context);
/* Waits until every shard has begun and ended a turn; shards without threads have it here. */
void engine_pass(struct engine *engine);

/*
 * Waits, some milliseconds at most, until every shard has begun a turn since the last publication
 * or command: so that whoever changed something then reads it back.
 */
void engine_settle(struct engine *engine);

/* From shards: the control thread should look at what is new. */
void engine_notify(const struct engine *engine);
