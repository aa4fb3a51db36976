#include "proto/mighty_command.h"

#include <stdlib.h>
#include <string.h>

#include "proto/lane_command.h"
#include "proto/mighty_exchange.h"
#include "proto/mighty_message.h"
#include "proto/mighty_paths.h"

struct peer_command {
	struct command command; /* first */
	struct mighty_peer_change change;
};

/* What an earlier run accepted is not accepted again. */
static void import_times(const struct lane *lane, const struct mighty_peer_change *change) {
	const struct engine_clock *clock = lane->shard->clock;
	const uint64_t now = clock->wall_now(clock->context) / CLOCK_MILLISECOND;
	struct mighty_peer *peer = change->peer;
	struct time_order_entry entry;
	memcpy(entry.group, peer->psk.id, sizeof entry.group);
	for (size_t i = 0; i < change->time_count; i++) {
		memcpy(entry.sender, change->times[i].instance, sizeof entry.sender);
		entry.time = change->times[i].time;
		/* Without room for it there would be none for the client's hellos either. */
		(void)time_order_import(mighty_lane_of(lane)->order, &entry, now);
	}
	if (change->claimed > peer->claimed)
		peer->claimed = change->claimed;
}

/* Whether a client has to look for its server anew. */
static bool set_endpoints(struct mighty_peer *peer, const struct mighty_peer_change *change) {
	if (!change->learnt)
		return mighty_paths_set(peer, change->endpoints, change->endpoint_count);
	/* A client that is here is where it was heard. */
	if (change->endpoint_count > 0 && !peer->current)
		peer_set_endpoint(&peer->peer, &change->endpoints[0], NULL);
	return false;
}

static void apply(struct shard *shard, const struct mighty_peer_change *change) {
	struct mighty_peer *peer = change->peer;
	struct lane *lane = &change->interface->lanes[shard->number];
	/* See wireguard_command.c: the command was posted under a newer snapshot. */
	if (lane->snapshot->up)
		lane_refresh(lane);
	/* Without room for its timers a peer stays unattached: it neither sends nor receives. */
	if ((change->changes & MIGHTY_CHANGE_ATTACH) && lane_attach(lane, &peer->peer) != ERR_OK)
		return;
	if (!peer->peer.lane)
		return;
	if (change->changes & MIGHTY_CHANGE_DETACH) {
		mighty_peer_stop(peer);
		lane_detach(lane, &peer->peer);
		return;
	}
	if (change->changes & MIGHTY_CHANGE_ADDRESSES) {
		peer->address_count = change->address_count;
		memcpy(peer->addresses, change->addresses, sizeof peer->addresses);
	}
	if (change->changes & MIGHTY_CHANGE_POLICY)
		peer->policy = change->policy;
	if (change->changes & MIGHTY_CHANGE_TIMES)
		import_times(lane, change);
	const bool elsewhere =
		(change->changes & MIGHTY_CHANGE_ENDPOINTS) && set_endpoints(peer, change);
	if (!lane->snapshot->up)
		return;
	if (!peer->running)
		mighty_peer_start(peer);
	else if (elsewhere)
		mighty_exchange_restart(peer);
}

static void run(struct shard *shard, struct command *base) {
	struct peer_command *command = (struct peer_command *)base;
	apply(shard, &command->change);
	free(command);
}

enum err mighty_command_post(struct engine *engine, const struct mighty_peer_change *change) {
	struct peer_command *command = malloc(sizeof *command);
	if (!command)
		return ERR_NO_MEMORY;
	command->command.run = run;
	command->change = *change;
	engine_post(engine, change->peer->peer.owner, &command->command);
	return ERR_OK;
}

static void run_farewell(struct lane *lane, const struct lane_command *command) {
	/* A command before this one may have taken up the snapshot that says how to go on. */
	const bool goes_on = lane_command_is_overtaken(lane, command);
	list_for_each (link, &lane->peers) {
		struct mighty_peer *peer = mighty_peer_of(list_item(link, struct peer, shard_link));
		mighty_peer_stop(peer);
		if (goes_on && lane->snapshot->up)
			mighty_peer_start(peer);
	}
	mighty_lane_of(lane)->parted = !goes_on;
	/* The next command may close the sockets. */
	outbox_flush(&lane->listener->outbox);
}

enum err mighty_command_farewell(struct engine *engine, struct interface *interface) {
	return lane_command_post(engine, interface, 0, run_farewell);
}

/* A server's clients speak first; a client is heard of at once, from wherever it is now. */
static void network_changed(struct mighty_peer *peer) {
	if (!peer->running || !peer->client)
		return;
	mighty_message_keepalive(peer);
	mighty_paths_sent(peer); /* so that the server is asked whether it is still there */
	if (!peer->current || peer->attempts > 0)
		mighty_exchange_restart(peer);
}

static void run_network(struct lane *lane, const struct lane_command *command) {
	(void)command;
	list_for_each (link, &lane->peers)
		network_changed(mighty_peer_of(list_item(link, struct peer, shard_link)));
}

enum err mighty_command_network(struct engine *engine, struct interface *interface) {
	return lane_command_post(engine, interface, 0, run_network);
}
