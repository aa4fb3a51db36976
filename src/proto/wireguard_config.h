#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/list.h"
#include "handshake/wireguard.h"
#include "proto/key_table.h"
#include "session/cookie.h"

/* The configuration that shards see (immutable) and the control thread's part of each peer. */

/* The protocol's part of a snapshot. */
struct wireguard_config {
	uint64_t generation; /* changes with the identity */
	const struct wireguard_identity *identity;
	struct cookie_keys cookie_keys;    /* of our own public key: others' mac1 */
	const struct key_table *directory; /* struct wireguard_peer by public key */
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
