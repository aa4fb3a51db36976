#include "engine/peer.h"

#include <string.h>

#include "engine/path_udp.h"

/* An endpoint in three words: 16 bytes of address, then scope ‖ port ‖ family. */
static void pack_endpoint(const struct endpoint *endpoint, uint64_t words[static 3]) {
	memcpy(words, endpoint->address.bytes, sizeof endpoint->address.bytes);
	words[2] = (uint64_t)endpoint->scope_id << 32 | (uint64_t)endpoint->port << 8 |
			   endpoint->address.family;
}

static void unpack_endpoint(const uint64_t words[static 3], struct endpoint *out_endpoint) {
	memcpy(out_endpoint->address.bytes, words, sizeof out_endpoint->address.bytes);
	out_endpoint->scope_id = (uint32_t)(words[2] >> 32);
	out_endpoint->port = (uint16_t)(words[2] >> 8);
	out_endpoint->address.family = (uint8_t)words[2];
}

void peer_init(struct peer *peer, const struct protocol_ops *protocol, uint16_t owner) {
	memset(peer, 0, sizeof *peer);
	peer->protocol = protocol;
	peer->owner = owner;
	peer->path_count = 1;
	peer->paths[0].ops = &path_udp_ops;
	list_init(&peer->shard_link);
	list_init(&peer->staged);
}

void peer_set_endpoint(struct peer *peer, const struct endpoint *to,
					   const struct udp_source *from) {
	struct path *path = &peer->paths[0];
	path->from = from ? *from : (struct udp_source){.interface = 0};
	if (endpoint_equal(&path->to, to))
		return;
	path->to = *to;
	struct peer_published *published = &peer->published;
	uint64_t words[3];
	pack_endpoint(to, words);
	uint32_t sequence = atomic_load_explicit(&published->endpoint_sequence, memory_order_relaxed);
	atomic_store_explicit(&published->endpoint_sequence, sequence + 1, memory_order_relaxed);
	/* Release stores keep the odd number in front of them for whoever sees their value. */
	for (size_t i = 0; i < 3; i++)
		atomic_store_explicit(&published->endpoint_words[i], words[i], memory_order_release);
	atomic_store_explicit(&published->endpoint_sequence, sequence + 2, memory_order_release);
}

void peer_set_limit(struct peer *peer, uint32_t limit) {
	peer->limit = limit;
	atomic_store_explicit(&peer->published.limit, limit, memory_order_relaxed);
}

bool peer_read_endpoint(const struct peer *peer, struct endpoint *out_endpoint,
						uint32_t *out_sequence) {
	const struct peer_published *published = &peer->published;
	uint64_t words[3];
	uint32_t before, after;
	do {
		before = atomic_load_explicit(&published->endpoint_sequence, memory_order_acquire);
		for (size_t i = 0; i < 3; i++)
			words[i] = atomic_load_explicit(&published->endpoint_words[i], memory_order_acquire);
		after = atomic_load_explicit(&published->endpoint_sequence, memory_order_relaxed);
	} while (before != after || (before & 1));
	struct endpoint endpoint = {.port = 0};
	unpack_endpoint(words, &endpoint);
	*out_sequence = before;
	if (endpoint.address.family == ADDRESS_NONE)
		return false;
	*out_endpoint = endpoint;
	return true;
}
