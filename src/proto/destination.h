#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/address.h"
#include "engine/trie.h"
#include "wire/ip.h"

/*
 * Whether packets go to an address of any peer's, asked of each packet: the last answer is kept, as
 * packets of a flow come in a row. One shard; zeroed, or forgotten, with each snapshot.
 */
struct destination {
	uint8_t family; /* ADDRESS_NONE: nothing was asked yet */
	uint8_t address[ADDRESS_V6_SIZE];
	bool is_peers;
};

static inline void destination_forget(struct destination *destination) {
	destination->family = ADDRESS_NONE;
}

static inline bool destination_is_peers(struct destination *destination,
										const struct trie_view *allowed_ips,
										const struct ip_packet *packet) {
	const size_t size = packet->family == ADDRESS_V4 ? ADDRESS_V4_SIZE : ADDRESS_V6_SIZE;
	if (destination->family == packet->family &&
		memcmp(destination->address, packet->destination, size) == 0)
		return destination->is_peers;
	destination->family = packet->family;
	memcpy(destination->address, packet->destination, size);
	destination->is_peers = packet->family == ADDRESS_V4
								? trie_lookup_v4(allowed_ips, packet->destination) != NULL
								: trie_lookup_v6(allowed_ips, packet->destination) != NULL;
	return destination->is_peers;
}
