/* Set operations for the peers of a tunnel of streams, an empty line between any two: whatever
 * comes, the table stays whole, and one that fails changes nothing. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "tunnel/stream_peers.h"

enum { OPERATIONS_MAX = 16 };

static void removed(void *context, struct stream_peer *peer) {
	size_t *count = context;
	expect(peer->owner == count);
	(*count)++;
}

/* Sums up what may not change. */
static uint64_t look(struct stream_peers *peers, size_t *count) {
	uint64_t sum = stream_peers_count(peers);
	for (size_t i = 0; i < stream_peers_count(peers); i++) {
		struct stream_peer *peer = stream_peers_at(peers, i);
		expect(stream_peers_find(peers, peer->public_key) == peer);
		expect(peer->name[0] && memchr(peer->name, '\0', sizeof peer->name));
		for (size_t j = 0; j < peer->allowed_ip_count; j++)
			expect(peer->allowed_ips[j].length <= 8 * address_size(&peer->allowed_ips[j].address));
		for (size_t j = 0; j < peer->rule_count; j++)
			expect(policy_rule_is_valid(&peer->rules[j], POLICY_OF_STREAMS));
		sum = sum * 31 + peer->generation + peer->allowed_ip_count + peer->rule_count;
		peer->owner = count;
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct stream_peers *peers = NULL;
	expect(!stream_peers_new(&peers));
	const uint8_t *at = data, *end = data + size;
	size_t gone = 0;
	for (int i = 0; i < OPERATIONS_MAX && at < end; i++) {
		const uint8_t *empty = memmem(at, (size_t)(end - at), "\n\n", 2);
		size_t length = empty ? (size_t)(empty - at) + 1 : (size_t)(end - at);
		const uint64_t before = look(peers, &gone);
		const size_t gone_before = gone;
		if (stream_peers_set(peers, slice_of(at, length), removed, &gone))
			expect(look(peers, &gone) == before && gone == gone_before);
		at = empty ? empty + 2 : end;
	}
	(void)look(peers, &gone);
	stream_peers_free(peers);
	return 0;
}
