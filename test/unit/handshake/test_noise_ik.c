#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "crypto/aead.h"
#include "crypto/hex.h"
#include "handshake/noise_ik.h"
#include "vector_file.h"

/* A source that gives one key, or counts. */
static void key_fill(void *context, void *out_data, size_t size) {
	assert_int_equal(size, X25519_KEY_SIZE);
	memcpy(out_data, context, size);
}

static void counted_fill(void *context, void *out_data, size_t size) {
	uint8_t *seed = context;
	memset(out_data, ++*seed, size);
}

/* Two ends and all that crosses between them. */
struct ends {
	uint8_t seed;
	struct random_source random;
	struct noise_ik_identity initiator, responder;
	struct slice prologue, payload;
	uint8_t first[512], second[512], opened_payload[512];
	size_t first_size, second_size, opened_size;
	struct noise_ik_pending pending;
	struct noise_ik_opened opened;
	struct noise_ik_keys responders, initiators;
};

static void ends_init(struct ends *ends) {
	uint8_t key[X25519_KEY_SIZE];
	memset(ends, 0, sizeof *ends);
	ends->random = (struct random_source){counted_fill, &ends->seed};
	ends->prologue = slice_of_text("prologue");
	ends->payload = slice_of_text("payload");
	random_fill(&ends->random, key, sizeof key);
	assert_int_equal(noise_ik_identity_init(&ends->initiator, key), ERR_OK);
	random_fill(&ends->random, key, sizeof key);
	assert_int_equal(noise_ik_identity_init(&ends->responder, key), ERR_OK);
}

static enum err initiate(struct ends *ends) {
	return noise_ik_initiate(&ends->initiator, ends->responder.public_key, ends->prologue,
							 &ends->random, ends->payload, ends->first, sizeof ends->first,
							 &ends->first_size, &ends->pending);
}

static enum err accept_first(struct ends *ends) {
	return noise_ik_accept(&ends->responder, ends->prologue,
						   slice_of(ends->first, ends->first_size), ends->opened_payload,
						   sizeof ends->opened_payload, &ends->opened_size, &ends->opened);
}

static enum err respond(struct ends *ends) {
	return noise_ik_respond(&ends->opened, &ends->random, ends->payload, ends->second,
							sizeof ends->second, &ends->second_size, &ends->responders);
}

static enum err finish(struct ends *ends) {
	return noise_ik_finish(&ends->initiator, &ends->pending,
						   slice_of(ends->second, ends->second_size), ends->opened_payload,
						   sizeof ends->opened_payload, &ends->opened_size, &ends->initiators);
}

static void reach_second(struct ends *ends) {
	ends_init(ends);
	assert_int_equal(initiate(ends), ERR_OK);
	assert_int_equal(accept_first(ends), ERR_OK);
	assert_int_equal(respond(ends), ERR_OK);
}

static void assert_payload(const struct ends *ends) {
	assert_int_equal(ends->opened_size, ends->payload.size);
	assert_memory_equal(ends->opened_payload, ends->payload.data, ends->payload.size);
}

static void whole_handshake(void **state) {
	struct ends ends;
	ends_init(&ends);
	assert_int_equal(initiate(&ends), ERR_OK);
	assert_int_equal(ends.first_size, NOISE_IK_FIRST_OVERHEAD + ends.payload.size);
	assert_int_equal(accept_first(&ends), ERR_OK);
	assert_payload(&ends);
	assert_memory_equal(ends.opened.public_key, ends.initiator.public_key, X25519_KEY_SIZE);
	assert_int_equal(respond(&ends), ERR_OK);
	assert_int_equal(ends.second_size, NOISE_IK_SECOND_OVERHEAD + ends.payload.size);
	memset(ends.opened_payload, 0, sizeof ends.opened_payload);
	assert_int_equal(finish(&ends), ERR_OK);
	assert_payload(&ends);
	assert_memory_equal(&ends.initiators, &ends.responders, sizeof ends.initiators);
	assert_memory_not_equal(ends.initiators.initiator, ends.initiators.responder, AEAD_KEY_SIZE);
}

/* Every bit of a message counts, and every byte less or more. Nothing may have changed after. */
static void tampered_first(void **state) {
	struct ends ends, before;
	ends_init(&ends);
	assert_int_equal(initiate(&ends), ERR_OK);
	memset(&ends.opened, 0xa5, sizeof ends.opened);
	memset(ends.opened_payload, 0xa5, sizeof ends.opened_payload);
	ends.opened_size = 99;
	for (size_t bit = 0; bit < 8 * ends.first_size; bit++) {
		memcpy(&before, &ends, sizeof before);
		ends.first[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(accept_first(&ends), ERR_AUTHENTICATION);
		ends.first[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_memory_equal(&ends, &before, sizeof ends);
	}
	const size_t whole = ends.first_size;
	for (ends.first_size = 0; ends.first_size < NOISE_IK_FIRST_OVERHEAD; ends.first_size++)
		assert_int_equal(accept_first(&ends), ERR_TRUNCATED);
	for (; ends.first_size < whole + 20; ends.first_size++) {
		if (ends.first_size != whole)
			assert_int_equal(accept_first(&ends), ERR_AUTHENTICATION);
	}
	ends.first_size = whole;
	assert_memory_equal(&ends.opened, &before.opened, sizeof ends.opened);
	assert_int_equal(accept_first(&ends), ERR_OK);
}

static void tampered_second(void **state) {
	struct ends ends, before;
	reach_second(&ends);
	memset(&ends.initiators, 0xa5, sizeof ends.initiators);
	for (size_t bit = 0; bit < 8 * ends.second_size; bit++) {
		memcpy(&before, &ends, sizeof before);
		ends.second[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(finish(&ends), ERR_AUTHENTICATION);
		ends.second[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_memory_equal(&ends, &before, sizeof ends);
	}
	const size_t whole = ends.second_size;
	for (ends.second_size = 0; ends.second_size < whole + 20; ends.second_size++) {
		enum err expected = ends.second_size < NOISE_IK_SECOND_OVERHEAD ? ERR_TRUNCATED
							: ends.second_size == whole                 ? ERR_OK
																		: ERR_AUTHENTICATION;
		assert_int_equal(finish(&ends), expected);
	}
}

static void other_prologue_other_responder(void **state) {
	struct ends ends;
	ends_init(&ends);
	assert_int_equal(initiate(&ends), ERR_OK);
	ends.prologue = slice_of_text("prologuf");
	assert_int_equal(accept_first(&ends), ERR_AUTHENTICATION);
	ends.prologue = slice_of_text("prologue");
	uint8_t key[X25519_KEY_SIZE];
	random_fill(&ends.random, key, sizeof key);
	assert_int_equal(noise_ik_identity_init(&ends.responder, key), ERR_OK);
	assert_int_equal(accept_first(&ends), ERR_AUTHENTICATION);
}

/*
 * Who knows a public key, but not its private half, and says it is his: all he computes is right,
 * up to the shared secret of the static keys, for which he has none. Everything else opens.
 */
static void impostor(void **state) {
	struct ends ends;
	ends_init(&ends);
	uint8_t key[X25519_KEY_SIZE];
	struct noise_ik_identity other;
	random_fill(&ends.random, key, sizeof key);
	assert_int_equal(noise_ik_identity_init(&other, key), ERR_OK);
	memcpy(ends.initiator.public_key, other.public_key, X25519_KEY_SIZE);
	assert_int_equal(initiate(&ends), ERR_OK);
	assert_int_equal(accept_first(&ends), ERR_AUTHENTICATION);
}

/* The second message to one first does not finish another one. */
static void answer_to_another(void **state) {
	struct ends ends;
	reach_second(&ends);
	assert_int_equal(initiate(&ends), ERR_OK);
	assert_int_equal(finish(&ends), ERR_AUTHENTICATION);
}

/*
 * Points of low order, whose shared secret everybody knows: not as a responder's key, not as an
 * ephemeral one, and not as a static one that is sealed by somebody who plays by the rules else.
 */
static void low_order(void **state) {
	struct ends ends;
	const uint8_t points[][X25519_KEY_SIZE] = {
		{0},
		{1},
		{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
		 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
		 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
	};
	for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
		reach_second(&ends);
		memcpy(ends.first, points[i], X25519_KEY_SIZE);
		assert_int_equal(accept_first(&ends), ERR_AUTHENTICATION);
		memcpy(ends.second, points[i], X25519_KEY_SIZE);
		assert_int_equal(finish(&ends), ERR_AUTHENTICATION);

		memcpy(ends.initiator.public_key, points[i], X25519_KEY_SIZE);
		assert_int_equal(initiate(&ends), ERR_OK);
		memset(ends.opened_payload, 0xa5, sizeof ends.opened_payload);
		assert_int_equal(accept_first(&ends), ERR_AUTHENTICATION);
		assert_int_equal(ends.opened_payload[0], 0xa5);

		memcpy(ends.responder.public_key, points[i], X25519_KEY_SIZE);
		assert_int_equal(initiate(&ends), ERR_CRYPTO);
	}
}

/*
 * A stranger who knows both secrets: zeros for an ephemeral key of low order, and for the base
 * point as his static key the responder's public key. Nothing of his may open all the same.
 */
static void known_key_of_low_order(void **state) {
	struct ends ends;
	ends_init(&ends);
	const uint8_t zeros[X25519_KEY_SIZE] = {0}, s[X25519_KEY_SIZE] = {9};
	const char *name = "Noise_IK_25519_ChaChaPoly_SHA256";
	struct noise noise;
	uint8_t *at = ends.first;
	assert_int_equal(noise_init(&noise, HASH_SHA256, slice_of_text(name)), ERR_OK);
	assert_int_equal(noise_mix_hash(&noise, ends.prologue), ERR_OK);
	assert_int_equal(noise_mix_hash(&noise, slice_of(ends.responder.public_key, 32)), ERR_OK);
	assert_int_equal(noise_mix_hash(&noise, slice_of(zeros, 32)), ERR_OK);
	assert_int_equal(noise_mix_key(&noise, slice_of(zeros, 32)), ERR_OK);
	memcpy(at, zeros, sizeof zeros);
	assert_int_equal(noise_seal(&noise, s, sizeof s, at + 32), ERR_OK);
	assert_int_equal(noise_mix_key(&noise, slice_of(ends.responder.public_key, 32)), ERR_OK);
	assert_int_equal(noise_seal(&noise, "evil", 4, at + 32 + 48), ERR_OK);
	ends.first_size = NOISE_IK_FIRST_OVERHEAD + 4;
	assert_int_equal(accept_first(&ends), ERR_AUTHENTICATION);
	const uint8_t nothing[4] = {0};
	assert_memory_equal(ends.opened_payload, nothing, 4);
}

static void rooms(void **state) {
	struct ends ends;
	reach_second(&ends);
	size_t size = 99;
	const size_t first = NOISE_IK_FIRST_OVERHEAD + ends.payload.size;
	const size_t second = NOISE_IK_SECOND_OVERHEAD + ends.payload.size;
	assert_int_equal(noise_ik_initiate(&ends.initiator, ends.responder.public_key, ends.prologue,
									   &ends.random, ends.payload, ends.first, first - 1, &size,
									   &ends.pending),
					 ERR_LIMIT);
	assert_int_equal(noise_ik_accept(&ends.responder, ends.prologue,
									 slice_of(ends.first, ends.first_size), ends.opened_payload,
									 ends.payload.size - 1, &size, &ends.opened),
					 ERR_LIMIT);
	assert_int_equal(noise_ik_respond(&ends.opened, &ends.random, ends.payload, ends.second,
									  second - 1, &size, &ends.responders),
					 ERR_LIMIT);
	assert_int_equal(noise_ik_finish(&ends.initiator, &ends.pending,
									 slice_of(ends.second, ends.second_size), ends.opened_payload,
									 ends.payload.size - 1, &size, &ends.initiators),
					 ERR_LIMIT);
	assert_int_equal(size, 99);
	assert_int_equal(finish(&ends), ERR_OK);
}

static void identities(void **state) {
	const uint8_t zeros[X25519_KEY_SIZE] = {0};
	uint8_t key[X25519_KEY_SIZE];
	struct noise_ik_identity identity = {.private_key = {7}};
	assert_int_equal(noise_ik_identity_init(&identity, zeros), ERR_INVALID);
	assert_int_equal(identity.private_key[0], 7);
	memset(key, 0xff, sizeof key);
	assert_int_equal(noise_ik_identity_init(&identity, key), ERR_OK);
	assert_int_equal(identity.private_key[0], 0xf8);
	assert_int_equal(identity.private_key[31], 0x7f);
}

static void load_key(const json_t *vector, const char *name, uint8_t out_key[static 32]) {
	auto_free uint8_t *key = hex_new(vector_text(vector, name));
	assert_int_equal(strlen(vector_text(vector, name)), 64);
	memcpy(out_key, key, X25519_KEY_SIZE);
}

static const char *message_text(const json_t *vector, size_t index, const char *name) {
	return vector_text(json_array_get(json_object_get(vector, "messages"), index), name);
}

/* Payload and bytes of a message, of which out_message is to get the same. */
static void check_message(const struct ends *ends, const json_t *vector, size_t index,
						  const uint8_t *message, size_t size) {
	hex_assert_equal(message, size, message_text(vector, index, "ciphertext"));
	hex_assert_equal(ends->opened_payload, ends->opened_size,
					 message_text(vector, index, "payload"));
}

static void check_transport(const struct ends *ends, const json_t *vector) {
	size_t count = json_array_size(json_object_get(vector, "messages"));
	assert_true(count > 2);
	for (size_t i = 2; i < count; i++) {
		const char *text = message_text(vector, i, "payload");
		auto_free uint8_t *payload = hex_new(text);
		const uint8_t *key = i % 2 == 0 ? ends->initiators.initiator : ends->initiators.responder;
		uint8_t sealed[256];
		size_t size = strlen(text) / 2;
		assert_int_equal(aead_seal(key, (i - 2) / 2, NULL, 0, payload, size, sealed), ERR_OK);
		hex_assert_equal(sealed, size + AEAD_TAG_SIZE, message_text(vector, i, "ciphertext"));
	}
}

static void check_vector(const json_t *vector) {
	struct ends ends;
	uint8_t key[X25519_KEY_SIZE], ephemerals[2][X25519_KEY_SIZE];
	ends_init(&ends);
	load_key(vector, "init_static", key);
	assert_int_equal(noise_ik_identity_init(&ends.initiator, key), ERR_OK);
	load_key(vector, "resp_static", key);
	assert_int_equal(noise_ik_identity_init(&ends.responder, key), ERR_OK);
	load_key(vector, "init_remote_static", key);
	assert_memory_equal(ends.responder.public_key, key, sizeof key);
	load_key(vector, "init_ephemeral", ephemerals[0]);
	load_key(vector, "resp_ephemeral", ephemerals[1]);
	auto_free uint8_t *prologue = hex_new(vector_text(vector, "init_prologue"));
	ends.prologue = slice_of(prologue, strlen(vector_text(vector, "init_prologue")) / 2);
	auto_free uint8_t *first = hex_new(message_text(vector, 0, "payload"));
	auto_free uint8_t *second = hex_new(message_text(vector, 1, "payload"));

	ends.random = (struct random_source){key_fill, ephemerals[0]};
	ends.payload = slice_of(first, strlen(message_text(vector, 0, "payload")) / 2);
	assert_int_equal(initiate(&ends), ERR_OK);
	assert_int_equal(accept_first(&ends), ERR_OK);
	check_message(&ends, vector, 0, ends.first, ends.first_size);
	ends.random.context = ephemerals[1];
	ends.payload = slice_of(second, strlen(message_text(vector, 1, "payload")) / 2);
	assert_int_equal(respond(&ends), ERR_OK);
	assert_int_equal(finish(&ends), ERR_OK);
	check_message(&ends, vector, 1, ends.second, ends.second_size);
	hex_assert_equal(ends.initiators.hash, HASH_SIZE, vector_text(vector, "handshake_hash"));
	assert_memory_equal(&ends.initiators, &ends.responders, sizeof ends.initiators);
	check_transport(&ends, vector);
}

static void collected_vectors(void **state) {
	json_t *root = vector_file_load("noise.json"), *vector;
	size_t index, count = 0;
	json_array_foreach(json_object_get(root, "vectors"), index, vector) {
		if (strcmp(vector_text(vector, "protocol_name"), "Noise_IK_25519_ChaChaPoly_SHA256") != 0)
			continue;
		check_vector(vector);
		count++;
	}
	assert_true(count >= 1);
	json_decref(root);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_handshake),
		cmocka_unit_test(tampered_first),
		cmocka_unit_test(tampered_second),
		cmocka_unit_test(other_prologue_other_responder),
		cmocka_unit_test(impostor),
		cmocka_unit_test(answer_to_another),
		cmocka_unit_test(low_order),
		cmocka_unit_test(known_key_of_low_order),
		cmocka_unit_test(rooms),
		cmocka_unit_test(identities),
		cmocka_unit_test(collected_vectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
