/* Hostile initiations and responses against a fixed responder and a fixed initiator. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "handshake/wireguard.h"

/*
 * Input: a byte that chooses the message, then what happens to it:
 *   0, 1   the rest is the initiation or response, as it comes from the network
 *   2, 3   the rest is XORed over the genuine initiation or response
 * A message is accepted exactly when every byte that the handshake authenticates is genuine.
 */
enum { RAW_INITIATION, RAW_RESPONSE, MASKED_INITIATION, MASKED_RESPONSE, KINDS };
enum { SENDER_OFFSET = 4, SENDER_SIZE = 4 }; /* in both messages; covered by mac1, not here */

static struct {
	bool ready;
	struct wireguard_identity initiator, responder;
	struct wireguard_remote of_initiator, of_responder; /* whom each of them knows */
	struct wireguard_pending pending;
	uint8_t initiation[WIREGUARD_INITIATION_SIZE];
	uint8_t response[WIREGUARD_RESPONSE_SIZE];
	struct wireguard_keys responder_keys;
} fixed;

static void expect_ok(enum err error) {
	expect(error == ERR_OK);
}

static void counted_fill(void *context, void *out_data, size_t size) {
	uint8_t *seed = context;
	memset(out_data, ++*seed, size);
}

static void make_fixed(void) {
	uint8_t seed = 0;
	const struct random_source random = {counted_fill, &seed};
	uint8_t key[X25519_KEY_SIZE];
	random_fill(&random, key, sizeof key);
	expect_ok(wireguard_identity_init(&fixed.initiator, key));
	random_fill(&random, key, sizeof key);
	expect_ok(wireguard_identity_init(&fixed.responder, key));
	memcpy(fixed.of_initiator.public_key, fixed.responder.public_key, sizeof key);
	memcpy(fixed.of_responder.public_key, fixed.initiator.public_key, sizeof key);
	wireguard_remote_prepare(&fixed.of_initiator, &fixed.initiator);
	wireguard_remote_prepare(&fixed.of_responder, &fixed.responder);

	struct wireguard_initiation initiation;
	struct wireguard_opened opened;
	struct wireguard_response response;
	uint8_t timestamp[WIREGUARD_TIMESTAMP_SIZE];
	wireguard_timestamp(UINT64_C(1) << 60, timestamp);
	expect_ok(wireguard_initiate(&fixed.initiator, &fixed.of_initiator, &random, 1, timestamp,
								 &initiation, &fixed.pending));
	expect_ok(wireguard_accept_static(&fixed.responder, &initiation, &opened));
	expect_ok(wireguard_accept_initiation(&fixed.of_responder, &opened));
	expect_ok(wireguard_respond(&fixed.of_responder, &opened, &random, 2, &response,
								&fixed.responder_keys));
	wireguard_encode_initiation(&initiation, fixed.initiation);
	wireguard_encode_response(&response, fixed.response);
	fixed.ready = true;
}

/* True when both are the same but for the sender's index and the MACs. */
static bool is_genuine(const uint8_t *data, const uint8_t *genuine, size_t size) {
	const size_t behind = SENDER_OFFSET + SENDER_SIZE;
	return memcmp(data, genuine, SENDER_OFFSET) == 0 &&
		   memcmp(data + behind, genuine + behind, size - behind - WIREGUARD_MACS_SIZE) == 0;
}

static void try_initiation(const uint8_t *data, size_t size) {
	struct wireguard_initiation message;
	struct wireguard_opened opened, before;
	memset(&opened, 0xa5, sizeof opened);
	memcpy(&before, &opened, sizeof opened);
	if (wireguard_decode_initiation(data, size, &message))
		return;
	bool genuine = is_genuine(data, fixed.initiation, size);
	if (wireguard_accept_static(&fixed.responder, &message, &opened)) {
		expect(!genuine);
		expect(memcmp(&opened, &before, sizeof opened) == 0);
		return;
	}
	expect(opened.sender == message.sender);
	memcpy(&before, &opened, sizeof opened);
	if (wireguard_accept_initiation(&fixed.of_responder, &opened)) {
		expect(!genuine);
		expect(memcmp(&opened, &before, sizeof opened) == 0);
		return;
	}
	expect(genuine);
}

static void try_response(const uint8_t *data, size_t size) {
	struct wireguard_response message;
	if (wireguard_decode_response(data, size, &message))
		return;
	struct wireguard_pending pending = fixed.pending;
	struct wireguard_keys keys, before;
	memset(&keys, 0xa5, sizeof keys);
	memcpy(&before, &keys, sizeof keys);
	enum err error =
		wireguard_finish(&fixed.initiator, &fixed.of_initiator, &pending, &message, &keys);
	expect(memcmp(&pending, &fixed.pending, sizeof pending) == 0);
	expect((error == ERR_OK) == is_genuine(data, fixed.response, size));
	if (error) {
		expect(memcmp(&keys, &before, sizeof keys) == 0);
		return;
	}
	expect(keys.remote_index == message.sender);
	expect(memcmp(keys.send, fixed.responder_keys.receive, sizeof keys.send) == 0);
	expect(memcmp(keys.receive, fixed.responder_keys.send, sizeof keys.receive) == 0);
}

static void mask(uint8_t *message, size_t message_size, const uint8_t *data, size_t size) {
	for (size_t i = 0; i < size && i < message_size; i++)
		message[i] ^= data[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0)
		return 0;
	if (!fixed.ready)
		make_fixed();
	uint8_t initiation[WIREGUARD_INITIATION_SIZE], response[WIREGUARD_RESPONSE_SIZE];
	switch (data[0] % KINDS) {
	case RAW_INITIATION:
		try_initiation(data + 1, size - 1);
		break;
	case RAW_RESPONSE:
		try_response(data + 1, size - 1);
		break;
	case MASKED_INITIATION:
		memcpy(initiation, fixed.initiation, sizeof initiation);
		mask(initiation, sizeof initiation, data + 1, size - 1);
		try_initiation(initiation, sizeof initiation);
		break;
	case MASKED_RESPONSE:
		memcpy(response, fixed.response, sizeof response);
		mask(response, sizeof response, data + 1, size - 1);
		try_response(response, sizeof response);
		break;
	}
	return 0;
}
