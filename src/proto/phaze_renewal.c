#include "proto/phaze_renewal.h"

#include "base/wipe.h"
#include "proto/phaze_message.h"
#include "proto/phaze_session.h"
#include "proto/phaze_timers.h"

static struct shard *shard_of(const struct phaze_peer *peer) {
	return peer->peer.lane->shard;
}

static void set_timer(struct phaze_peer *peer) {
	phaze_timers_rekey_at(peer, phaze_rekey_deadline(&peer->current->rekey));
}

void phaze_renewal_begin(struct phaze_peer *peer) {
	struct phaze_session *current = peer->current;
	uint8_t init[PHAZE_REKEY_SIZE];
	if (!peer->is_client || !current || current->rekey.is_asking)
		return;
	const struct shard *shard = shard_of(peer);
	const uint32_t id = phaze_session_reserve(current);
	if (id == 0 ||
		phaze_rekey_start(&current->rekey, shard->random, shard->now, id, init) != ERR_OK)
		return;
	phaze_message_rekey(peer, init, sizeof init);
	set_timer(peer);
}

void phaze_renewal_look(struct phaze_peer *peer) {
	if (peer->is_client && peer->current &&
		phaze_session_is_due(peer->current, shard_of(peer)->now))
		phaze_renewal_begin(peer);
}

void phaze_renewal_ask(struct phaze_peer *peer) {
	const struct phaze_rekey_message ask = {.kind = PHAZE_REKEY_ASK};
	uint8_t content[PHAZE_REKEY_SIZE];
	size_t size;
	phaze_packet_encode_rekey(&ask, content, &size);
	phaze_message_rekey(peer, content, size);
}

void phaze_renewal_opened(struct phaze_peer *peer, const struct phaze_key *key) {
	struct phaze_session *current = peer->current;
	if (!phaze_rekey_opened(&current->rekey, shard_of(peer)->now, key->generation))
		return;
	/* Sequences begin anew, and this key is the one that says where the client is. */
	if (!peer->is_client)
		migration_rekeyed(&peer->migration);
	set_timer(peer);
}

static void take_answer(struct phaze_peer *peer, uint32_t under, const uint8_t *data, size_t size) {
	struct phaze_session *current = peer->current;
	struct phaze_generation generation;
	WIPE_ON_EXIT(generation);
	if (phaze_rekey_finish(&current->rekey, under, data, size, &generation) != ERR_OK)
		return;
	if (phaze_session_follow(current, &generation) != ERR_OK) {
		phaze_peer_lose(peer); /* the server has the next keys, and this end has not */
		return;
	}
	phaze_timers_renewed(peer);
	set_timer(peer);
	/* The server waits for it before it seals with them. */
	phaze_message_keepalive(peer);
}

static void take_init(struct phaze_peer *peer, uint32_t under, const uint8_t *data, size_t size) {
	struct phaze_session *current = peer->current;
	uint8_t answer[PHAZE_REKEY_SIZE];
	struct phaze_generation generation;
	WIPE_ON_EXIT(generation);
	const uint32_t id = phaze_session_reserve(current);
	if (id == 0)
		return;
	switch (phaze_rekey_answer(&current->rekey, shard_of(peer)->random, shard_of(peer)->now, under,
							   id, data, size, answer, &generation)) {
	case ERR_OK:
		if (phaze_session_follow(current, &generation) != ERR_OK) {
			phaze_peer_lose(peer);
			return;
		}
		current->moved = false;
		phaze_timers_renewed(peer);
		set_timer(peer);
		break;
	case ERR_EXISTS:
		break;
	default:
		return;
	}
	phaze_message_rekey(peer, answer, sizeof answer);
}

void phaze_renewal_take(struct phaze_peer *peer, const struct phaze_key *key, const uint8_t *data,
						size_t size) {
	struct phaze_rekey_message message;
	const uint32_t under = key->generation;
	if (phaze_packet_decode_rekey(data, size, &message) != ERR_OK) {
		lane_count(&peer->peer.lane->counters.malformed, 1);
		return;
	}
	switch (message.kind) {
	case PHAZE_REKEY_ASK:
		/* A late one means a key that was followed already. */
		if (under == peer->current->rekey.newest)
			phaze_renewal_begin(peer);
		break;
	case PHAZE_REKEY_INIT:
		if (!peer->is_client)
			take_init(peer, under, data, size);
		break;
	case PHAZE_REKEY_ANSWER:
		if (peer->is_client)
			take_answer(peer, under, data, size);
		break;
	}
}

void phaze_renewal_expired(struct phaze_peer *peer) {
	struct phaze_session *current = peer->current;
	uint8_t init[PHAZE_REKEY_SIZE];
	if (!current)
		return;
	const bool repeats = phaze_rekey_expire(&current->rekey, shard_of(peer)->now, init);
	if (!current->rekey.has_old)
		phaze_session_forget_old(current);
	if (repeats)
		phaze_message_rekey(peer, init, sizeof init);
	set_timer(peer);
}
