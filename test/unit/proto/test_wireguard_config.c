#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/wireguard_config.h"
#include "proto/wireguard_peer.h"

enum { PEERS = 200, STEPS = 20000 };

static struct wireguard_peer *new_peer(uint16_t number) {
	uint8_t key[X25519_KEY_SIZE] = {0};
	memcpy(key, &number, sizeof number);
	struct wireguard_peer *peer = wireguard_peer_new(key, 0);
	assert_non_null(peer);
	return peer;
}

static void assert_content(const struct wireguard_directory *directory,
						   struct wireguard_peer *const *peers, const bool *present) {
	size_t count = 0;
	for (size_t i = 0; i < PEERS; i++) {
		const uint8_t *key = peers[i]->control.public_key;
		assert_ptr_equal(wireguard_directory_find(directory, key), present[i] ? peers[i] : NULL);
		count += present[i];
	}
	assert_int_equal(directory->count, count);
	assert_true(directory->capacity >= 2 * count);
	assert_int_equal(directory->capacity & (directory->capacity - 1), 0);
}

/* Against a plain array; hash keys of all kinds of clusters. */
static void test_random(void **state) {
	static struct wireguard_peer *peers[PEERS];
	for (uint16_t i = 0; i < PEERS; i++)
		peers[i] = new_peer(i);
	uint32_t random = 1;
	for (uint64_t seed = 0; seed < 4; seed++) {
		const struct siphash_key hash_key = {{seed, ~seed}};
		bool present[PEERS] = {false};
		struct wireguard_directory *directory = wireguard_directory_new(&hash_key, 0);
		assert_non_null(directory);
		/* Grows and shrinks in waves. */
		for (int step = 0; step < STEPS / 4; step++) {
			random = random * 1664525 + 1013904223;
			size_t i = (random >> 8) % PEERS;
			bool adds = (random >> 24) % 8 < (step / 500 % 2 ? 2U : 6U);
			if (adds && !present[i])
				assert_int_equal(wireguard_directory_add(&directory, peers[i]), ERR_OK);
			else if (!adds)
				wireguard_directory_remove(directory, peers[i]);
			present[i] = adds;
			if (step % 50 == 0)
				assert_content(directory, peers, present);
		}
		assert_content(directory, peers, present);
		/* A copy stays as it was. */
		struct wireguard_directory *copy = wireguard_directory_copy(directory);
		assert_non_null(copy);
		bool before[PEERS];
		memcpy(before, present, sizeof before);
		for (size_t i = 0; i < PEERS; i++) {
			wireguard_directory_remove(directory, peers[i]);
			present[i] = false;
		}
		assert_content(directory, peers, present);
		assert_content(copy, peers, before);
		free(copy);
		free(directory);
	}
	for (size_t i = 0; i < PEERS; i++)
		wireguard_peer_free(peers[i]);
	wireguard_peer_free(NULL);
}

/* Another peer of the same key is not the one that is there. */
static void test_remove_another(void **state) {
	const struct siphash_key hash_key = {{1, 2}};
	struct wireguard_directory *directory = wireguard_directory_new(&hash_key, 100);
	assert_true(directory->capacity >= 200);
	struct wireguard_peer *peer = new_peer(5), *twin = new_peer(5);
	assert_int_equal(wireguard_directory_add(&directory, peer), ERR_OK);
	wireguard_directory_remove(directory, twin);
	assert_int_equal(directory->count, 1);
	assert_ptr_equal(wireguard_directory_find(directory, twin->control.public_key), peer);
	free(directory);
	wireguard_peer_free(peer);
	wireguard_peer_free(twin);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_remove_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
