#include "proto/phaze_command.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "engine/interface.h"
#include "engine/stream_link.h"
#include "proto/lane_command.h"
#include "proto/phaze_ids.h"
#include "proto/phaze_message.h"
#include "proto/phaze_session.h"
#include "proto/phaze_timers.h"

/* The lane, with the snapshot that the command was posted under. */
static struct lane *lane_of(const struct shard *shard, struct interface *interface) {
	struct lane *lane = &interface->lanes[shard->number];
	/* See wireguard_command.c: the command was posted under a newer snapshot. */
	if (lane->snapshot->up)
		lane_refresh(lane);
	return lane;
}

struct change_command {
	struct command command; /* first */
	struct phaze_peer_change change;
};

static void apply(struct lane *lane, const struct phaze_peer_change *change) {
	const uint64_t now = lane->shard->now;
	struct phaze_peer *peer = change->peer;
	/* Without room for its timers a peer stays unattached: it neither sends nor receives. */
	if ((change->changes & PHAZE_CHANGE_ATTACH) && lane_attach(lane, &peer->peer) != ERR_OK)
		return;
	if (!peer->peer.lane)
		return;
	if ((change->changes & (PHAZE_CHANGE_TICKET | PHAZE_CHANGE_END)) == PHAZE_CHANGE_TICKET)
		phaze_peer_set_ticket(peer, change->ticket);
	if (change->changes & PHAZE_CHANGE_RATE) {
		token_bucket_take(&peer->outgoing, peer->framed - peer->charged, now);
		peer->charged = peer->framed;
		token_bucket_set(&peer->incoming, change->rate, now);
		token_bucket_set(&peer->outgoing, change->rate, now);
	}
	if (change->changes & PHAZE_CHANGE_QUOTA) {
		peer->quota_end = change->quota_end;
		phaze_peer_look_at_quota(peer);
	}
	if (change->changes & PHAZE_CHANGE_END)
		phaze_peer_expel(peer, change->end);
	if (change->changes & PHAZE_CHANGE_DETACH) {
		phaze_peer_stop(peer, peer->is_client ? PHAZE_CLOSE_DONE : PHAZE_CLOSE_REVOKED);
		lane_detach(lane, &peer->peer);
		return;
	}
	if (lane->snapshot->up)
		phaze_peer_start(peer);
}

static void run_change(struct shard *shard, struct command *base) {
	struct change_command *command = (struct change_command *)base;
	apply(lane_of(shard, command->change.interface), &command->change);
	free(command);
}

enum err phaze_command_change(struct engine *engine, const struct phaze_peer_change *change) {
	struct change_command *command = malloc(sizeof *command);
	if (!command)
		return ERR_NO_MEMORY;
	*command = (struct change_command){.command.run = run_change, .change = *change};
	engine_post(engine, change->peer->peer.owner, &command->command);
	return ERR_OK;
}

struct session_command {
	struct command command; /* first */
	struct phaze_session *session;
	struct phaze_new_session offer;
};

/* A session that never begins is told of, too. */
static void refuse(struct phaze_session *session) {
	phaze_newsbox_put_session(session->peer->box, session->ended_news);
	session->ended_news = NULL;
	phaze_session_free(session);
}

static void run_session(struct shard *shard, struct command *base) {
	struct session_command *command = (struct session_command *)base;
	const struct phaze_new_session *offer = &command->offer;
	struct phaze_peer *peer = offer->peer;
	struct phaze_session *session = command->session;
	struct lane *lane = lane_of(shard, offer->interface);
	/* Without a place it takes no session id, which would rest after it. */
	if (!peer->peer.lane || !peer->running ||
		!phaze_peer_has_place(peer, session, offer->resumed) ||
		phaze_session_begin(session, offer) != ERR_OK) {
		refuse(session);
	} else {
		if (session->link)
			stream_link_attach(session->link, lane, &peer->peer);
		phaze_peer_take(peer, session, offer->resumed);
	}
	wipe(command, sizeof *command);
	free(command);
}

/* Where the shard is that the session's first id leads to. */
struct guide_command {
	struct command command; /* first */
	struct interface *interface;
	uint32_t id;
	uint16_t to;
	uint64_t lifetime;
};

static void run_guide(struct shard *shard, struct command *base) {
	struct guide_command *command = (struct guide_command *)base;
	const struct lane *lane = &command->interface->lanes[shard->number];
	/* Without it the session is found dead. */
	(void)phaze_ids_guide(phaze_lane_of(lane)->ids, shard->now, command->id, command->to,
						  shard->now + command->lifetime);
	free(command);
}

static struct guide_command *make_guide(const struct phaze_new_session *offer) {
	struct guide_command *guide = malloc(sizeof *guide);
	if (!guide)
		return NULL;
	*guide = (struct guide_command){
		.command.run = run_guide,
		.interface = offer->interface,
		.id = offer->server_id,
		.to = offer->peer->peer.owner,
		/* As long as the key may live, and rest. */
		.lifetime = offer->rekey_seconds * CLOCK_SECOND + PHAZE_KEY_AGE_BEYOND + PHAZE_ID_REST,
	};
	return guide;
}

/* A client draws its own id for the owner. */
static bool needs_guide(const struct engine *engine, const struct phaze_new_session *offer) {
	const struct snapshot *snapshot =
		atomic_load_explicit(&offer->interface->snapshot, memory_order_relaxed);
	const struct phaze_config *config = snapshot->protocol_config;
	const uint16_t shard = phaze_ids_shard(offer->server_id);
	return config->role == PHAZE_SERVER && shard != offer->peer->peer.owner &&
		   shard < engine_shards(engine);
}

enum err phaze_command_session(struct engine *engine, const struct phaze_new_session *offer) {
	const bool is_guided = needs_guide(engine, offer);
	struct guide_command *guide = is_guided ? make_guide(offer) : NULL;
	struct session_command *command = malloc(sizeof *command);
	struct phaze_session *session = phaze_session_new(offer);
	if (!command || !session || (is_guided && !guide)) {
		free(guide);
		free(command);
		if (!session)
			stream_link_free(offer->link);
		phaze_session_free(session);
		return ERR_NO_MEMORY;
	}
	*command =
		(struct session_command){.command.run = run_session, .session = session, .offer = *offer};
	if (guide)
		engine_post(engine, phaze_ids_shard(offer->server_id), &guide->command);
	engine_post(engine, offer->peer->peer.owner, &command->command);
	return ERR_OK;
}

struct send_command {
	struct command command; /* first */
	struct interface *interface;
	struct phaze_way way;
	size_t size;
	uint8_t data[];
};

static void run_send(struct shard *shard, struct command *base) {
	struct send_command *command = (struct send_command *)base;
	const struct lane *lane = lane_of(shard, command->interface);
	if (lane->snapshot->up)
		outbox_answer(&lane->listener->outbox, &command->way.to, &command->way.from, command->data,
					  (uint32_t)command->size);
	free(command);
}

enum err phaze_command_send(struct engine *engine, struct interface *interface,
							const struct phaze_way *way, const uint8_t *data, size_t size) {
	struct send_command *command = malloc(sizeof *command + size);
	if (!command)
		return ERR_NO_MEMORY;
	*command = (struct send_command){
		.command.run = run_send, .interface = interface, .way = *way, .size = size};
	memcpy(command->data, data, size);
	engine_post(engine, way->shard, &command->command);
	return ERR_OK;
}

static void run_farewell(struct lane *lane, const struct lane_command *command) {
	/* A command before this one may have taken up the snapshot that says how to go on. */
	const bool goes_on = lane_command_is_overtaken(lane, command);
	list_for_each (link, &lane->peers) {
		struct phaze_peer *peer = phaze_peer_of(list_item(link, struct peer, shard_link));
		phaze_peer_stop(peer, (enum phaze_close_code)command->value);
		if (goes_on && lane->snapshot->up)
			phaze_peer_start(peer);
	}
	phaze_lane_of(lane)->parted = !goes_on;
	/* The next command may close the sockets. */
	outbox_flush(&lane->listener->outbox);
}

enum err phaze_command_farewell(struct engine *engine, struct interface *interface,
								enum phaze_close_code code) {
	return lane_command_post(engine, interface, (int)code, run_farewell);
}

static void run_network(struct lane *lane, const struct lane_command *command) {
	(void)command;
	list_for_each (link, &lane->peers) {
		struct phaze_peer *peer = phaze_peer_of(list_item(link, struct peer, shard_link));
		/* A server's clients speak first. A connection may lead nowhere now, and never tell. */
		if (peer->running && peer->is_client) {
			phaze_message_keepalive(peer);
			if (peer->current && peer->current->link)
				phaze_timers_changed(peer);
		}
	}
}

enum err phaze_command_network(struct engine *engine, struct interface *interface) {
	return lane_command_post(engine, interface, 0, run_network);
}
