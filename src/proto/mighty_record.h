#pragma once

#include <stdint.h>

#include "base/address.h"
#include "base/error.h"
#include "base/slice.h"
#include "wire/mighty.h"

/*
 * What a device saves for its next run beside set operations (proto/device_record.h), big-endian:
 *
 *   peer's state:   | 2 | identity 32 | last handshake 8 | family 1 | address 16 |
 *                   | scope 4 | port 2 | claimed 8 |
 *   hello's time:   | 3 | identity 32 | instance 8 | time 8 |
 *
 * The handshake is ns since the Unix epoch; family 0 with zeros behind it is "no endpoint"; claimed
 * is the time in ms of our own last hello to the peer, 0: none. A hello's time is that, in ms, of
 * the last one that was accepted of an instance.
 */

enum mighty_record_kind { MIGHTY_RECORD_PEER = 2, MIGHTY_RECORD_HELLO = 3 };

enum {
	MIGHTY_RECORD_PEER_SIZE = 1 + HASH_SIZE + 8 + 1 + 16 + 4 + 2 + 8,
	MIGHTY_RECORD_HELLO_SIZE = 1 + HASH_SIZE + MIGHTY_INSTANCE_SIZE + 8,
};

struct mighty_record_peer {
	uint8_t identity[HASH_SIZE];
	uint64_t last_handshake;
	struct endpoint endpoint;
	uint64_t claimed;
};

struct mighty_record_hello {
	uint8_t identity[HASH_SIZE];
	uint8_t instance[MIGHTY_INSTANCE_SIZE];
	uint64_t time;
};

/* 0 for an empty record, or of another kind. */
enum mighty_record_kind mighty_record_kind(struct slice record);

enum err mighty_record_decode_peer(struct slice record, struct mighty_record_peer *out_peer);
void mighty_record_encode_peer(const struct mighty_record_peer *peer,
							   uint8_t out_data[static MIGHTY_RECORD_PEER_SIZE]);

enum err mighty_record_decode_hello(struct slice record, struct mighty_record_hello *out_hello);
void mighty_record_encode_hello(const struct mighty_record_hello *hello,
								uint8_t out_data[static MIGHTY_RECORD_HELLO_SIZE]);
