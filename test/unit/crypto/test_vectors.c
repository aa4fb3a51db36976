#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/noise.h"
#include "crypto/x25519.h"
#include "hex.h"
#include "vector_file.h"

static bool has_result(const json_t *test, const char *result) {
	return strcmp(vector_text(test, "result"), result) == 0;
}

static long long number_of(const json_t *object, const char *key) {
	return (long long)json_integer_value(json_object_get(object, key));
}

/* Seals and opens one vector; a forged one must not open. */
static void check_aead(const struct aead_backend *backend, struct aead_worker *worker,
					   enum aead_algorithm algorithm, const json_t *test) {
	auto_free uint8_t *key_bytes = hex_new(vector_text(test, "key")), *nonce = NULL;
	auto_free uint8_t *plain = hex_new(vector_text(test, "msg"));
	auto_free uint8_t *associated_data = hex_new(vector_text(test, "aad"));
	size_t size = strlen(vector_text(test, "msg")) / 2;
	auto_free uint8_t *sealed = malloc(size + AEAD_TAG_SIZE), *out = malloc(size + AEAD_TAG_SIZE);
	auto_free uint8_t *text = hex_new(vector_text(test, "ct")),
					  *tag = hex_new(vector_text(test, "tag"));
	nonce = hex_new(vector_text(test, "iv"));
	assert_int_equal(strlen(vector_text(test, "ct")) / 2, size);
	assert_int_equal(strlen(vector_text(test, "tag")) / 2, AEAD_TAG_SIZE);
	memcpy(sealed, text, size);
	memcpy(sealed + size, tag, AEAD_TAG_SIZE);

	struct aead_key key;
	assert_int_equal(aead_key_init(&key, backend, algorithm, key_bytes), ERR_OK);
	struct aead_job job = {
		.key = &key,
		.source = sealed,
		.destination = out,
		.associated_data = associated_data,
		.associated_data_size = (uint32_t)(strlen(vector_text(test, "aad")) / 2),
		.size = (uint32_t)size,
	};
	memcpy(job.nonce, nonce, sizeof job.nonce);
	bool valid = has_result(test, "valid");
	aead_open_many(worker, &job, 1);
	if (job.ok != valid)
		fail_msg("vector %lld", number_of(test, "tcId"));
	if (valid) {
		assert_memory_equal(out, plain, size);
		job.source = plain;
		assert_int_equal(aead_seal_many(worker, &job, 1), ERR_OK);
		assert_memory_equal(out, sealed, size + AEAD_TAG_SIZE);
	}
	aead_key_done(&key);
}

/* Only what the interface can say: 256-bit keys, 96-bit nonces. */
static void check_aead_file(const char *name, const char *backend_name,
							enum aead_algorithm algorithm, size_t expected_count) {
	const struct aead_backend *backend = aead_backend_find(backend_name);
	if (backend == NULL) {
		print_message("this machine or build has no %s\n", backend_name);
		skip();
	}
	json_t *root = vector_file_load(name);
	struct aead_worker *worker;
	assert_int_equal(aead_worker_new(backend, &worker), ERR_OK);
	size_t group_index, test_index, count = 0;
	json_t *group, *test;
	json_array_foreach(json_object_get(root, "testGroups"), group_index, group) {
		if (number_of(group, "ivSize") != 8 * AEAD_NONCE_SIZE ||
			number_of(group, "keySize") != 8 * AEAD_KEY_SIZE)
			continue;
		assert_int_equal(number_of(group, "tagSize"), 8 * AEAD_TAG_SIZE);
		json_array_foreach(json_object_get(group, "tests"), test_index, test) {
			check_aead(backend, worker, algorithm, test);
			count++;
		}
	}
	assert_true(count >= expected_count);
	aead_worker_free(worker);
	json_decref(root);
}

static const char chacha_file[] = "wycheproof_chacha20_poly1305_test.json";
static const char gcm_file[] = "wycheproof_aes_gcm_test.json";

static void test_chacha_openssl(void **state) {
	check_aead_file(chacha_file, "openssl", AEAD_CHACHA20_POLY1305, 316);
}

static void test_chacha_ipsec_mb(void **state) {
	check_aead_file(chacha_file, "ipsec-mb", AEAD_CHACHA20_POLY1305, 316);
}

static void test_gcm_openssl(void **state) {
	check_aead_file(gcm_file, "openssl", AEAD_AES_256_GCM, 66);
}

static void test_gcm_ipsec_mb(void **state) {
	check_aead_file(gcm_file, "ipsec-mb", AEAD_AES_256_GCM, 66);
}

static void check_hkdf(const json_t *test) {
	auto_free uint8_t *ikm = hex_new(vector_text(test, "ikm")),
					  *salt = hex_new(vector_text(test, "salt"));
	auto_free uint8_t *info = hex_new(vector_text(test, "info"));
	size_t size = (size_t)number_of(test, "size");
	auto_free uint8_t *okm = malloc(size);
	enum err error = hash_hkdf(HASH_SHA256, slice_of(salt, strlen(vector_text(test, "salt")) / 2),
							   slice_of(ikm, strlen(vector_text(test, "ikm")) / 2),
							   slice_of(info, strlen(vector_text(test, "info")) / 2), okm, size);
	if (has_result(test, "valid")) {
		assert_int_equal(error, ERR_OK);
		hex_assert_equal(okm, size, vector_text(test, "okm"));
	} else {
		assert_int_equal(error, ERR_INVALID);
	}
}

static void check_x25519(const json_t *test) {
	static const uint8_t zero[X25519_KEY_SIZE];
	auto_free uint8_t *private_key = hex_new(vector_text(test, "private"));
	auto_free uint8_t *public_key = hex_new(vector_text(test, "public"));
	auto_free uint8_t *expected = hex_new(vector_text(test, "shared"));
	uint8_t shared[X25519_KEY_SIZE];
	enum err error = x25519_shared(private_key, public_key, shared);
	if (memcmp(expected, zero, sizeof zero) == 0) {
		assert_int_equal(error, ERR_CRYPTO);
		return;
	}
	if (error != ERR_OK)
		fail_msg("vector %lld", number_of(test, "tcId"));
	assert_memory_equal(shared, expected, sizeof shared);
}

static void check_file(const char *name, void (*check)(const json_t *test), size_t expected_count) {
	json_t *root = vector_file_load(name);
	size_t group_index, test_index, count = 0;
	json_t *group, *test;
	json_array_foreach(json_object_get(root, "testGroups"), group_index, group) {
		json_array_foreach(json_object_get(group, "tests"), test_index, test) {
			check(test);
			count++;
		}
	}
	assert_true(count >= expected_count);
	json_decref(root);
}

static void test_hkdf(void **state) {
	check_file("wycheproof_hkdf_sha256_test.json", check_hkdf, 86);
}

static void test_x25519(void **state) {
	check_file("wycheproof_x25519_test.json", check_x25519, 518);
}

/* The handshake patterns of the vectors, as section 7 of the Noise specification writes them. */
struct pattern {
	const char *name;
	const char *initiator_knows; /* "s": the responder's static key, before the first message */
	const char *messages[4];     /* the initiator's first */
};

static const struct pattern patterns[] = {
	{"NK", "s", {"e es", "e ee"}},
	{"XX", "", {"e", "e ee s es", "s se"}},
	{"IK", "s", {"e es s ss", "e ee se"}},
	{"IKpsk2", "s", {"e es s ss", "e ee se psk"}},
};

struct party {
	struct noise noise;
	bool is_initiator;
	const struct pattern *pattern;
	uint8_t psk[HASH_SIZE];
	/* [0] ephemeral, [1] static */
	uint8_t privates[2][X25519_KEY_SIZE], publics[2][X25519_KEY_SIZE], remotes[2][X25519_KEY_SIZE];
};

static const struct pattern *pattern_find(const char *protocol_name,
										  enum hash_algorithm *out_hash) {
	char name[16], hash[16];
	assert_int_equal(sscanf(protocol_name, "Noise_%15[^_]_25519_ChaChaPoly_%15s", name, hash), 2);
	assert_true(strcmp(hash, "BLAKE2s") == 0 || strcmp(hash, "SHA256") == 0);
	*out_hash = strcmp(hash, "BLAKE2s") == 0 ? HASH_BLAKE2S : HASH_SHA256;
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		if (strcmp(name, patterns[i].name) == 0)
			return &patterns[i];
	}
	fail_msg("no pattern %s", name);
	return NULL;
}

static void mix_key_dh(struct party *party, size_t ours, size_t theirs) {
	uint8_t shared[X25519_KEY_SIZE];
	assert_int_equal(x25519_shared(party->privates[ours], party->remotes[theirs], shared), ERR_OK);
	assert_int_equal(noise_mix_key(&party->noise, slice_of(shared, sizeof shared)), ERR_OK);
}

/* "es": the initiator's e with the responder's s. */
static void token_dh(struct party *party, const char *token) {
	size_t initiators = token[0] == 's', responders = token[1] == 's';
	if (party->is_initiator)
		mix_key_dh(party, initiators, responders);
	else
		mix_key_dh(party, responders, initiators);
}

/* A public key that crosses the wire: e in clear, s sealed once there is a key. */
static size_t token_key(struct party *party, bool writes, size_t which, uint8_t *wire) {
	size_t size = X25519_KEY_SIZE;
	if (which == 1) {
		enum err error = writes ? noise_seal(&party->noise, party->publics[1], size, wire)
								: noise_open(&party->noise, wire, size, party->remotes[1]);
		assert_int_equal(error, ERR_OK);
		return size + (party->noise.has_key ? AEAD_TAG_SIZE : 0);
	}
	if (writes)
		memcpy(wire, party->publics[0], size);
	else
		memcpy(party->remotes[0], wire, size);
	assert_int_equal(noise_mix_hash(&party->noise, slice_of(wire, size)), ERR_OK);
	if (strstr(party->pattern->name, "psk") != NULL)
		assert_int_equal(noise_mix_key(&party->noise, slice_of(wire, size)), ERR_OK);
	return size;
}

/* Runs a message's tokens as writer or reader; returns how many bytes precede the payload. */
static size_t run_tokens(struct party *party, bool writes, const char *tokens, uint8_t *wire) {
	char copy[32], *rest = NULL;
	size_t at = 0;
	(void)snprintf(copy, sizeof copy, "%s", tokens);
	for (char *token = strtok_r(copy, " ", &rest); token; token = strtok_r(NULL, " ", &rest)) {
		if (strcmp(token, "psk") == 0)
			assert_int_equal(noise_mix_key_and_hash(&party->noise, slice_of(party->psk, 32)),
							 ERR_OK);
		else if (strlen(token) == 2)
			token_dh(party, token);
		else
			at += token_key(party, writes, token[0] == 's', wire + at);
	}
	return at;
}

static void load_key(const json_t *vector, const char *side, const char *name, uint8_t *out_key) {
	char member[32];
	(void)snprintf(member, sizeof member, "%s_%s", side, name);
	if (json_object_get(vector, member) == NULL)
		return;
	auto_free uint8_t *key = hex_new(vector_text(vector, member));
	memcpy(out_key, key, X25519_KEY_SIZE);
}

static void party_init(struct party *party, const json_t *vector, bool is_initiator) {
	const char *side = is_initiator ? "init" : "resp", *name = vector_text(vector, "protocol_name");
	enum hash_algorithm hash;
	char member[32];
	memset(party, 0, sizeof *party);
	party->is_initiator = is_initiator;
	party->pattern = pattern_find(name, &hash);
	load_key(vector, side, "ephemeral", party->privates[0]);
	load_key(vector, side, "static", party->privates[1]);
	load_key(vector, side, "remote_static", party->remotes[1]);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(x25519_public(party->privates[i], party->publics[i]), ERR_OK);
	(void)snprintf(member, sizeof member, "%s_psks", side);
	const json_t *psk = json_array_get(json_object_get(vector, member), 0);
	if (psk != NULL) {
		auto_free uint8_t *bytes = hex_new(json_string_value(psk));
		memcpy(party->psk, bytes, sizeof party->psk);
	}
	assert_int_equal(noise_init(&party->noise, hash, slice_of_text(name)), ERR_OK);
	(void)snprintf(member, sizeof member, "%s_prologue", side);
	auto_free uint8_t *prologue = hex_new(vector_text(vector, member));
	struct slice whole = slice_of(prologue, strlen(vector_text(vector, member)) / 2);
	assert_int_equal(noise_mix_hash(&party->noise, whole), ERR_OK);
	if (strcmp(party->pattern->initiator_knows, "s") == 0) {
		const uint8_t *known = is_initiator ? party->remotes[1] : party->publics[1];
		assert_int_equal(noise_mix_hash(&party->noise, slice_of(known, X25519_KEY_SIZE)), ERR_OK);
	}
}

/* One handshake message from writer to reader, against the vector's bytes. */
static void check_handshake(struct party *writer, struct party *reader, const char *tokens,
							const char *payload_text, const char *expected) {
	uint8_t wire[512], opened[256];
	auto_free uint8_t *payload = hex_new(payload_text);
	size_t size = strlen(payload_text) / 2, at = run_tokens(writer, true, tokens, wire);
	assert_int_equal(noise_seal(&writer->noise, payload, size, wire + at), ERR_OK);
	hex_assert_equal(wire, at + size + (writer->noise.has_key ? AEAD_TAG_SIZE : 0), expected);

	assert_int_equal(run_tokens(reader, false, tokens, wire), at);
	assert_int_equal(noise_open(&reader->noise, wire + at, size, opened), ERR_OK);
	assert_memory_equal(opened, payload, size);
	assert_memory_equal(reader->noise.transcript, writer->noise.transcript, HASH_SIZE);
}

static void check_noise(const json_t *vector) {
	struct party parties[2];
	party_init(&parties[0], vector, true);
	party_init(&parties[1], vector, false);
	const char *const *messages = parties[0].pattern->messages;
	const json_t *list = json_object_get(vector, "messages");
	size_t count = json_array_size(list), i = 0;
	for (; i < count && messages[i] != NULL; i++) {
		const json_t *message = json_array_get(list, i);
		check_handshake(&parties[i % 2], &parties[1 - i % 2], messages[i],
						vector_text(message, "payload"), vector_text(message, "ciphertext"));
	}
	for (size_t p = 0; p < 2; p++)
		hex_assert_equal(parties[p].noise.transcript, HASH_SIZE,
						 vector_text(vector, "handshake_hash"));

	assert_true(i < count);
	uint8_t keys[2][2][AEAD_KEY_SIZE];
	for (size_t p = 0; p < 2; p++)
		assert_int_equal(noise_split(&parties[p].noise, keys[p][0], keys[p][1]), ERR_OK);
	assert_memory_equal(keys[0], keys[1], sizeof keys[0]);
	uint64_t counters[2] = {0, 0};
	for (; i < count; i++) {
		const json_t *message = json_array_get(list, i);
		auto_free uint8_t *payload = hex_new(vector_text(message, "payload"));
		size_t size = strlen(vector_text(message, "payload")) / 2;
		uint8_t sealed[256];
		assert_int_equal(
			aead_seal(keys[0][i % 2], counters[i % 2]++, NULL, 0, payload, size, sealed), ERR_OK);
		hex_assert_equal(sealed, size + AEAD_TAG_SIZE, vector_text(message, "ciphertext"));
	}
}

static void test_noise(void **state) {
	json_t *root = vector_file_load("noise.json");
	size_t index, count = 0;
	json_t *vector;
	json_array_foreach(json_object_get(root, "vectors"), index, vector) {
		check_noise(vector);
		count++;
	}
	assert_true(count >= 4);
	json_decref(root);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chacha_openssl), cmocka_unit_test(test_chacha_ipsec_mb),
		cmocka_unit_test(test_gcm_openssl),    cmocka_unit_test(test_gcm_ipsec_mb),
		cmocka_unit_test(test_hkdf),           cmocka_unit_test(test_x25519),
		cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
