#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/lane.h"

/* What the control thread tells all shards of an interface: one command a lane. */

struct lane_command {
	struct command command; /* first */
	struct interface *interface;
	const struct snapshot *posted_under; /* as long as this waits, none other lies there */
	void (*run)(struct lane *lane, const struct lane_command *command);
	int value; /* the caller's */
};

/* Each shard runs it for its lane. ERR_NO_MEMORY: some may not have been told. */
enum err lane_command_post(struct engine *engine, struct interface *interface, int value,
						   void (*run)(struct lane *lane, const struct lane_command *command));

/*
 * The lane of an interface that is up takes up the newest snapshot. Whether that was published
 * behind the command: then it says how to go on, and it may be that none follows it.
 */
bool lane_command_is_overtaken(struct lane *lane, const struct lane_command *command);
