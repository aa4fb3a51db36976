#include "proto/lane_command.h"

#include <stdlib.h>

#include "engine/interface.h"
#include "engine/shard.h"

static void run_one(struct shard *shard, struct command *base) {
	struct lane_command *command = (struct lane_command *)base;
	command->run(&command->interface->lanes[shard->number], command);
	free(command);
}

enum err lane_command_post(struct engine *engine, struct interface *interface, int value,
						   void (*run)(struct lane *lane, const struct lane_command *command)) {
	const struct snapshot *present =
		atomic_load_explicit(&interface->snapshot, memory_order_relaxed);
	for (uint16_t i = 0; i < engine_shards(engine); i++) {
		struct lane_command *command = malloc(sizeof *command);
		if (!command)
			return ERR_NO_MEMORY;
		*command = (struct lane_command){
			.command.run = run_one,
			.interface = interface,
			.posted_under = present,
			.run = run,
			.value = value,
		};
		engine_post(engine, i, &command->command);
	}
	return ERR_OK;
}

bool lane_command_is_overtaken(struct lane *lane, const struct lane_command *command) {
	if (lane->snapshot->up)
		lane_refresh(lane);
	return lane->snapshot != command->posted_under;
}
