#include "proto/mighty_paths.h"

#include <stdlib.h>
#include <string.h>

#include "proto/mighty_exchange.h"
#include "proto/mighty_message.h"
#include "proto/mighty_timers.h"
#include "proto/migration_path.h"
#include "wire/keepalive.h"

enum { PING_SIZE = MIGHTY_DATA_OVERHEAD + KEEPALIVE_SIZE };

_Static_assert(MIGHTY_ENDPOINTS_MAX == (int)ENDPOINT_CHOICE_MAX, "endpoints of a server");

static uint64_t now_of(const struct mighty_peer *peer) {
	return peer->peer.lane->shard->now;
}

static void use_current(struct mighty_peer *peer) {
	peer_set_endpoint(&peer->peer, endpoint_choice_current(peer->choice), NULL);
}

void mighty_paths_ask(struct mighty_peer *peer) {
	struct endpoint_choice_ping ping;
	struct keepalive keepalive = {.kind = KEEPALIVE_PING};
	_Static_assert(sizeof keepalive.bytes == sizeof ping.token, "tokens are a keepalive's bytes");
	if (!peer->choice)
		return;
	while (endpoint_choice_ping(peer->choice, now_of(peer), &ping)) {
		memcpy(keepalive.bytes, ping.token, sizeof keepalive.bytes);
		mighty_message_send(peer, &keepalive, &ping.to, NULL);
	}
	mighty_timers_paths_at(peer, endpoint_choice_deadline(peer->choice));
}

static size_t without_doubles(const struct endpoint *endpoints, size_t count,
							  struct endpoint out_endpoints[static MIGHTY_ENDPOINTS_MAX]) {
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		bool is_double = false;
		for (size_t j = 0; j < kept; j++)
			is_double |= endpoint_equal(&endpoints[i], &out_endpoints[j]);
		if (!is_double)
			out_endpoints[kept++] = endpoints[i];
	}
	return kept;
}

static void forget_endpoints(struct mighty_peer *peer) {
	const struct endpoint none = {.port = 0};
	if (!peer->choice)
		return;
	free(peer->choice);
	peer->choice = NULL;
	mighty_timers_paths_at(peer, CLOCK_NEVER);
	peer_set_endpoint(&peer->peer, &none, NULL);
}

bool mighty_paths_set(struct mighty_peer *peer, const struct endpoint *endpoints, size_t count) {
	struct endpoint kept[MIGHTY_ENDPOINTS_MAX];
	enum endpoint_choice_news news = ENDPOINT_CHOICE_SWITCHED;
	count = without_doubles(endpoints, count, kept);
	for (size_t i = 0; i < MIGHTY_ENDPOINTS_MAX; i++)
		atomic_store_explicit(&peer->news.round_trips[i], 0, memory_order_relaxed);
	if (count == 0) {
		forget_endpoints(peer);
		return false;
	}
	if (peer->choice) {
		if (endpoint_choice_change(peer->choice, kept, count, now_of(peer), &news) != ERR_OK)
			return false;
	} else {
		struct endpoint_choice *choice = malloc(sizeof *choice);
		if (!choice ||
			endpoint_choice_init(choice, kept, count, peer->peer.lane->shard->random) != ERR_OK) {
			free(choice);
			return false;
		}
		peer->choice = choice;
	}
	use_current(peer);
	mighty_paths_ask(peer);
	return !peer->choice->connected || news == ENDPOINT_CHOICE_SWITCHED;
}

void mighty_paths_attempt(struct mighty_peer *peer) {
	if (!peer->choice->connected)
		peer_set_endpoint(&peer->peer, endpoint_choice_attempt(peer->choice), NULL);
}

const struct endpoint *mighty_paths_endpoint_of(const struct mighty_peer *peer,
												const struct endpoint *from) {
	const struct endpoint_choice *choice = peer->choice;
	for (size_t i = 0; choice && i < choice->count; i++)
		if (endpoint_equal(&choice->entries[i].endpoint, from))
			return from;
	return &peer->peer.paths[0].to;
}

void mighty_paths_connected(struct mighty_peer *peer, const struct endpoint *from) {
	if (!peer->choice || peer->choice->connected)
		return;
	const struct endpoint endpoint = *mighty_paths_endpoint_of(peer, from);
	if (endpoint_choice_connected(peer->choice, &endpoint, now_of(peer)) == ERR_OK)
		use_current(peer);
}

void mighty_paths_lost(struct mighty_peer *peer) {
	if (peer->choice)
		endpoint_choice_lost(peer->choice);
}

void mighty_paths_sent(struct mighty_peer *peer) {
	struct endpoint_choice *choice = peer->choice;
	if (!choice || !choice->connected || choice->asking_since != CLOCK_NEVER)
		return;
	endpoint_choice_sent(choice, now_of(peer));
	mighty_timers_paths_at(peer, endpoint_choice_deadline(choice));
}

void mighty_paths_received(struct mighty_peer *peer, const struct endpoint *from) {
	if (peer->choice)
		endpoint_choice_received(peer->choice, from);
}

static void publish_round_trips(struct mighty_peer *peer) {
	for (size_t i = 0; i < peer->choice->count; i++)
		atomic_store_explicit(&peer->news.round_trips[i],
							  (uint32_t)(peer->choice->entries[i].round_trip / CLOCK_MICROSECOND),
							  memory_order_relaxed);
}

static void take_endpoint_pong(struct mighty_peer *peer, const struct endpoint *from,
							   const uint8_t bytes[static KEEPALIVE_BYTES]) {
	const struct endpoint *endpoint = mighty_paths_endpoint_of(peer, from);
	if (endpoint_choice_pong(peer->choice, endpoint, bytes, now_of(peer)))
		endpoint_choice_received(peer->choice, endpoint);
	publish_round_trips(peer);
	mighty_paths_ask(peer);
}

static void expire_endpoints(struct mighty_peer *peer) {
	switch (endpoint_choice_expired(peer->choice, now_of(peer))) {
	case ENDPOINT_CHOICE_NOTHING:
		break;
	case ENDPOINT_CHOICE_SWITCHED:
		use_current(peer);
		/* It answered our pings, so it knows the session; and now where we are. */
		mighty_message_keepalive(peer);
		device_news_tell(&peer->news.device, DEVICE_NEWS_MOVED);
		break;
	case ENDPOINT_CHOICE_DEAD:
		/* The session stays until there is another: it may only have been the way. */
		mighty_exchange_restart(peer);
		break;
	}
	mighty_paths_ask(peer);
}

/* What session/migration wants asked, and when it wants to be asked itself. */
static void send_pings(struct mighty_peer *peer) {
	struct migration *migration = &peer->migration;
	struct migration_path_ping ping;
	while (migration_path_ping(&peer->peer, migration, &peer->migration_to, PING_SIZE, &ping))
		mighty_message_send(peer, &ping.keepalive, &ping.to, ping.from);
	mighty_timers_paths_at(peer, migration_deadline(migration));
}

void mighty_paths_seen(struct mighty_peer *peer, const struct udp_received *origin,
					   uint64_t sequence, size_t bytes) {
	if (!peer->client && migration_path_seen(&peer->peer, &peer->migration, &peer->migration_to,
											 origin, sequence, bytes))
		send_pings(peer);
}

void mighty_paths_told(struct mighty_peer *peer, const struct udp_received *origin,
					   enum keepalive_kind kind, uint64_t sequence, size_t bytes) {
	if (!peer->client && migration_path_told(&peer->peer, &peer->migration, &peer->migration_to,
											 origin, kind, sequence, bytes))
		send_pings(peer);
}

static void take_pong(struct mighty_peer *peer, const struct udp_received *origin,
					  const uint8_t bytes[static KEEPALIVE_BYTES]) {
	if (peer->choice) {
		take_endpoint_pong(peer, &origin->from, bytes);
		return;
	}
	if (!migration_path_pong(&peer->peer, &peer->migration, origin, bytes))
		return;
	mighty_timers_paths_at(peer, CLOCK_NEVER);
	device_news_tell(&peer->news.device, DEVICE_NEWS_MOVED);
}

void mighty_paths_take(struct mighty_peer *peer, const struct udp_received *origin,
					   const struct keepalive *keepalive) {
	struct keepalive pong = *keepalive;
	switch (keepalive->kind) {
	case KEEPALIVE_PLAIN:
		return;
	case KEEPALIVE_PING:
		pong.kind = KEEPALIVE_PONG;
		if (migration_path_answers(&peer->migration, origin, PING_SIZE))
			mighty_message_send(peer, &pong, &origin->from, &origin->to);
		return;
	case KEEPALIVE_PONG:
		take_pong(peer, origin, keepalive->bytes);
		return;
	}
}

void mighty_paths_expired(struct mighty_peer *peer) {
	if (peer->choice) {
		expire_endpoints(peer);
		return;
	}
	migration_expired(&peer->migration, peer->peer.lane->shard->now);
	send_pings(peer);
}
