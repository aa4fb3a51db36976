#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"
#include "crypto/sizes.h"
#include "wire/wireguard.h"

/*
 * What a device saves for its next run, big-endian:
 *
 *   set operation:  | 1 | lines … |  (proto/device_record.h)
 *   peer's state:   | 2 | public key 32 | last handshake 8 | family 1 | address 16 | scope 4 |
 *                     port 2 | timestamp 12 | claimed 8 |
 *
 * The handshake is ns since the Unix epoch; family 0 with zeros behind it is "no endpoint". The
 * timestamp is that of the peer's last initiation (zeros: none), claimed the wall clock in ns that
 * our last one to it said.
 */

enum { WIREGUARD_RECORD_PEER = 2 };

enum { WIREGUARD_RECORD_PEER_SIZE = 1 + 32 + 8 + 1 + 16 + 4 + 2 + 12 + 8 };

struct wireguard_record_peer {
	uint8_t public_key[X25519_KEY_SIZE];
	uint64_t last_handshake;
	struct endpoint endpoint;
	uint8_t timestamp[WIREGUARD_TIMESTAMP_SIZE];
	uint64_t claimed;
};

/* By its first byte alone. */
bool wireguard_record_is_peer(struct slice record);

enum err wireguard_record_decode_peer(struct slice record, struct wireguard_record_peer *out_peer);
void wireguard_record_encode_peer(const struct wireguard_record_peer *peer,
								  uint8_t out_data[static WIREGUARD_RECORD_PEER_SIZE]);
