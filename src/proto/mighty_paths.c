#include "proto/mighty_paths.h"

#include <string.h>

#include "proto/mighty_message.h"
#include "proto/mighty_timers.h"

enum { PING_SIZE = MIGHTY_DATA_OVERHEAD + MIGHTY_KEEPALIVE_SIZE };

/* What the session/migration wants asked, and when it wants to be asked itself. */
static void send_pings(struct mighty_peer *peer) {
	struct migration_ping ping;
	struct mighty_keepalive keepalive = {.kind = MIGHTY_KEEPALIVE_PING};
	_Static_assert(sizeof keepalive.bytes == sizeof ping.token, "tokens are a keepalive's bytes");
	while (migration_ping(&peer->migration, PING_SIZE, &ping)) {
		const struct path *path = &peer->peer.paths[0];
		memcpy(keepalive.bytes, ping.token, sizeof keepalive.bytes);
		mighty_message_send(peer, &keepalive, &ping.to,
							endpoint_equal(&ping.to, &path->to) ? &path->from
																: &peer->migration_to);
	}
	mighty_timers_paths_at(peer, migration_deadline(&peer->migration));
}

void mighty_paths_seen(struct mighty_peer *peer, const struct udp_received *origin,
					   uint64_t sequence, size_t bytes) {
	const struct shard *shard = peer->peer.lane->shard;
	if (peer->client)
		return;
	switch (migration_seen(&peer->migration, &origin->from, sequence, bytes, shard->random,
						   shard->now)) {
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

void mighty_paths_pinged(struct mighty_peer *peer, const struct udp_received *origin,
						 uint64_t sequence, size_t bytes) {
	const struct migration *migration = &peer->migration;
	if (endpoint_equal(&origin->from, &migration->home) ||
		endpoint_equal(&origin->from, &migration->candidate))
		mighty_paths_seen(peer, origin, sequence, bytes);
}

void mighty_paths_answer(struct mighty_peer *peer, const struct udp_received *origin,
						 const uint8_t bytes[static MIGHTY_KEEPALIVE_BYTES]) {
	struct mighty_keepalive pong = {.kind = MIGHTY_KEEPALIVE_PONG};
	memcpy(pong.bytes, bytes, sizeof pong.bytes);
	/* Elsewhere it goes as it came: one for one, and of the same size. */
	if (endpoint_equal(&origin->from, &peer->migration.candidate) &&
		!migration_may_answer(&peer->migration, &origin->from, PING_SIZE))
		return;
	mighty_message_send(peer, &pong, &origin->from, &origin->to);
}

void mighty_paths_pong(struct mighty_peer *peer, const struct udp_received *origin,
					   const uint8_t bytes[static MIGHTY_KEEPALIVE_BYTES]) {
	if (!migration_pong(&peer->migration, &origin->from, bytes))
		return;
	peer_set_endpoint(&peer->peer, &origin->from, &origin->to);
	mighty_timers_paths_at(peer, CLOCK_NEVER);
	device_news_tell(&peer->news.device, DEVICE_NEWS_MOVED);
}

void mighty_paths_expired(struct mighty_peer *peer) {
	migration_expired(&peer->migration, peer->peer.lane->shard->now);
	send_pings(peer);
}
