#include "proto/wireguard_network.h"

#include <stdlib.h>

#include "engine/lane.h"
#include "engine/shard_out.h"
#include "proto/wireguard_exchange.h"
#include "proto/wireguard_limits.h"
#include "proto/wireguard_probe.h"
#include "proto/wireguard_timers.h"

struct network_command {
	struct command command; /* first */
	struct interface *interface;
};

static bool is_live(const struct wireguard_peer *peer) {
	const struct wireguard_session *current = peer->current;
	return current && session_age(&current->session, peer->peer.lane->shard->now) <
						  WIREGUARD_REJECT_AFTER_TIME;
}

static bool is_dialled(const struct wireguard_peer *peer) {
	return peer->dialled || peer->pending.present ||
		   (peer->current && peer->current->session.initiator);
}

/* Nobody answered the last attempts: without a change of the network, it would not matter when. */
static bool is_waited_for(const struct wireguard_peer *peer) {
	return peer->pending.present || peer->peer.staged_count > 0 || peer->persistent_interval > 0 ||
		   atomic_load_explicit(&peer->news.unanswered, memory_order_relaxed) > 0;
}

void wireguard_network_announce(struct wireguard_peer *peer) {
	static const uint64_t pauses[WIREGUARD_ANNOUNCEMENTS] = WIREGUARD_ANNOUNCEMENT_PAUSES;
	bool live = is_live(peer);
	if (peer->resuming) {
		peer->resuming = false;
		wireguard_exchange_initiate(peer, false);
		return;
	}
	/* What came in the meantime still came to the address of before. */
	if (is_dialled(peer))
		wireguard_peer_clear_source(peer);
	/* An answer to an initiation may be on its way for longer than to the first repetition. */
	if (peer->pending.present || (!live && is_waited_for(peer)))
		wireguard_exchange_restart(peer, peer->announced == 0 ? WIREGUARD_NETWORK_INTERVAL
															  : WIREGUARD_REDIRECT_INTERVAL);
	if (live)
		shard_out_send_keepalive(peer->peer.lane, &peer->peer);
	/* Another way may carry more, or less. */
	if (live && peer->announced == 0)
		wireguard_probe_moved(peer);
	peer->last_announced = peer->peer.lane->shard->now;
	if (peer->announced < WIREGUARD_ANNOUNCEMENTS)
		wireguard_timers_announce_in(peer, pauses[peer->announced++]);
}

void wireguard_network_changed(struct wireguard_peer *peer, uint64_t delay) {
	if (!peer->running || peer->peer.paths[0].to.address.family == ADDRESS_NONE)
		return;
	bool dialled = is_dialled(peer);
	if (dialled)
		wireguard_peer_clear_source(peer);
	bool in_use = is_live(peer) ? dialled || wireguard_timers_recent_data(peer) ||
									  peer->persistent_interval > 0
								: dialled && is_waited_for(peer);
	if (!in_use)
		return;
	uint64_t now = peer->peer.lane->shard->now;
	uint64_t pause = dialled ? WIREGUARD_NETWORK_INTERVAL : WIREGUARD_NETWORK_PAUSE;
	uint64_t earliest = peer->last_announced > 0 ? peer->last_announced + pause : 0;
	if (earliest > now + delay)
		delay = earliest - now;
	peer->announced = 0;
	peer->resuming = false;
	wireguard_timers_announce_in(peer, delay);
}

void wireguard_network_redirected(struct wireguard_peer *peer) {
	uint64_t now = peer->peer.lane->shard->now;
	bool was_unreachable = peer->last_unreachable != 0 &&
						   now - peer->last_unreachable < 10 * WIREGUARD_UNREACHABLE_INTERVAL;
	if (!was_unreachable || !is_live(peer))
		return;
	peer->announced = 0;
	wireguard_timers_announce_in(peer, 0);
}

/* Many peers have their turn one after the other, in no order that repeats. */
static uint64_t delay_of(const struct lane *lane, uint64_t every) {
	uint64_t peers = atomic_load_explicit(&lane->counters.peers, memory_order_relaxed);
	if (peers <= WIREGUARD_ANNOUNCED_AT_ONCE)
		return 0;
	return random_u32(lane->shard->random) % (peers * every / CLOCK_MICROSECOND) *
		   CLOCK_MICROSECOND;
}

void wireguard_network_resume(struct wireguard_peer *peer) {
	uint64_t delay = delay_of(peer->peer.lane, WIREGUARD_RESUMED_EVERY);
	if (delay == 0) {
		wireguard_exchange_initiate(peer, false);
		return;
	}
	peer->resuming = true;
	/* So that whatever comes from the peer takes its turn away. */
	peer->announced = WIREGUARD_ANNOUNCEMENTS;
	wireguard_timers_announce_in(peer, delay);
}

static void run(struct shard *shard, struct command *base) {
	struct network_command *command = (struct network_command *)base;
	struct lane *lane = &command->interface->lanes[shard->number];
	list_for_each (link, &lane->peers)
		wireguard_network_changed(wireguard_peer_of(list_item(link, struct peer, shard_link)),
								  delay_of(lane, WIREGUARD_ANNOUNCED_EVERY));
	free(command);
}

enum err wireguard_network_post(struct engine *engine, struct interface *interface) {
	for (uint16_t i = 0; i < engine_shards(engine); i++) {
		struct network_command *command = malloc(sizeof *command);
		if (!command)
			return ERR_NO_MEMORY;
		*command = (struct network_command){.command.run = run, .interface = interface};
		engine_post(engine, i, &command->command);
	}
	return ERR_OK;
}
