#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "crypto/x25519.h"
#include "handshake/wireguard.h"

#include "../../vectors/wireguard_handshake.h"

/* A source that repeats itself: 32-byte blocks that count from its seed on. */
static void counted_fill(void *context, void *out_data, size_t size) {
	uint8_t *seed = context, *bytes = out_data;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(*seed + i);
	*seed = (uint8_t)(*seed + 32);
}

/* A source with one key to give. */
static void fixed_fill(void *context, void *out_data, size_t size) {
	assert_int_equal(size, X25519_KEY_SIZE);
	memcpy(out_data, context, size);
}

/* Two ends that know each other, a's and b's indices, and a full handshake's pieces. */
struct ends {
	uint8_t seed;
	struct random_source random;
	struct wireguard_identity a, b;
	struct wireguard_remote b_of_a, a_of_b;
	uint8_t timestamp[WIREGUARD_TIMESTAMP_SIZE];
	struct wireguard_initiation initiation;
	struct wireguard_pending pending;
	struct wireguard_opened opened;
	struct wireguard_response response;
	struct wireguard_keys a_keys, b_keys;
};

enum { A_INDEX = 0x11223344, B_INDEX = 0x55667788 };

static void ends_init(struct ends *ends, bool preshared) {
	memset(ends, 0, sizeof *ends);
	ends->seed = 1;
	ends->random = (struct random_source){counted_fill, &ends->seed};
	uint8_t key[X25519_KEY_SIZE];
	random_fill(&ends->random, key, sizeof key);
	assert_int_equal(wireguard_identity_init(&ends->a, key), ERR_OK);
	random_fill(&ends->random, key, sizeof key);
	assert_int_equal(wireguard_identity_init(&ends->b, key), ERR_OK);
	memcpy(ends->b_of_a.public_key, ends->b.public_key, sizeof key);
	memcpy(ends->a_of_b.public_key, ends->a.public_key, sizeof key);
	if (preshared) {
		memset(ends->b_of_a.preshared_key, 0x5a, AEAD_KEY_SIZE);
		memset(ends->a_of_b.preshared_key, 0x5a, AEAD_KEY_SIZE);
	}
	wireguard_remote_prepare(&ends->b_of_a, &ends->a);
	wireguard_remote_prepare(&ends->a_of_b, &ends->b);
	wireguard_timestamp(UINT64_C(1700000000) * CLOCK_SECOND, ends->timestamp);
}

static enum err initiate(struct ends *ends) {
	return wireguard_initiate(&ends->a, &ends->b_of_a, &ends->random, A_INDEX, ends->timestamp,
							  &ends->initiation, &ends->pending);
}

static enum err respond(struct ends *ends) {
	return wireguard_respond(&ends->a_of_b, &ends->opened, &ends->random, B_INDEX, &ends->response,
							 &ends->b_keys);
}

static enum err finish(struct ends *ends) {
	return wireguard_finish(&ends->a, &ends->b_of_a, &ends->pending, &ends->response,
							&ends->a_keys);
}

/* Everything up to the response, which is in ends->response. */
static void reach_response(struct ends *ends, bool preshared) {
	ends_init(ends, preshared);
	assert_int_equal(initiate(ends), ERR_OK);
	assert_int_equal(wireguard_accept_static(&ends->b, &ends->initiation, &ends->opened), ERR_OK);
	assert_int_equal(wireguard_accept_initiation(&ends->a_of_b, &ends->opened), ERR_OK);
	assert_int_equal(respond(ends), ERR_OK);
}

static void assert_crosswise(const struct wireguard_keys *a, const struct wireguard_keys *b) {
	assert_memory_equal(a->send, b->receive, AEAD_KEY_SIZE);
	assert_memory_equal(a->receive, b->send, AEAD_KEY_SIZE);
	assert_memory_not_equal(a->send, a->receive, AEAD_KEY_SIZE);
	assert_int_equal(a->local_index, b->remote_index);
	assert_int_equal(a->remote_index, b->local_index);
	assert_int_not_equal(a->initiator, b->initiator);
}

static void whole_handshake(bool preshared) {
	struct ends ends;
	ends_init(&ends, preshared);
	assert_int_equal(initiate(&ends), ERR_OK);
	assert_true(ends.pending.present);
	assert_int_equal(ends.pending.sender, A_INDEX);
	assert_int_equal(ends.initiation.sender, A_INDEX);
	assert_true(wipe_is_zero(ends.initiation.mac1, 2 * WIREGUARD_MAC_SIZE));

	assert_int_equal(wireguard_accept_static(&ends.b, &ends.initiation, &ends.opened), ERR_OK);
	assert_memory_equal(ends.opened.public_key, ends.a.public_key, X25519_KEY_SIZE);
	assert_int_equal(ends.opened.sender, A_INDEX);
	assert_int_equal(wireguard_accept_initiation(&ends.a_of_b, &ends.opened), ERR_OK);
	assert_memory_equal(ends.opened.timestamp, ends.timestamp, sizeof ends.timestamp);

	assert_int_equal(respond(&ends), ERR_OK);
	assert_true(wipe_is_zero(&ends.opened, sizeof ends.opened));
	assert_int_equal(ends.response.receiver, A_INDEX);
	assert_int_equal(ends.response.sender, B_INDEX);
	assert_true(wipe_is_zero(ends.response.mac1, 2 * WIREGUARD_MAC_SIZE));

	assert_int_equal(finish(&ends), ERR_OK);
	assert_true(ends.a_keys.initiator);
	assert_int_equal(ends.a_keys.local_index, A_INDEX);
	assert_crosswise(&ends.a_keys, &ends.b_keys);
}

static void handshake_without_preshared_key(void **state) {
	whole_handshake(false);
}

static void handshake_with_preshared_key(void **state) {
	whole_handshake(true);
}

static void keys_are_fresh_every_time(void **state) {
	struct ends first, second;
	reach_response(&first, false);
	second = first;
	second.random.context = &second.seed; /* goes on where first stands */
	assert_int_equal(initiate(&second), ERR_OK);
	assert_int_equal(wireguard_accept_static(&second.b, &second.initiation, &second.opened),
					 ERR_OK);
	assert_int_equal(wireguard_accept_initiation(&second.a_of_b, &second.opened), ERR_OK);
	assert_int_equal(respond(&second), ERR_OK);
	assert_memory_not_equal(first.b_keys.send, second.b_keys.send, AEAD_KEY_SIZE);
	assert_memory_not_equal(first.b_keys.receive, second.b_keys.receive, AEAD_KEY_SIZE);
	/* the response to one initiation does not finish another */
	second.response = first.response;
	assert_int_equal(finish(&second), ERR_AUTHENTICATION);
}

static void known_answers(void **state) {
	for (size_t i = 0; i < sizeof handshake_vectors / sizeof *handshake_vectors; i++) {
		struct handshake_vector v = handshake_vectors[i];
		struct ends ends = {0};
		assert_int_equal(wireguard_identity_init(&ends.a, v.initiator_private), ERR_OK);
		assert_int_equal(wireguard_identity_init(&ends.b, v.responder_private), ERR_OK);
		memcpy(ends.b_of_a.public_key, ends.b.public_key, X25519_KEY_SIZE);
		memcpy(ends.a_of_b.public_key, ends.a.public_key, X25519_KEY_SIZE);
		memcpy(ends.b_of_a.preshared_key, v.preshared, AEAD_KEY_SIZE);
		memcpy(ends.a_of_b.preshared_key, v.preshared, AEAD_KEY_SIZE);
		wireguard_remote_prepare(&ends.b_of_a, &ends.a);
		wireguard_remote_prepare(&ends.a_of_b, &ends.b);

		struct random_source initiator = {fixed_fill, v.initiator_ephemeral};
		assert_int_equal(wireguard_initiate(&ends.a, &ends.b_of_a, &initiator, v.initiator_index,
											v.timestamp, &ends.initiation, &ends.pending),
						 ERR_OK);
		uint8_t initiation[WIREGUARD_INITIATION_SIZE];
		wireguard_encode_initiation(&ends.initiation, initiation);
		assert_memory_equal(initiation, v.initiation, sizeof initiation);

		assert_int_equal(wireguard_accept_static(&ends.b, &ends.initiation, &ends.opened), ERR_OK);
		assert_int_equal(wireguard_accept_initiation(&ends.a_of_b, &ends.opened), ERR_OK);
		assert_memory_equal(ends.opened.timestamp, v.timestamp, WIREGUARD_TIMESTAMP_SIZE);
		struct random_source responder = {fixed_fill, v.responder_ephemeral};
		assert_int_equal(wireguard_respond(&ends.a_of_b, &ends.opened, &responder,
										   v.responder_index, &ends.response, &ends.b_keys),
						 ERR_OK);
		uint8_t response[WIREGUARD_RESPONSE_SIZE];
		wireguard_encode_response(&ends.response, response);
		assert_memory_equal(response, v.response, sizeof response);

		assert_int_equal(finish(&ends), ERR_OK);
		assert_memory_equal(ends.a_keys.send, v.to_responder, AEAD_KEY_SIZE);
		assert_memory_equal(ends.a_keys.receive, v.to_initiator, AEAD_KEY_SIZE);
		assert_crosswise(&ends.a_keys, &ends.b_keys);
	}
}

static void wrong_preshared_key(void **state) {
	struct ends ends;
	reach_response(&ends, true);
	ends.b_of_a.preshared_key[31] ^= 1;
	assert_int_equal(finish(&ends), ERR_AUTHENTICATION);
	memset(ends.b_of_a.preshared_key, 0, AEAD_KEY_SIZE);
	assert_int_equal(finish(&ends), ERR_AUTHENTICATION);
	assert_true(wipe_is_zero(&ends.a_keys, sizeof ends.a_keys));
	memcpy(ends.b_of_a.preshared_key, ends.a_of_b.preshared_key, AEAD_KEY_SIZE);
	assert_int_equal(finish(&ends), ERR_OK);
}

static void wrong_responder(void **state) {
	struct ends ends;
	ends_init(&ends, false);
	assert_int_equal(initiate(&ends), ERR_OK);
	struct wireguard_identity other;
	uint8_t key[X25519_KEY_SIZE] = {7};
	assert_int_equal(wireguard_identity_init(&other, key), ERR_OK);
	assert_int_equal(wireguard_accept_static(&other, &ends.initiation, &ends.opened),
					 ERR_AUTHENTICATION);
	assert_true(wipe_is_zero(&ends.opened, sizeof ends.opened));
}

/* Somebody who knows a's public key, but not its private key. */
static void impostor(void **state) {
	struct ends ends;
	ends_init(&ends, false);
	uint8_t key[X25519_KEY_SIZE] = {7};
	assert_int_equal(wireguard_identity_init(&ends.a, key), ERR_OK);
	memcpy(ends.a.public_key, ends.a_of_b.public_key, X25519_KEY_SIZE);
	wireguard_remote_prepare(&ends.b_of_a, &ends.a);
	assert_int_equal(initiate(&ends), ERR_OK);
	assert_int_equal(wireguard_accept_static(&ends.b, &ends.initiation, &ends.opened), ERR_OK);
	assert_memory_equal(ends.opened.public_key, ends.a_of_b.public_key, X25519_KEY_SIZE);
	struct wireguard_opened before = ends.opened;
	assert_int_equal(wireguard_accept_initiation(&ends.a_of_b, &ends.opened), ERR_AUTHENTICATION);
	assert_memory_equal(&ends.opened, &before, sizeof before);
}

/* A response made by somebody who has read the initiation with b's key is not enough without a's.
 */
static void response_for_another_static_key(void **state) {
	struct ends ends;
	reach_response(&ends, false);
	uint8_t key[X25519_KEY_SIZE] = {9};
	struct wireguard_identity other;
	assert_int_equal(wireguard_identity_init(&other, key), ERR_OK);
	assert_int_equal(
		wireguard_finish(&other, &ends.b_of_a, &ends.pending, &ends.response, &ends.a_keys),
		ERR_AUTHENTICATION);
	assert_true(wipe_is_zero(&ends.a_keys, sizeof ends.a_keys));
}

/* Decodes and accepts as a responder does; the first error. */
static enum err accept(struct ends *ends, const uint8_t *data) {
	struct wireguard_initiation message;
	return wireguard_decode_initiation(data, WIREGUARD_INITIATION_SIZE, &message)
			   ?: wireguard_accept_static(&ends->b, &message, &ends->opened)
			   ?: wireguard_accept_initiation(&ends->a_of_b, &ends->opened);
}

static enum err decode_and_finish(struct ends *ends, const uint8_t *data) {
	return wireguard_decode_response(data, WIREGUARD_RESPONSE_SIZE, &ends->response)
			   ?: finish(ends);
}

enum { SENDER_BEGIN = 4, SENDER_END = 8 }; /* the same place in both messages; see mac1 */

static void tampered_initiation(void **state) {
	struct ends ends;
	ends_init(&ends, false);
	assert_int_equal(initiate(&ends), ERR_OK);
	uint8_t data[WIREGUARD_INITIATION_SIZE];
	wireguard_encode_initiation(&ends.initiation, data);
	for (size_t i = 0; i < sizeof data - WIREGUARD_MACS_SIZE; i++) {
		if (i >= SENDER_BEGIN && i < SENDER_END)
			continue;
		for (uint8_t bit = 1; bit; bit = (uint8_t)(bit << 3)) {
			memset(&ends.opened, 0, sizeof ends.opened);
			data[i] ^= bit;
			assert_int_not_equal(accept(&ends, data), ERR_OK);
			data[i] ^= bit;
			/* static key unread: nothing is there; timestamp unread: it is as it was */
			if (i < 88)
				assert_true(wipe_is_zero(&ends.opened, sizeof ends.opened));
			assert_true(wipe_is_zero(ends.opened.timestamp, sizeof ends.opened.timestamp));
		}
	}
	assert_int_equal(accept(&ends, data), ERR_OK);
}

static void tampered_response(void **state) {
	struct ends ends;
	reach_response(&ends, true);
	uint8_t data[WIREGUARD_RESPONSE_SIZE];
	wireguard_encode_response(&ends.response, data);
	struct wireguard_pending before = ends.pending;
	for (size_t i = 0; i < sizeof data - WIREGUARD_MACS_SIZE; i++) {
		if (i >= SENDER_BEGIN && i < SENDER_END)
			continue;
		for (uint8_t bit = 1; bit; bit = (uint8_t)(bit << 3)) {
			data[i] ^= bit;
			assert_int_not_equal(decode_and_finish(&ends, data), ERR_OK);
			data[i] ^= bit;
			assert_memory_equal(&ends.pending, &before, sizeof before);
			assert_true(wipe_is_zero(&ends.a_keys, sizeof ends.a_keys));
		}
	}
	assert_int_equal(decode_and_finish(&ends, data), ERR_OK);
	assert_crosswise(&ends.a_keys, &ends.b_keys);
}

/* All of order 1, 2, 4 and 8 (RFC 7748 section 6.1 and its errata), little-endian. */
static const uint8_t low_order[][X25519_KEY_SIZE] = {
	{0},
	{1},
	{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
	 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
	 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
	{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
	 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
	 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	{0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	{0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

enum { LOW_ORDER_COUNT = sizeof low_order / sizeof *low_order };

static void low_order_ephemerals(void **state) {
	struct ends ends;
	reach_response(&ends, false);
	struct wireguard_pending before = ends.pending;
	for (size_t i = 0; i < LOW_ORDER_COUNT; i++) {
		memcpy(ends.initiation.ephemeral, low_order[i], X25519_KEY_SIZE);
		assert_int_equal(wireguard_accept_static(&ends.b, &ends.initiation, &ends.opened),
						 ERR_CRYPTO);
		assert_true(wipe_is_zero(&ends.opened, sizeof ends.opened));
		memcpy(ends.response.ephemeral, low_order[i], X25519_KEY_SIZE);
		assert_int_equal(finish(&ends), ERR_CRYPTO);
		assert_memory_equal(&ends.pending, &before, sizeof before);
		assert_true(wipe_is_zero(&ends.a_keys, sizeof ends.a_keys));
	}
}

/* Every function that takes a remote refuses this one, and changes nothing. */
static void assert_unusable(struct ends *ends, const struct wireguard_remote *remote) {
	assert_false(remote->usable);
	assert_true(wipe_is_zero(remote->static_shared, X25519_KEY_SIZE));
	struct ends before = *ends;
	assert_int_equal(wireguard_initiate(&ends->a, remote, &ends->random, 1, ends->timestamp,
										&ends->initiation, &ends->pending),
					 ERR_INVALID);
	assert_int_equal(wireguard_accept_initiation(remote, &ends->opened), ERR_INVALID);
	assert_int_equal(
		wireguard_respond(remote, &ends->opened, &ends->random, 1, &ends->response, &ends->b_keys),
		ERR_INVALID);
	assert_int_equal(
		wireguard_finish(&ends->a, remote, &ends->pending, &ends->response, &ends->a_keys),
		ERR_INVALID);
	assert_memory_equal(ends, &before, sizeof before);
}

static void unusable_remotes(void **state) {
	struct ends ends;
	reach_response(&ends, true);
	for (size_t i = 0; i < LOW_ORDER_COUNT; i++) {
		struct wireguard_remote remote = ends.b_of_a;
		memcpy(remote.public_key, low_order[i], X25519_KEY_SIZE);
		wireguard_remote_prepare(&remote, &ends.a);
		assert_memory_equal(remote.preshared_key, ends.b_of_a.preshared_key, AEAD_KEY_SIZE);
		assert_unusable(&ends, &remote);
	}
	const uint8_t zeros[X25519_KEY_SIZE] = {0};
	struct wireguard_identity none;
	assert_int_equal(wireguard_identity_init(&none, zeros), ERR_OK);
	struct wireguard_remote remote = ends.b_of_a;
	wireguard_remote_prepare(&remote, &none);
	assert_unusable(&ends, &remote);
	wireguard_remote_prepare(&remote, &ends.a);
	assert_true(remote.usable);
	assert_memory_equal(&remote, &ends.b_of_a, sizeof remote);
}

static void without_identity(void **state) {
	struct ends ends;
	reach_response(&ends, false);
	const uint8_t zeros[X25519_KEY_SIZE] = {0};
	struct wireguard_identity filled = ends.a;
	assert_int_equal(wireguard_identity_init(&ends.a, zeros), ERR_OK);
	assert_true(wipe_is_zero(&ends.a, sizeof ends.a));
	ends.b = ends.a;
	struct ends before = ends;
	assert_int_equal(initiate(&ends), ERR_INVALID);
	assert_int_equal(wireguard_accept_static(&ends.b, &ends.initiation, &ends.opened), ERR_INVALID);
	assert_int_equal(finish(&ends), ERR_INVALID);
	assert_memory_equal(&ends, &before, sizeof before);
	ends.a = filled;
	ends.pending.present = false;
	assert_int_equal(finish(&ends), ERR_INVALID);
}

static void identity_is_clamped(void **state) {
	uint8_t key[X25519_KEY_SIZE], expected[X25519_KEY_SIZE], public_key[X25519_KEY_SIZE];
	memset(key, 0xff, sizeof key);
	memset(expected, 0xff, sizeof expected);
	expected[0] = 0xf8;
	expected[31] = 0x7f;
	struct wireguard_identity identity;
	assert_int_equal(wireguard_identity_init(&identity, key), ERR_OK);
	assert_true(identity.present);
	assert_memory_equal(identity.private_key, expected, sizeof expected);
	assert_int_equal(x25519_public(key, public_key), ERR_OK);
	assert_memory_equal(identity.public_key, public_key, sizeof public_key);
}

static void response_for_another_index(void **state) {
	struct ends ends;
	reach_response(&ends, false);
	ends.response.receiver = A_INDEX + 1;
	assert_int_equal(finish(&ends), ERR_AUTHENTICATION);
	assert_true(wipe_is_zero(&ends.a_keys, sizeof ends.a_keys));
}

static void timestamps(void **state) {
	uint8_t at[WIREGUARD_TIMESTAMP_SIZE], later[WIREGUARD_TIMESTAMP_SIZE];
	const uint8_t epoch[] = {0x40, 0, 0, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0};
	wireguard_timestamp(0, at);
	assert_memory_equal(at, epoch, sizeof epoch);

	/* 999,999,999 ns is 0x3b9ac9ff: the last step of a second */
	const uint8_t last[] = {0x40, 0, 0, 0, 0x65, 0x53, 0xf1, 0x0a, 0x3b, 0, 0, 0};
	wireguard_timestamp(UINT64_C(1700000000) * CLOCK_SECOND + 999999999, at);
	assert_memory_equal(at, last, sizeof last);

	/* one step is 2^24 ns: nothing inside it shows, and every step is later than all before */
	const uint64_t step = 1 << 24, second = UINT64_C(1700000000) * CLOCK_SECOND;
	for (uint64_t i = 0; i * step < CLOCK_SECOND; i++) {
		uint64_t end = (i + 1) * step < CLOCK_SECOND ? (i + 1) * step : CLOCK_SECOND;
		wireguard_timestamp(second + i * step, at);
		wireguard_timestamp(second + end - 1, later);
		assert_memory_equal(at, later, sizeof at);
		wireguard_timestamp(second + end, later);
		assert_true(memcmp(at, later, sizeof at) < 0);
	}
	wireguard_timestamp(255 * CLOCK_SECOND, at);
	wireguard_timestamp(256 * CLOCK_SECOND, later);
	assert_true(memcmp(at, later, sizeof at) < 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake_without_preshared_key),
		cmocka_unit_test(handshake_with_preshared_key),
		cmocka_unit_test(keys_are_fresh_every_time),
		cmocka_unit_test(known_answers),
		cmocka_unit_test(wrong_preshared_key),
		cmocka_unit_test(wrong_responder),
		cmocka_unit_test(impostor),
		cmocka_unit_test(response_for_another_static_key),
		cmocka_unit_test(tampered_initiation),
		cmocka_unit_test(tampered_response),
		cmocka_unit_test(low_order_ephemerals),
		cmocka_unit_test(unusable_remotes),
		cmocka_unit_test(without_identity),
		cmocka_unit_test(identity_is_clamped),
		cmocka_unit_test(response_for_another_index),
		cmocka_unit_test(timestamps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
