#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/lane.h"
#include "engine/peer.h"
#include "engine/shard.h"
#include "session/migration.h"
#include "wire/keepalive.h"

/*
 * A server's path to its client, as session/migration.h says where that is, and keepalives carry
 * its pings: what protocols have alike of that, for the owner shard. Inline, as packets come by it.
 */

_Static_assert(KEEPALIVE_BYTES == (int)MIGRATION_TOKEN_SIZE, "tokens are a keepalive's bytes");

struct migration_path_ping {
	struct keepalive keepalive;
	struct endpoint to;
	const struct udp_source *from; /* the path's own, or asked */
};

/*
 * The newest packet of the newest key came from there, bytes long; true: pings may be due.
 * out_asked: which of our addresses it spoke to from elsewhere, untouched where it did not.
 */
static inline bool migration_path_seen(struct peer *peer, struct migration *migration,
									   struct udp_source *out_asked,
									   const struct udp_received *origin, uint64_t sequence,
									   size_t bytes) {
	const struct shard *shard = peer->lane->shard;
	switch (migration_seen(migration, &origin->from, sequence, bytes, shard->random, shard->now)) {
	case MIGRATION_UNKNOWN:
		return false;
	case MIGRATION_HERE:
		/* Answers leave from where it spoke to. */
		peer->paths[0].from = origin->to;
		return false;
	case MIGRATION_ELSEWHERE:
		*out_asked = origin->to;
		return true;
	}
	return false;
}

/*
 * It was a ping or a pong. Which of our addresses is spoken to they do not say: all of them are
 * pinged; and where their sender is only where nobody asked for them elsewhere.
 */
static inline bool migration_path_pinged(const struct peer *peer, struct migration *migration,
										 const struct udp_received *origin, uint64_t sequence,
										 size_t bytes) {
	const struct shard *shard = peer->lane->shard;
	if (!endpoint_equal(&origin->from, &migration->home) &&
		!endpoint_equal(&origin->from, &migration->candidate))
		return false;
	return migration_seen(migration, &origin->from, sequence, bytes, shard->random, shard->now) ==
		   MIGRATION_ELSEWHERE;
}

/* A keepalive of that kind did; a plain one says what data say. */
static inline bool migration_path_told(struct peer *peer, struct migration *migration,
									   struct udp_source *out_asked,
									   const struct udp_received *origin, enum keepalive_kind kind,
									   uint64_t sequence, size_t bytes) {
	return kind == KEEPALIVE_PLAIN
			   ? migration_path_seen(peer, migration, out_asked, origin, sequence, bytes)
			   : migration_path_pinged(peer, migration, origin, sequence, bytes);
}

/* To be called until it is false: a ping of size bytes, everything included, is to be sent. */
static inline bool migration_path_ping(const struct peer *peer, struct migration *migration,
									   const struct udp_source *asked, size_t size,
									   struct migration_path_ping *out_ping) {
	struct migration_ping ping;
	const struct path *path = &peer->paths[0];
	if (!migration_ping(migration, size, &ping))
		return false;
	out_ping->keepalive.kind = KEEPALIVE_PING;
	memcpy(out_ping->keepalive.bytes, ping.token, sizeof ping.token);
	out_ping->to = ping.to;
	out_ping->from = endpoint_equal(&ping.to, &path->to) ? &path->from : asked;
	return true;
}

/*
 * Whether a ping from there is answered by a pong of size bytes. Elsewhere it goes as it came: one
 * for one, and of the same size.
 */
static inline bool migration_path_answers(struct migration *migration,
										  const struct udp_received *origin, size_t size) {
	return !endpoint_equal(&origin->from, &migration->candidate) ||
		   migration_may_answer(migration, &origin->from, size);
}

/* A pong came; whether the path leads to where it came from now. */
static inline bool migration_path_pong(struct peer *peer, struct migration *migration,
									   const struct udp_received *origin,
									   const uint8_t bytes[static KEEPALIVE_BYTES]) {
	if (!migration_pong(migration, &origin->from, bytes))
		return false;
	peer_set_endpoint(peer, &origin->from, &origin->to);
	return true;
}
