#include "proto/wireguard_command.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "engine/shard_out.h"
#include "proto/wireguard_exchange.h"
#include "proto/wireguard_network.h"

struct peer_command {
	struct command command; /* first */
	struct wireguard_peer_change change;
};

static void apply(struct shard *shard, const struct wireguard_peer_change *change) {
	struct wireguard_peer *peer = change->peer;
	struct lane *lane = &change->interface->lanes[shard->number];
	/*
	 * The command was posted under a newer snapshot than the turn may have. But an interface comes
	 * up after all commands: those that bring its sockets, or more of a peer's state, may follow.
	 */
	if (lane->snapshot->up)
		lane_refresh(lane);
	if (change->changes & WIREGUARD_CHANGE_ATTACH) {
		/* Without room for its timers a peer stays unattached: it neither sends nor receives. */
		if (lane_attach(lane, &peer->peer) != ERR_OK)
			return;
	}
	if (!peer->peer.lane)
		return;
	if (change->changes & WIREGUARD_CHANGE_DETACH) {
		wireguard_peer_stop(peer);
		lane_detach(lane, &peer->peer);
		return;
	}
	if (change->changes & WIREGUARD_CHANGE_PRESHARED_KEY)
		memcpy(peer->remote.preshared_key, change->preshared_key, AEAD_KEY_SIZE);
	bool elsewhere = (change->changes & WIREGUARD_CHANGE_ENDPOINT) &&
					 !endpoint_equal(&peer->peer.paths[0].to, &change->endpoint);
	if (change->changes & WIREGUARD_CHANGE_ENDPOINT)
		peer_set_endpoint(&peer->peer, &change->endpoint, NULL);
	if ((change->changes & WIREGUARD_CHANGE_ENDPOINT) &&
		!(change->changes & WIREGUARD_CHANGE_LEARNT))
		peer->dialled = true;
	if (change->changes & WIREGUARD_CHANGE_TIMES) {
		memcpy(peer->last_timestamp, change->timestamp, sizeof peer->last_timestamp);
		peer->last_wall_sent = change->claimed;
	}
	if (change->changes & WIREGUARD_CHANGE_RESUME)
		peer->resume = true;
	bool was_off = peer->persistent_interval == 0;
	if (change->changes & WIREGUARD_CHANGE_PERSISTENT)
		peer->persistent_interval = change->persistent_interval;
	if (change->changes & WIREGUARD_CHANGE_UMBRA)
		peer->is_umbra = change->umbra;
	if (!lane->snapshot->up)
		return;
	if (!peer->running) {
		wireguard_peer_start(peer);
	} else {
		if (elsewhere) {
			wireguard_exchange_redirect(peer);
			wireguard_network_redirected(peer);
		}
		if (was_off && peer->persistent_interval > 0)
			shard_out_send_keepalive(lane, &peer->peer);
	}
	shard_out_send_staged(lane, &peer->peer);
}

static void run(struct shard *shard, struct command *base) {
	struct peer_command *command = (struct peer_command *)base;
	apply(shard, &command->change);
	wipe(command, sizeof *command);
	free(command);
}

enum err wireguard_command_post(struct engine *engine, const struct wireguard_peer_change *change) {
	struct peer_command *command = malloc(sizeof *command);
	if (!command)
		return ERR_NO_MEMORY;
	command->command.run = run;
	command->change = *change;
	engine_post(engine, change->peer->peer.owner, &command->command);
	return ERR_OK;
}
