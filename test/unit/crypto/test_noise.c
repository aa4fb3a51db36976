#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/noise.h"

/* The rules of the symmetric state one by one; whole handshakes are in test_vectors.c. */

static const char short_name[] = "Noise_IK_25519_ChaChaPoly_SHA256"; /* 32 bytes */
static const char long_name[] = "Noise_IK_25519_ChaChaPoly_BLAKE2s";

static void begin(struct noise *out_noise) {
	assert_int_equal(noise_init(out_noise, HASH_BLAKE2S, slice_of_text(long_name)), ERR_OK);
}

/* Section 5.2: a name of up to 32 bytes is padded with zeros, a longer one hashed; ck = h. */
static void test_init(void **state) {
	struct noise noise;
	uint8_t expected[HASH_SIZE] = {0};
	assert_int_equal(noise_init(&noise, HASH_SHA256, slice_of_text("short")), ERR_OK);
	memcpy(expected, "short", 5);
	assert_memory_equal(noise.transcript, expected, HASH_SIZE);
	assert_memory_equal(noise.chaining_key, expected, HASH_SIZE);
	assert_false(noise.has_key);

	assert_int_equal(noise_init(&noise, HASH_SHA256, slice_of_text(short_name)), ERR_OK);
	assert_memory_equal(noise.transcript, short_name, HASH_SIZE);

	begin(&noise);
	struct slice name = slice_of_text(long_name);
	assert_int_equal(hash_digest(HASH_BLAKE2S, &name, 1, expected), ERR_OK);
	assert_memory_equal(noise.transcript, expected, HASH_SIZE);
	assert_memory_equal(noise.chaining_key, expected, HASH_SIZE);
}

static void test_mix_hash(void **state) {
	struct noise noise, parts;
	uint8_t expected[HASH_SIZE];
	begin(&noise);
	begin(&parts);
	struct slice both[] = {slice_of(parts.transcript, HASH_SIZE), slice_of_text("data")};
	assert_int_equal(hash_digest(HASH_BLAKE2S, both, 2, expected), ERR_OK);
	assert_int_equal(noise_mix_hash(&noise, slice_of_text("data")), ERR_OK);
	assert_memory_equal(noise.transcript, expected, HASH_SIZE);
	assert_memory_equal(noise.chaining_key, parts.chaining_key, HASH_SIZE);
}

/* Section 4.3, spelled out: temp = HMAC(ck, input), outputs chained by one counting byte. */
static void noise_hkdf(const struct noise *noise, struct slice input, uint8_t out_keys[3][32]) {
	uint8_t temporary[HASH_SIZE];
	assert_int_equal(
		hash_hmac(noise->hash, slice_of(noise->chaining_key, HASH_SIZE), &input, 1, temporary),
		ERR_OK);
	for (uint8_t i = 0; i < 3; i++) {
		uint8_t number = (uint8_t)(i + 1);
		struct slice parts[] = {slice_of(i > 0 ? out_keys[i - 1] : NULL, i > 0 ? HASH_SIZE : 0),
								slice_of(&number, 1)};
		assert_int_equal(
			hash_hmac(noise->hash, slice_of(temporary, HASH_SIZE), parts, 2, out_keys[i]), ERR_OK);
	}
}

static void test_mix_key(void **state) {
	for (int hash = HASH_BLAKE2S; hash <= HASH_SHA256; hash++) {
		struct noise noise, before;
		uint8_t keys[3][32], expected[HASH_SIZE];
		assert_int_equal(noise_init(&noise, (enum hash_algorithm)hash, slice_of_text(long_name)),
						 ERR_OK);
		before = noise;
		noise.counter = 9;
		noise_hkdf(&before, slice_of_text("input"), keys);
		assert_int_equal(noise_mix_key(&noise, slice_of_text("input")), ERR_OK);
		assert_memory_equal(noise.chaining_key, keys[0], HASH_SIZE);
		assert_memory_equal(noise.key, keys[1], AEAD_KEY_SIZE);
		assert_memory_equal(noise.transcript, before.transcript, HASH_SIZE);
		assert_true(noise.has_key && noise.counter == 0);

		before = noise;
		noise.counter = 9;
		noise_hkdf(&before, slice_of_text("psk"), keys);
		assert_int_equal(noise_mix_key_and_hash(&noise, slice_of_text("psk")), ERR_OK);
		assert_memory_equal(noise.chaining_key, keys[0], HASH_SIZE);
		assert_memory_equal(noise.key, keys[2], AEAD_KEY_SIZE);
		assert_int_equal(noise.counter, 0);
		struct slice parts[] = {slice_of(before.transcript, HASH_SIZE), slice_of(keys[1], 32)};
		assert_int_equal(hash_digest(noise.hash, parts, 2, expected), ERR_OK);
		assert_memory_equal(noise.transcript, expected, HASH_SIZE);

		uint8_t first[32], second[32];
		noise_hkdf(&noise, slice_of(NULL, 0), keys);
		assert_int_equal(noise_split(&noise, first, second), ERR_OK);
		assert_memory_equal(first, keys[0], 32);
		assert_memory_equal(second, keys[1], 32);
	}
}

/* Without a key the text goes through as it is, and into the transcript. */
static void test_plain(void **state) {
	struct noise noise, mixed;
	uint8_t out[8] = {0};
	begin(&noise);
	mixed = noise;
	assert_int_equal(noise_seal(&noise, "text", 4, out), ERR_OK);
	assert_memory_equal(out, "text\0\0\0", 8);
	assert_int_equal(noise_mix_hash(&mixed, slice_of_text("text")), ERR_OK);
	assert_memory_equal(&noise, &mixed, sizeof noise);

	begin(&noise);
	memset(out, 0, sizeof out);
	assert_int_equal(noise_open(&noise, (const uint8_t *)"text", 4, out), ERR_OK);
	assert_memory_equal(out, "text\0\0\0", 8);
	assert_memory_equal(&noise, &mixed, sizeof noise);
	assert_int_equal(noise_seal(&noise, NULL, 0, NULL), ERR_OK);
	assert_int_equal(noise_open(&mixed, NULL, 0, NULL), ERR_OK);
	assert_memory_equal(&noise, &mixed, sizeof noise);
}

static void test_sealed(void **state) {
	struct noise sender, receiver;
	begin(&sender);
	assert_int_equal(noise_mix_key(&sender, slice_of_text("secret")), ERR_OK);
	receiver = sender;
	for (uint64_t counter = 0; counter < 3; counter++) {
		uint8_t sealed[5 + AEAD_TAG_SIZE], expected[sizeof sealed], opened[5] = {0};
		assert_int_equal(sender.counter, counter);
		assert_int_equal(
			aead_seal(sender.key, counter, sender.transcript, HASH_SIZE, "hello", 5, expected),
			ERR_OK);
		assert_int_equal(noise_seal(&sender, "hello", 5, sealed), ERR_OK);
		assert_memory_equal(sealed, expected, sizeof sealed);

		/* A forged message leaves everything as it was. */
		const struct noise before = receiver;
		for (size_t at = 0; at < sizeof sealed; at += 5) {
			sealed[at] ^= 4;
			assert_int_equal(noise_open(&receiver, sealed, 5, opened), ERR_AUTHENTICATION);
			sealed[at] ^= 4;
		}
		assert_memory_equal(&receiver, &before, sizeof before);
		assert_memory_equal(opened, "\0\0\0\0\0", 5);
		assert_int_equal(noise_open(&receiver, sealed, 5, opened), ERR_OK);
		assert_memory_equal(opened, "hello", 5);
		assert_memory_equal(&receiver, &sender, sizeof sender);
	}
	/* In place: the transcript takes the sealed bytes, not the text that replaces them. */
	uint8_t buffer[5 + AEAD_TAG_SIZE] = "hello";
	assert_int_equal(noise_seal(&sender, buffer, 5, buffer), ERR_OK);
	assert_int_equal(noise_open(&receiver, buffer, 5, buffer), ERR_OK);
	assert_memory_equal(buffer, "hello", 5);
	assert_memory_equal(&receiver, &sender, sizeof sender);
}

/* Section 5.1: the last counter is never used for a message. */
static void test_counter_end(void **state) {
	struct noise noise;
	uint8_t buffer[1 + AEAD_TAG_SIZE] = {7}, opened = 7;
	begin(&noise);
	assert_int_equal(noise_mix_key(&noise, slice_of_text("secret")), ERR_OK);
	noise.counter = UINT64_MAX - 1;
	struct noise other = noise;
	assert_int_equal(noise_seal(&noise, "x", 1, buffer), ERR_OK);
	assert_int_equal(noise_open(&other, buffer, 1, &opened), ERR_OK);
	other = noise;
	assert_int_equal(noise_seal(&noise, "x", 1, buffer), ERR_LIMIT);
	assert_int_equal(noise_open(&noise, buffer, 1, &opened), ERR_LIMIT);
	assert_memory_equal(&noise, &other, sizeof noise);
}

/* Section 4.2's REKEY. */
static void test_rekey(void **state) {
	uint8_t key[AEAD_KEY_SIZE] = {1, 2, 3}, zeros[AEAD_KEY_SIZE] = {0};
	uint8_t sealed[AEAD_KEY_SIZE + AEAD_TAG_SIZE];
	assert_int_equal(aead_seal(key, UINT64_MAX, NULL, 0, zeros, sizeof zeros, sealed), ERR_OK);
	assert_int_equal(noise_rekey(key), ERR_OK);
	assert_memory_equal(key, sealed, AEAD_KEY_SIZE);
}

static void test_wipe(void **state) {
	static const struct noise zero;
	struct noise noise;
	begin(&noise);
	noise_wipe(&noise);
	assert_memory_equal(&noise, &zero, sizeof zero);
	noise_wipe(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),    cmocka_unit_test(test_mix_hash),
		cmocka_unit_test(test_mix_key), cmocka_unit_test(test_plain),
		cmocka_unit_test(test_sealed),  cmocka_unit_test(test_counter_end),
		cmocka_unit_test(test_rekey),   cmocka_unit_test(test_wipe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
