#pragma once

/* An engine with one interface over fake queues and transports, turned by the test itself. */

#include "crypto/csprng.h"
#include "engine/engine.h"
#include "engine/interface.h"
#include "engine/shard.h"
#include "engine/trie.h"

#include "back_end.h"
#include "engine/fake_transport.h"
#include "engine/fake_tun.h"
#include "engine/packets.h"
#include "engine/toy.h"
#include "engine/toy_packets.h"

enum { RIG_SHARDS = 2, RIG_PEERS = 8, RIG_MTU = 1420 };

struct rig {
	uint16_t shards;
	uint64_t now;
	struct engine_clock clock;
	struct engine *engine;
	struct interface *interface;
	struct fake_tun *tuns[RIG_SHARDS];
	struct fake_transport *v4[RIG_SHARDS], *v6[RIG_SHARDS];
	struct trie *trie;
	struct snapshot snapshot;
	struct toy_peer *peers[RIG_PEERS]; /* 10.0.0.i and fd00::i; the owner is i modulo shards */
};

static inline uint64_t rig_now(void *context) {
	return ((const struct rig *)context)->now;
}

static inline void rig_must(enum err error) {
	if (error != ERR_OK)
		abort();
}

/* The address that packets.h gives to hosts with this last byte. */
static inline struct prefix rig_prefix(bool v6, uint8_t host) {
	struct prefix prefix = {.length = v6 ? 128 : 32};
	prefix.address.family = v6 ? ADDRESS_V6 : ADDRESS_V4;
	prefix.address.bytes[0] = v6 ? 0xfd : 10;
	prefix.address.bytes[v6 ? 15 : 3] = host;
	return prefix;
}

static inline struct endpoint rig_endpoint(uint8_t host) {
	struct endpoint endpoint = {.port = 1000, .address.family = ADDRESS_V4};
	memcpy(endpoint.address.bytes, (uint8_t[]){192, 0, 2, host}, 4);
	return endpoint;
}

static inline struct lane *rig_lane(struct rig *rig, uint16_t shard) {
	return &rig->interface->lanes[shard];
}

static inline struct shard *rig_shard(struct rig *rig, uint16_t shard) {
	return engine_shard(rig->engine, shard);
}

static inline void rig_turn(struct rig *rig) {
	for (uint16_t i = 0; i < rig->shards; i++)
		shard_turn(engine_shard(rig->engine, i));
}

/* Turns until none of them leaves work behind. */
static inline void rig_settle(struct rig *rig) {
	bool busy = true;
	while (busy) {
		rig_turn(rig);
		busy = false;
		for (uint16_t i = 0; i < rig->shards; i++)
			busy |= shard_next(engine_shard(rig->engine, i)) == 0;
	}
}

static inline void rig_add_peer(struct rig *rig, uint8_t host) {
	struct toy_peer *peer = calloc(1, sizeof *peer);
	struct endpoint endpoint = rig_endpoint(host);
	peer_init(&peer->peer, &toy_protocol, (uint16_t)(host % rig->shards));
	peer_set_endpoint(&peer->peer, &endpoint, NULL);
	rig->peers[host] = peer;
	for (int v6 = 0; v6 < 2; v6++) {
		struct prefix prefix = rig_prefix(v6, host);
		rig_must(trie_insert(rig->trie, &prefix, peer));
	}
	rig_must(lane_attach(rig_lane(rig, peer->peer.owner), &peer->peer));
}

/* Peers 1 to peers; sessions come from the tests. */
static inline struct rig *rig_new_joining(uint16_t shards, uint8_t peers,
										  struct coalesce_options coalesce) {
	struct rig *rig = calloc(1, sizeof *rig);
	rig->shards = shards;
	rig->now = 1000;
	rig->clock = (struct engine_clock){.now = rig_now, .wall_now = rig_now, .context = rig};
	const struct engine_options options = {
		.shards = shards,
		.backend = back_end_of_test(),
		.random = &csprng,
		.clock = &rig->clock,
	};
	rig_must(engine_new(&options, &rig->engine));
	rig_must(trie_new(&rig->trie));
	rig->snapshot.up = true;
	struct tun_queue queues[RIG_SHARDS];
	struct transport v4[RIG_SHARDS], v6[RIG_SHARDS];
	for (uint16_t i = 0; i < shards; i++) {
		rig->tuns[i] = fake_tun_new();
		rig->v4[i] = fake_transport_new();
		rig->v6[i] = fake_transport_new();
		queues[i] = fake_tun_of(rig->tuns[i]);
		v4[i] = fake_transport_of(rig->v4[i]);
		v6[i] = fake_transport_of(rig->v6[i]);
	}
	const struct interface_options interface_options = {
		.protocol = &toy_protocol,
		.mtu = RIG_MTU,
		.coalesce = coalesce,
		.snapshot = &rig->snapshot,
	};
	rig_must(interface_new(rig->engine, &interface_options, queues, &rig->interface));
	for (uint8_t i = 1; i <= peers; i++)
		rig_add_peer(rig, i);
	rig_must(trie_publish(rig->trie, &rig->snapshot.allowed_ips));
	rig_must(interface_set_transports(rig->interface, v4, v6));
	rig_turn(rig);
	return rig;
}

static inline struct rig *rig_new(uint16_t shards, uint8_t peers) {
	return rig_new_joining(shards, peers, (struct coalesce_options){.tcp = false});
}

static inline void rig_free(struct rig *rig) {
	interface_free(rig->interface);
	engine_free(rig->engine);
	trie_view_release(rig->trie, rig->snapshot.allowed_ips);
	trie_free(rig->trie);
	for (uint16_t i = 0; i < rig->shards; i++) {
		if (!rig->tuns[i]->freed || !rig->v4[i]->freed || !rig->v6[i]->freed)
			abort();
		fake_tun_delete(rig->tuns[i]);
		fake_transport_delete(rig->v4[i]);
		fake_transport_delete(rig->v6[i]);
	}
	for (size_t i = 0; i < RIG_PEERS; i++)
		free(rig->peers[i]);
	free(rig);
}

/* A UDP packet between 10.0.0.source and .destination, payload and id made of number. */
static inline size_t rig_packet(uint8_t source, uint8_t destination, uint32_t number,
								size_t payload_size, uint8_t *out) {
	static const struct packet_spec base = {.protocol = PACKETS_UDP, .ttl = 64};
	struct packet_spec spec = base;
	uint8_t payload[2048];
	spec.source = source;
	spec.destination = destination;
	spec.id = (uint16_t)number;
	if (payload_size > sizeof payload)
		abort();
	for (size_t i = 0; i < payload_size; i++)
		payload[i] = (uint8_t)(number * 31 + i);
	return packets_build(&spec, payload, payload_size, out);
}
