#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/list.h"
#include "base/siphash.h"
#include "handshake/wireguard.h"
#include "session/cookie.h"

/* The configuration that shards see (immutable) and the control thread's part of each peer. */

struct wireguard_peer;

/* All peers by public key: open addressing. A published one is immutable. */
struct wireguard_directory {
	struct siphash_key hash_key;
	size_t count, capacity; /* capacity is a power of two, at least twice count */
	struct wireguard_peer *peers[];
};

/* The protocol's part of a snapshot. */
struct wireguard_config {
	uint64_t generation; /* changes with the identity */
	const struct wireguard_identity *identity;
	struct cookie_keys cookie_keys; /* of our own public key: others' mac1 */
	const struct wireguard_directory *directory;
};

/* What the control thread keeps of a peer; shards never touch it. */
struct wireguard_peer_control {
	struct list link;                    /* the device's peers, in the order of their making */
	struct list allowed_ips;             /* struct device_prefix */
	uint8_t public_key[X25519_KEY_SIZE]; /* never changes: shards may read it */
	uint8_t preshared_key[AEAD_KEY_SIZE];
	uint16_t persistent_interval;
	bool umbra;               /* the other end is known to be one */
	unsigned changes;         /* enum wireguard_change, to be told to the owner */
	struct endpoint endpoint; /* with WIREGUARD_CHANGE_ENDPOINT */
	uint32_t saved_endpoint;  /* the endpoint's sequence number that was saved last */
	uint64_t saved_handshake; /* likewise */
	uint8_t saved_timestamp[WIREGUARD_TIMESTAMP_SIZE]; /* of the peer's last initiation */
	struct list changed_link;                          /* the device's list of changed peers */
};

/* An empty one with room for count peers; NULL when memory is short. */
struct wireguard_directory *wireguard_directory_new(const struct siphash_key *hash_key,
													size_t count);
/* A copy to be published. */
struct wireguard_directory *wireguard_directory_copy(const struct wireguard_directory *directory);
/* Adds a peer that is not there; *directory may be replaced by a larger one. */
enum err wireguard_directory_add(struct wireguard_directory **directory,
								 struct wireguard_peer *peer);
void wireguard_directory_remove(struct wireguard_directory *directory,
								const struct wireguard_peer *peer);
struct wireguard_peer *wireguard_directory_find(const struct wireguard_directory *directory,
												const uint8_t key[static X25519_KEY_SIZE]);
