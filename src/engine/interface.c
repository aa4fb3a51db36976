#include "engine/interface.h"

#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/port.h"
#include "engine/shard.h"

struct making {
	struct interface *interface;
	const struct interface_options *options;
	struct tun_queue *queues;
	enum err errors[INTERFACE_SHARDS_MAX];
};

static void make_lane(struct shard *shard, void *context) {
	struct making *making = context;
	struct interface *interface = making->interface;
	uint16_t number = shard->number;
	struct tun_queue taken = making->queues[number];
	making->queues[number] = (struct tun_queue){.ops = NULL};
	making->errors[number] =
		lane_init(&interface->lanes[number], interface, shard, &interface->port->listeners[number],
				  taken, &making->options->coalesce);
	/* At once: this shard's turn goes on with all of its lanes. */
	if (making->errors[number] != ERR_OK)
		lane_done(&interface->lanes[number]);
}

static enum err make_lanes(struct interface *interface, const struct interface_options *options,
						   struct tun_queue *queues) {
	struct making making = {.interface = interface, .options = options, .queues = queues};
	engine_each(interface->engine, make_lane, &making);
	enum err error = ERR_OK;
	for (uint16_t i = 0; i < interface->shards && error == ERR_OK; i++)
		error = making.errors[i];
	return error;
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
		list_init(&interface->port_link);
		atomic_init(&interface->snapshot, options->snapshot);
		atomic_init(&interface->mtu, options->mtu);
		error = port_new(engine, &interface->port);
	}
	if (error == ERR_OK) {
		list_append(&interface->port->interfaces, &interface->port_link);
		error = make_lanes(interface, options, queues);
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

static void end_lane(struct shard *shard, void *context) {
	struct interface *interface = context;
	lane_done(&interface->lanes[shard->number]);
}

void interface_free(struct interface *interface) {
	if (!interface)
		return;
	if (interface->port) {
		engine_each(interface->engine, end_lane, interface);
		/* What travels between shards may name its peers, and listeners. */
		engine_pass(interface->engine);
		list_remove(&interface->port_link);
		if (list_is_empty(&interface->port->interfaces))
			port_free(interface->port);
	}
	free(interface);
}

struct move {
	struct command command; /* first */
	struct lane *lane;
	struct listener *to;
	bool replaces; /* what is open there */
	struct transport v4, v6;
};

static void run_move(struct shard *shard, struct command *command) {
	(void)shard;
	struct move *move = (struct move *)command;
	lane_move(move->lane, move->to);
	if (move->replaces)
		listener_set_transports(move->to, move->v4, move->v6);
	free(move);
}

static void release_port(void *port) {
	port_free(port);
}

static void change_port(struct interface *interface, struct port *to) {
	struct port *from = interface->port;
	if (from == to)
		return;
	interface->port = to;
	list_remove(&interface->port_link);
	list_append(&to->interfaces, &interface->port_link);
	if (list_is_empty(&from->interfaces))
		engine_retire(interface->engine, release_port, from);
}

/* Makes room for one a shard, or for none. */
static bool make_moves(uint16_t count, struct move **out_moves) {
	for (uint16_t i = 0; i < count; i++) {
		out_moves[i] = calloc(1, sizeof *out_moves[i]);
		if (out_moves[i])
			continue;
		while (i > 0)
			free(out_moves[--i]);
		return false;
	}
	return true;
}

static void post_moves(struct interface *interface, struct port *to, struct move **moves) {
	for (uint16_t i = 0; i < interface->shards; i++) {
		moves[i]->command.run = run_move;
		moves[i]->lane = &interface->lanes[i];
		moves[i]->to = &to->listeners[i];
		engine_post(interface->engine, i, &moves[i]->command);
	}
	change_port(interface, to);
}

static void close_transports(const struct interface *interface, struct transport *transports) {
	for (uint16_t i = 0; transports && i < interface->shards; i++)
		transport_done(&transports[i]);
}

enum err interface_set_transports(struct interface *interface, struct transport *v4,
								  struct transport *v6) {
	struct move *moves[INTERFACE_SHARDS_MAX];
	struct port *port = interface->port;
	enum err error = port_count(port) > 1 ? port_new(interface->engine, &port) : ERR_OK;
	if (error == ERR_OK && !make_moves(interface->shards, moves)) {
		if (port != interface->port)
			port_free(port);
		error = ERR_NO_MEMORY;
	}
	if (error != ERR_OK) {
		close_transports(interface, v4);
		close_transports(interface, v6);
		return error;
	}
	for (uint16_t i = 0; i < interface->shards; i++) {
		moves[i]->replaces = true;
		moves[i]->v4 = v4 ? v4[i] : (struct transport){.ops = NULL};
		moves[i]->v6 = v6 ? v6[i] : (struct transport){.ops = NULL};
	}
	post_moves(interface, port, moves);
	return ERR_OK;
}

static const struct interface *sharer_of(struct list *port_link) {
	return list_item(port_link, struct interface, port_link);
}

enum err interface_join(struct interface *interface, const struct interface *other) {
	struct move *moves[INTERFACE_SHARDS_MAX];
	struct port *port = other->port;
	if (interface->engine != other->engine)
		return ERR_INVALID;
	if (port == interface->port)
		return ERR_OK;
	list_for_each (link, &port->interfaces)
		if (sharer_of(link)->protocol == interface->protocol)
			return ERR_EXISTS;
	if (port_count(port) == LISTENER_LANES_MAX)
		return ERR_LIMIT;
	if (!make_moves(interface->shards, moves))
		return ERR_NO_MEMORY;
	post_moves(interface, port, moves);
	return ERR_OK;
}

void interface_set_mtu(struct interface *interface, uint32_t mtu) {
	atomic_store_explicit(&interface->mtu, mtu, memory_order_relaxed);
}
