#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "crypto/sizes.h"

/*
 * The four messages of WireGuard (whitepaper section 5.4), all integers little-endian. Their byte
 * diagrams stand over their codecs in wireguard.c.
 */

enum wireguard_type {
	WIREGUARD_INITIATION = 1,
	WIREGUARD_RESPONSE = 2,
	WIREGUARD_COOKIE_REPLY = 3,
	WIREGUARD_DATA = 4,
};

enum {
	WIREGUARD_TIMESTAMP_SIZE = 12, /* TAI64N */
	WIREGUARD_COOKIE_SIZE = 16,
	WIREGUARD_MAC_SIZE = BLAKE2S_MAC_SIZE,
	WIREGUARD_MACS_SIZE = 2 * WIREGUARD_MAC_SIZE,
	WIREGUARD_INITIATION_SIZE = 148,
	WIREGUARD_RESPONSE_SIZE = 92,
	WIREGUARD_COOKIE_REPLY_SIZE = 64,
	WIREGUARD_DATA_HEADER_SIZE = 16,
	WIREGUARD_DATA_OVERHEAD = WIREGUARD_DATA_HEADER_SIZE + AEAD_TAG_SIZE,
};

struct wireguard_initiation {
	uint32_t sender;
	uint8_t ephemeral[X25519_KEY_SIZE];
	uint8_t sealed_static[X25519_KEY_SIZE + AEAD_TAG_SIZE];
	uint8_t sealed_timestamp[WIREGUARD_TIMESTAMP_SIZE + AEAD_TAG_SIZE];
	uint8_t mac1[WIREGUARD_MAC_SIZE], mac2[WIREGUARD_MAC_SIZE];
};

struct wireguard_response {
	uint32_t sender, receiver;
	uint8_t ephemeral[X25519_KEY_SIZE];
	uint8_t sealed_empty[AEAD_TAG_SIZE];
	uint8_t mac1[WIREGUARD_MAC_SIZE], mac2[WIREGUARD_MAC_SIZE];
};

struct wireguard_cookie_reply {
	uint32_t receiver;
	uint8_t nonce[XAEAD_NONCE_SIZE];
	uint8_t sealed_cookie[WIREGUARD_COOKIE_SIZE + AEAD_TAG_SIZE];
};

struct wireguard_data {
	uint32_t receiver;
	uint64_t counter;
};

/* The type of a datagram whose size and reserved bytes fit it; 0 for anything else. */
enum wireguard_type wireguard_classify(const uint8_t *data, size_t size);

enum err wireguard_decode_initiation(const uint8_t *data, size_t size,
									 struct wireguard_initiation *out);
enum err wireguard_decode_response(const uint8_t *data, size_t size,
								   struct wireguard_response *out);
enum err wireguard_decode_cookie_reply(const uint8_t *data, size_t size,
									   struct wireguard_cookie_reply *out);
enum err wireguard_decode_data(const uint8_t *data, size_t size, struct wireguard_data *out);

void wireguard_encode_initiation(const struct wireguard_initiation *message,
								 uint8_t out_data[static WIREGUARD_INITIATION_SIZE]);
void wireguard_encode_response(const struct wireguard_response *message,
							   uint8_t out_data[static WIREGUARD_RESPONSE_SIZE]);
void wireguard_encode_cookie_reply(const struct wireguard_cookie_reply *message,
								   uint8_t out_data[static WIREGUARD_COOKIE_REPLY_SIZE]);
/* The 16 bytes in front of the sealed packet. */
void wireguard_encode_data(const struct wireguard_data *message,
						   uint8_t out_data[static WIREGUARD_DATA_HEADER_SIZE]);

/* The receiver's index in a classified response, cookie reply or data message; 0 for others. */
uint32_t wireguard_receiver(const uint8_t *data, size_t size);

/* The nonce of a transport message: 4 zero bytes and the counter (whitepaper section 5.4.6). */
void wireguard_data_nonce(uint64_t counter, uint8_t out_nonce[static AEAD_NONCE_SIZE]);
