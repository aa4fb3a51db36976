#include "proto/phaze_paths.h"

#include "proto/migration_path.h"
#include "proto/phaze_message.h"
#include "proto/phaze_timers.h"
#include "wire/keepalive.h"

enum { PING_SIZE = PHAZE_OVERHEAD + KEEPALIVE_SIZE };

/* What session/migration wants asked, and when it wants to be asked itself. */
static void send_pings(struct phaze_peer *peer) {
	struct migration *migration = &peer->migration;
	struct migration_path_ping ping;
	while (migration_path_ping(&peer->peer, migration, &peer->migration_to, PING_SIZE, &ping))
		phaze_message_send(peer, &ping.keepalive, &ping.to, ping.from);
	phaze_timers_paths_at(peer, migration_deadline(migration));
}

/* A connection has its ends. */
static bool follows(const struct phaze_peer *peer) {
	return !peer->is_client && !peer->current->link;
}

void phaze_paths_seen(struct phaze_peer *peer, const struct udp_received *origin, uint64_t sequence,
					  size_t bytes) {
	if (follows(peer) && migration_path_seen(&peer->peer, &peer->migration, &peer->migration_to,
											 origin, sequence, bytes))
		send_pings(peer);
}

void phaze_paths_told(struct phaze_peer *peer, const struct udp_received *origin,
					  enum keepalive_kind kind, uint64_t sequence, size_t bytes) {
	if (follows(peer) && migration_path_told(&peer->peer, &peer->migration, &peer->migration_to,
											 origin, kind, sequence, bytes))
		send_pings(peer);
}

static void take_pong(struct phaze_peer *peer, const struct udp_received *origin,
					  const uint8_t bytes[static KEEPALIVE_BYTES]) {
	if (peer->is_client || !migration_path_pong(&peer->peer, &peer->migration, origin, bytes))
		return;
	phaze_timers_paths_at(peer, CLOCK_NEVER);
	device_news_tell(&peer->news, DEVICE_NEWS_MOVED);
}

void phaze_paths_take(struct phaze_peer *peer, const struct udp_received *origin,
					  const struct keepalive *keepalive) {
	struct keepalive pong = *keepalive;
	switch (keepalive->kind) {
	case KEEPALIVE_PLAIN:
		return;
	case KEEPALIVE_PING:
		pong.kind = KEEPALIVE_PONG;
		if (migration_path_answers(&peer->migration, origin, PING_SIZE))
			phaze_message_send(peer, &pong, &origin->from, &origin->to);
		return;
	case KEEPALIVE_PONG:
		take_pong(peer, origin, keepalive->bytes);
		return;
	}
}

void phaze_paths_expired(struct phaze_peer *peer) {
	migration_expired(&peer->migration, peer->peer.lane->shard->now);
	send_pings(peer);
}
