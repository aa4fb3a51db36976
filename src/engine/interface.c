#include "engine/interface.h"

#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/shard.h"

static enum err init_shard(struct interface *interface, const struct interface_options *options,
						   uint16_t number, struct tun_queue *queue) {
	struct shard *shard = engine_shard(interface->engine, number);
	if (shard->interface_count == SHARD_INTERFACES_MAX)
		return ERR_LIMIT;
	struct listener *listener = &interface->listeners[number];
	struct lane *lane = &interface->lanes[number];
	enum err error = listener_init(listener, shard, shard->worker);
	if (error != ERR_OK)
		return error;
	struct tun_queue taken = *queue;
	*queue = (struct tun_queue){.ops = NULL};
	error = lane_init(lane, interface, shard, listener, taken, &options->coalesce);
	if (error != ERR_OK)
		return error;
	shard->lanes[shard->interface_count] = lane;
	shard->listeners[shard->interface_count] = listener;
	shard->interface_count++;
	return ERR_OK;
}

enum err interface_new(struct engine *engine, const struct interface_options *options,
					   struct tun_queue *queues, struct interface **out_interface) {
	uint16_t shards = engine_shards(engine);
	enum err error = ERR_NO_MEMORY;
	struct interface *interface = calloc(1, sizeof *interface);
	if (interface) {
		interface->engine = engine;
		interface->protocol = options->protocol;
		interface->device = options->device;
		interface->shards = shards;
		atomic_init(&interface->snapshot, options->snapshot);
		atomic_init(&interface->mtu, options->mtu);
		error = ERR_OK;
		for (uint16_t i = 0; i < shards && error == ERR_OK; i++)
			error = init_shard(interface, options, i, &queues[i]);
	}
	if (error != ERR_OK) {
		interface_free(interface);
		for (uint16_t i = 0; i < shards; i++)
			tun_queue_done(&queues[i]);
		return error;
	}
	*out_interface = interface;
	return ERR_OK;
}

static void forget(struct shard *shard, const struct lane *lane) {
	for (size_t i = 0; i < shard->interface_count; i++) {
		if (shard->lanes[i] != lane)
			continue;
		shard->interface_count--;
		shard->lanes[i] = shard->lanes[shard->interface_count];
		shard->listeners[i] = shard->listeners[shard->interface_count];
		return;
	}
}

void interface_free(struct interface *interface) {
	if (!interface)
		return;
	for (uint16_t i = 0; i < interface->shards; i++) {
		forget(engine_shard(interface->engine, i), &interface->lanes[i]);
		lane_done(&interface->lanes[i]);
		listener_done(&interface->listeners[i]);
	}
	free(interface);
}

struct set_transports {
	struct command command;
	struct listener *listener;
	struct transport v4, v6;
};

static void run_set_transports(struct shard *shard, struct command *command) {
	(void)shard;
	struct set_transports *set = (struct set_transports *)command;
	listener_set_transports(set->listener, set->v4, set->v6);
	free(set);
}

enum err interface_set_transports(struct interface *interface, struct transport *v4,
								  struct transport *v6) {
	struct set_transports *commands[INTERFACE_SHARDS_MAX] = {NULL};
	bool enough = true;
	for (uint16_t i = 0; i < interface->shards; i++) {
		commands[i] = malloc(sizeof *commands[i]);
		enough = enough && commands[i];
	}
	for (uint16_t i = 0; i < interface->shards; i++) {
		if (!enough) {
			free(commands[i]);
			if (v4)
				transport_done(&v4[i]);
			if (v6)
				transport_done(&v6[i]);
			continue;
		}
		*commands[i] = (struct set_transports){
			.command.run = run_set_transports,
			.listener = &interface->listeners[i],
			.v4 = v4 ? v4[i] : (struct transport){.ops = NULL},
			.v6 = v6 ? v6[i] : (struct transport){.ops = NULL},
		};
		engine_post(interface->engine, i, &commands[i]->command);
	}
	return enough ? ERR_OK : ERR_NO_MEMORY;
}

void interface_set_mtu(struct interface *interface, uint32_t mtu) {
	atomic_store_explicit(&interface->mtu, mtu, memory_order_relaxed);
}
