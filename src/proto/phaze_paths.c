#include "proto/phaze_paths.h"

#include <string.h>

#include "proto/phaze_message.h"
#include "proto/phaze_timers.h"
#include "wire/keepalive.h"

enum { PING_SIZE = PHAZE_OVERHEAD + KEEPALIVE_SIZE };

/* What session/migration wants asked, and when it wants to be asked itself. */
static void send_pings(struct phaze_peer *peer) {
	struct migration_ping ping;
	struct keepalive keepalive = {.kind = KEEPALIVE_PING};
	_Static_assert(sizeof keepalive.bytes == sizeof ping.token, "tokens are a keepalive's bytes");
	while (migration_ping(&peer->migration, PING_SIZE, &ping)) {
		const struct path *path = &peer->peer.paths[0];
		memcpy(keepalive.bytes, ping.token, sizeof keepalive.bytes);
		phaze_message_send(peer, &keepalive, &ping.to,
						   endpoint_equal(&ping.to, &path->to) ? &path->from : &peer->migration_to);
	}
	phaze_timers_paths_at(peer, migration_deadline(&peer->migration));
}

static enum migration_place see(struct phaze_peer *peer, const struct endpoint *from,
								uint64_t sequence, size_t bytes) {
	const struct shard *shard = peer->peer.lane->shard;
	return migration_seen(&peer->migration, from, sequence, bytes, shard->random, shard->now);
}

void phaze_paths_seen(struct phaze_peer *peer, const struct udp_received *origin, uint64_t sequence,
					  size_t bytes) {
	/* A connection has its ends. */
	if (peer->is_client || peer->current->link)
		return;
	switch (see(peer, &origin->from, sequence, bytes)) {
	case MIGRATION_UNKNOWN:
		return;
	case MIGRATION_HERE:
		/* Answers leave from where it spoke to. */
		peer->peer.paths[0].from = origin->to;
		return;
	case MIGRATION_ELSEWHERE:
		peer->migration_to = origin->to;
		send_pings(peer);
		return;
	}
}

void phaze_paths_pinged(struct phaze_peer *peer, const struct udp_received *origin,
						uint64_t sequence, size_t bytes) {
	const struct migration *migration = &peer->migration;
	if (peer->is_client || peer->current->link ||
		(!endpoint_equal(&origin->from, &migration->home) &&
		 !endpoint_equal(&origin->from, &migration->candidate)))
		return;
	if (see(peer, &origin->from, sequence, bytes) == MIGRATION_ELSEWHERE)
		send_pings(peer);
}

void phaze_paths_answer(struct phaze_peer *peer, const struct udp_received *origin,
						const uint8_t bytes[static KEEPALIVE_BYTES]) {
	struct keepalive pong = {.kind = KEEPALIVE_PONG};
	memcpy(pong.bytes, bytes, sizeof pong.bytes);
	/* Elsewhere it goes as it came: one for one, and of the same size. */
	if (endpoint_equal(&origin->from, &peer->migration.candidate) &&
		!migration_may_answer(&peer->migration, &origin->from, PING_SIZE))
		return;
	phaze_message_send(peer, &pong, &origin->from, &origin->to);
}

void phaze_paths_pong(struct phaze_peer *peer, const struct udp_received *origin,
					  const uint8_t bytes[static KEEPALIVE_BYTES]) {
	if (peer->is_client || !migration_pong(&peer->migration, &origin->from, bytes))
		return;
	peer_set_endpoint(&peer->peer, &origin->from, &origin->to);
	phaze_timers_paths_at(peer, CLOCK_NEVER);
	device_news_tell(&peer->news, DEVICE_NEWS_MOVED);
}

void phaze_paths_expired(struct phaze_peer *peer) {
	migration_expired(&peer->migration, peer->peer.lane->shard->now);
	send_pings(peer);
}
