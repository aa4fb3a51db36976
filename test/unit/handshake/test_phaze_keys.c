#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto/x25519.h"
#include "handshake/phaze_keys.h"

#include "../../vectors/phaze_vectors.h"

enum {
	VECTORS = sizeof phaze_vectors / sizeof *phaze_vectors,
	REKEYS = sizeof phaze_rekey_vectors / sizeof *phaze_rekey_vectors,
};

static const uint8_t *hello_of(const struct phaze_vector *v) {
	return v->with_cookie ? v->second : v->first;
}

/* All that is derived, as another implementation has it. */
static void handshakes_known_answers(void **state) {
	for (size_t i = 0; i < VECTORS; i++) {
		const struct phaze_vector *v = &phaze_vectors[i];
		uint8_t early[PHAZE_SECRET_SIZE], transcript[HASH_SIZE], resume[PHAZE_SECRET_SIZE];
		uint8_t psk[PHAZE_SECRET_SIZE];
		struct phaze_handshake_keys keys;
		struct phaze_traffic_keys traffic;
		struct slice parts[4];
		phaze_hello_parts(hello_of(v), PHAZE_CLIENT_HELLO_SIZE, parts);
		phaze_hello_parts(v->server_flight.data, PHAZE_SERVER_HELLO_SIZE, parts + 2);
		const struct phaze_said said[] = {
			phaze_keys_said(PHAZE_CLIENT_HELLO, parts[1].size, parts[1]),
			phaze_keys_said(PHAZE_SERVER_HELLO, parts[3].size, parts[3])};
		assert_memory_equal(said[0].head, parts[0].data, sizeof said[0].head);
		assert_int_equal(phaze_keys_transcript(said, 2, transcript), ERR_OK);
		assert_memory_equal(transcript, v->t1, sizeof v->t1);
		assert_int_equal(phaze_keys_early(v->resumed ? v->old_psk : NULL, early), ERR_OK);
		assert_memory_equal(early, v->early, sizeof early);
		assert_int_equal(phaze_keys_handshake(early, v->shared, v->t1, &keys), ERR_OK);
		assert_memory_equal(keys.client, v->client_hs, sizeof keys.client);
		assert_memory_equal(keys.server, v->server_hs, sizeof keys.server);
		assert_int_equal(phaze_keys_master(keys.secret, v->t2, &traffic, resume), ERR_OK);
		assert_memory_equal(traffic.client, v->client_data, sizeof traffic.client);
		assert_memory_equal(traffic.server, v->server_data, sizeof traffic.server);
		assert_memory_equal(traffic.rekey, v->rekey, sizeof traffic.rekey);
		if (v->gives_ticket) {
			assert_int_equal(phaze_keys_ticket(resume, v->ticket_id, psk), ERR_OK);
			assert_memory_equal(psk, v->ticket_psk, sizeof psk);
		}
	}
}

/* Of a hello whose binder is not there yet. */
static void binders_known_answers(void **state) {
	for (size_t i = 0; i < VECTORS; i++) {
		const struct phaze_vector *v = &phaze_vectors[i];
		uint8_t early[PHAZE_SECRET_SIZE], binder[PHAZE_BINDER_SIZE];
		uint8_t hello[PHAZE_CLIENT_HELLO_SIZE];
		const size_t before = sizeof hello - sizeof binder;
		if (!v->has_ticket)
			continue;
		memset(hello, 0xee, sizeof hello);
		memcpy(hello, hello_of(v), before);
		assert_int_equal(phaze_keys_early(v->old_psk, early), ERR_OK);
		assert_int_equal(phaze_keys_binder(early, hello, binder), ERR_OK);
		assert_memory_equal(binder, hello_of(v) + before, sizeof binder);
		hello[before - 1] ^= 1;
		assert_int_equal(phaze_keys_binder(early, hello, binder), ERR_OK);
		assert_memory_not_equal(binder, hello_of(v) + before, sizeof binder);
	}
}

static void rekeys_known_answers(void **state) {
	for (size_t i = 0; i < REKEYS; i++) {
		const struct phaze_rekey_vector *v = &phaze_rekey_vectors[i];
		struct phaze_traffic_keys keys;
		assert_memory_equal(v->before, i == 0 ? phaze_vectors[0].rekey : v[-1].after, 32);
		assert_int_equal(phaze_keys_rekey(v->before, v->shared, v->init, v->answer, &keys), ERR_OK);
		assert_memory_equal(keys.client, v->client_data, sizeof keys.client);
		assert_memory_equal(keys.server, v->server_data, sizeof keys.server);
		assert_memory_equal(keys.rekey, v->after, sizeof keys.rekey);
	}
}

static void signed_content_is_as_specified(void **state) {
	uint8_t content[PHAZE_SIGNED_SIZE], transcript[HASH_SIZE];
	memset(transcript, 0x77, sizeof transcript);
	phaze_keys_signed(PHAZE_SERVER_AUTH, transcript, content);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(content[i], ' ');
	assert_memory_equal(content + 64, "phaze server\0\x77", 14);
	assert_memory_equal(content + 77, transcript, sizeof transcript);
	phaze_keys_signed(PHAZE_CLIENT_AUTH, transcript, content);
	assert_memory_equal(content + 64, "phaze client\0\x77", 14);
}

static void failures_write_nothing(void **state) {
	uint8_t digest[HASH_SIZE] = {7};
	struct phaze_said said[PHAZE_SAID_MAX + 1] = {0};
	enum aead_algorithm algorithm;
	assert_int_equal(phaze_keys_transcript(said, PHAZE_SAID_MAX + 1, digest), ERR_INVALID);
	assert_int_equal(digest[0], 7);
	assert_int_equal(phaze_keys_algorithm(0, &algorithm), ERR_UNSUPPORTED);
	assert_int_equal(phaze_keys_algorithm(3, &algorithm), ERR_UNSUPPORTED);
	assert_int_equal(phaze_keys_algorithm(PHAZE_CHACHA20_POLY1305, &algorithm), ERR_OK);
	assert_int_equal(algorithm, AEAD_CHACHA20_POLY1305);
	assert_int_equal(phaze_keys_algorithm(PHAZE_AES_256_GCM, &algorithm), ERR_OK);
	assert_int_equal(algorithm, AEAD_AES_256_GCM);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshakes_known_answers),
		cmocka_unit_test(binders_known_answers),
		cmocka_unit_test(rekeys_known_answers),
		cmocka_unit_test(signed_content_is_as_specified),
		cmocka_unit_test(failures_write_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
