#pragma once

#include <stdint.h>
#include <string.h>

#include "base/address.h"
#include "conf/config.h"
#include "store/store.h"
#include "tunnel/directory.h"

/* Peers and prefixes for tests of the directory, written in a line. Include after cmocka.h. */

static inline struct prefix prefix_of(const char *text) {
	struct prefix prefix;
	assert_int_equal(prefix_parse(text, &prefix), ERR_OK);
	return prefix;
}

/* An interface's address with its network's length: host bits stay. */
static inline struct prefix network_of(const char *address, uint8_t length) {
	struct prefix prefix = {.length = length};
	assert_int_equal(address_parse(address, &prefix.address), ERR_OK);
	return prefix;
}

static inline struct config_peer file_peer(const char *name, uint8_t seed,
										   const struct prefix *prefixes, size_t count) {
	struct config_peer peer = {.name = name, .allowed_ips = {.items = prefixes, .count = count}};
	memset(peer.public_key, seed, sizeof peer.public_key);
	return peer;
}

static inline struct store_peer store_peer(const char *name, uint8_t seed,
										   const struct prefix *prefixes, size_t count) {
	struct store_peer peer = {
		.tunnel = "um0", .name = name, .allowed_ips = prefixes, .allowed_ip_count = count};
	memset(peer.public_key, seed, sizeof peer.public_key);
	return peer;
}

static inline struct directory *directory_of(struct config_peer *peers, size_t count) {
	const struct config_tunnel tunnel = {.name = "um0", .peers = peers, .peer_count = count};
	struct directory *directory;
	assert_int_equal(directory_new(&tunnel, &directory), ERR_OK);
	return directory;
}
