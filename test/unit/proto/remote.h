#pragma once

/* The other end of one peer: handshakes and packets straight from the pure layers. */

#include <stdlib.h>
#include <string.h>

#include "crypto/aead.h"
#include "handshake/wireguard.h"
#include "proto/wireguard_protocol.h"
#include "session/cookie.h"
#include "wire/wireguard.h"

struct remote {
	struct wireguard_identity identity;
	struct wireguard_remote device; /* whom it talks to */
	struct cookie_jar cookies;
	const struct random_source *random;
	struct wireguard_pending pending;
	struct wireguard_keys keys;
};

static inline void remote_must(bool condition) {
	if (!condition)
		abort();
}

static inline void remote_init(struct remote *remote, uint8_t key_byte,
							   const uint8_t device_key[static X25519_KEY_SIZE],
							   const struct random_source *random) {
	uint8_t key[X25519_KEY_SIZE];
	struct cookie_keys keys;
	memset(remote, 0, sizeof *remote);
	memset(key, key_byte, sizeof key);
	remote->random = random;
	remote_must(wireguard_identity_init(&remote->identity, key) == ERR_OK);
	memcpy(remote->device.public_key, device_key, X25519_KEY_SIZE);
	wireguard_remote_prepare(&remote->device, &remote->identity);
	remote_must(cookie_keys_init(&keys, WIREGUARD_MAC1_LABEL, WIREGUARD_COOKIE_LABEL, device_key) ==
				ERR_OK);
	cookie_jar_init(&remote->cookies, &keys);
}

static inline void remote_initiate(struct remote *remote, uint32_t index, uint64_t wall,
								   uint64_t now,
								   uint8_t out_data[static WIREGUARD_INITIATION_SIZE]) {
	struct wireguard_initiation message;
	uint8_t timestamp[WIREGUARD_TIMESTAMP_SIZE];
	wireguard_timestamp(wall, timestamp);
	remote_must(wireguard_initiate(&remote->identity, &remote->device, remote->random, index,
								   timestamp, &message, &remote->pending) == ERR_OK);
	wireguard_encode_initiation(&message, out_data);
	remote_must(cookie_add_macs(&remote->cookies, out_data, WIREGUARD_INITIATION_SIZE, now) ==
				ERR_OK);
}

/* False when it is no answer to our initiation. */
static inline bool remote_finish(struct remote *remote, const uint8_t *data, size_t size) {
	struct wireguard_response message;
	return wireguard_decode_response(data, size, &message) == ERR_OK &&
		   wireguard_finish(&remote->identity, &remote->device, &remote->pending, &message,
							&remote->keys) == ERR_OK;
}

/* Answers an initiation of the device; the keys become ours only with take. */
static inline bool remote_answer(struct remote *remote, const uint8_t *data, size_t size,
								 uint32_t index, uint64_t now, struct wireguard_keys *out_keys,
								 uint8_t out_data[static WIREGUARD_RESPONSE_SIZE]) {
	struct wireguard_initiation message;
	struct wireguard_opened opened;
	struct wireguard_response response;
	if (wireguard_decode_initiation(data, size, &message) != ERR_OK ||
		wireguard_accept_static(&remote->identity, &message, &opened) != ERR_OK ||
		wireguard_accept_initiation(&remote->device, &opened) != ERR_OK ||
		wireguard_respond(&remote->device, &opened, remote->random, index, &response, out_keys) !=
			ERR_OK)
		return false;
	wireguard_encode_response(&response, out_data);
	return cookie_add_macs(&remote->cookies, out_data, WIREGUARD_RESPONSE_SIZE, now) == ERR_OK;
}

/* A data message; its size. */
static inline size_t remote_seal(const struct wireguard_keys *keys, uint64_t counter,
								 const uint8_t *packet, size_t size, uint8_t *out_data) {
	const struct wireguard_data header = {.receiver = keys->remote_index, .counter = counter};
	wireguard_encode_data(&header, out_data);
	remote_must(aead_seal(keys->send, counter, NULL, 0, packet, size,
						  out_data + WIREGUARD_DATA_HEADER_SIZE) == ERR_OK);
	return size + WIREGUARD_DATA_OVERHEAD;
}

/* The plaintext's size; -1 when the message is not authentic. */
static inline int remote_open(const struct wireguard_keys *keys, const uint8_t *data, size_t size,
							  uint8_t *out_packet) {
	struct wireguard_data header;
	if (wireguard_decode_data(data, size, &header) != ERR_OK ||
		header.receiver != keys->local_index ||
		aead_open(keys->receive, header.counter, NULL, 0, data + WIREGUARD_DATA_HEADER_SIZE,
				  size - WIREGUARD_DATA_OVERHEAD, out_packet) != ERR_OK)
		return -1;
	return (int)(size - WIREGUARD_DATA_OVERHEAD);
}
