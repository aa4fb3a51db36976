#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto/x25519.h"
#include "proto/stream_protocol.h"

/* A client and a server of the first protocol of streams that there is. */

#define NOW UINT64_C(1700000000000)

static void counted_fill(void *context, void *out_data, size_t size) {
	uint8_t *seed = context, *bytes = out_data;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(*seed + i);
	(*seed)++;
}

struct scene {
	uint8_t seed;
	struct random_source random;
	const struct stream_protocol *protocol;
	struct stream_identity *client, *server;
	uint8_t client_key[X25519_KEY_SIZE], server_key[X25519_KEY_SIZE]; /* public */
	uint8_t exporter[STREAM_EXPORTER_SIZE];
	struct allowed *allowed;
	struct seen *seen;
	struct stream_judge judge;
	struct stream_pending pending;
	char text[STREAM_TEXT_SIZE_MAX];
	struct stream_admitted admitted;
};

static void identity(struct scene *scene, struct stream_identity **out_identity,
					 uint8_t out_public[static X25519_KEY_SIZE]) {
	uint8_t key[X25519_KEY_SIZE];
	random_fill(&scene->random, key, sizeof key);
	assert_int_equal(scene->protocol->identity_new(key, out_identity), ERR_OK);
	assert_int_equal(x25519_public(key, out_public), ERR_OK);
}

static int set_up(void **state) {
	static struct scene scene;
	struct allowed_client alice = {.name = "alice"};
	memset(&scene, 0, sizeof scene);
	scene.random = (struct random_source){counted_fill, &scene.seed};
	scene.protocol = stream_protocol_find("phantom");
	assert_non_null(scene.protocol);
	identity(&scene, &scene.client, scene.client_key);
	identity(&scene, &scene.server, scene.server_key);
	memcpy(alice.public_key, scene.client_key, sizeof alice.public_key);
	memset(scene.exporter, 7, sizeof scene.exporter);
	assert_int_equal(allowed_new(&alice, 1, &scene.random, NULL, &scene.allowed), ERR_OK);
	assert_int_equal(seen_new(&scene.random, &scene.seen), ERR_OK);
	scene.judge = (struct stream_judge){scene.server, scene.allowed, scene.seen, &scene.random};
	*state = &scene;
	return 0;
}

static int tear_down(void **state) {
	struct scene *scene = *state;
	scene->protocol->identity_free(scene->client);
	scene->protocol->identity_free(scene->server);
	scene->protocol->identity_free(NULL);
	allowed_free(scene->allowed);
	seen_free(scene->seen);
	return 0;
}

static void begin(struct scene *scene) {
	assert_int_equal(scene->protocol->begin(scene->client, scene->server_key, scene->exporter,
											&scene->random, NOW, true, &scene->pending,
											scene->text),
					 ERR_OK);
}

static enum err admit(struct scene *scene, const uint8_t *exporter, const char *text) {
	memset(&scene->admitted, 0xa5, sizeof scene->admitted);
	return scene->protocol->admit(&scene->judge, exporter, NOW, slice_of_text(text), true,
								  &scene->admitted);
}

static enum err finish(struct scene *scene, const char *text, struct stream_keys *out_keys) {
	return scene->protocol->finish(scene->client, &scene->pending, slice_of_text(text), out_keys);
}

static void agrees(void **state) {
	struct scene *scene = *state;
	struct stream_keys keys;
	begin(scene);
	assert_int_equal(admit(scene, scene->exporter, scene->text), ERR_OK);
	assert_string_equal(scene->admitted.client->name, "alice");
	assert_string_equal(scene->admitted.verdict, "admitted");
	assert_memory_equal(scene->admitted.entry.client, scene->client_key, X25519_KEY_SIZE);
	assert_true(scene->admitted.entry.timestamp == NOW);
	assert_int_equal(finish(scene, scene->admitted.answer, &keys), ERR_OK);
	assert_true(keys.initiator && !scene->admitted.keys.initiator);
	assert_memory_equal(keys.send, scene->admitted.keys.receive, AEAD_KEY_SIZE);
	assert_memory_equal(keys.receive, scene->admitted.keys.send, AEAD_KEY_SIZE);
	assert_memory_equal(keys.hash, scene->admitted.keys.hash, HASH_SIZE);
}

/* A text is good once, and for the connection that it was made on. */
static void refuses(void **state) {
	struct scene *scene = *state;
	uint8_t other[STREAM_EXPORTER_SIZE] = {8};
	begin(scene);
	const char *const texts[] = {"", "x", scene->text};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(admit(scene, other, texts[i]), ERR_AUTHENTICATION);
		assert_null(scene->admitted.client);
		assert_true(strlen(scene->admitted.verdict) > 0);
		assert_int_equal(admit(scene, NULL, texts[i]), ERR_AUTHENTICATION);
		assert_null(scene->admitted.client);
	}
	assert_int_equal(seen_count(scene->seen), 0);
	assert_int_equal(admit(scene, scene->exporter, scene->text), ERR_OK);
	assert_int_equal(admit(scene, scene->exporter, scene->text), ERR_AUTHENTICATION);
	assert_string_equal(scene->admitted.verdict, "replayed");
}

/* What a client takes for an answer, and that a wrong one leaves it able to take the right one. */
static void wrong_answers(void **state) {
	struct scene *scene = *state;
	struct stream_keys keys;
	static char answer[STREAM_TEXT_SIZE_MAX], longest[4 * STREAM_TEXT_SIZE_MAX];
	begin(scene);
	assert_int_equal(admit(scene, scene->exporter, scene->text), ERR_OK);
	memcpy(answer, scene->admitted.answer, sizeof answer);
	memset(longest, 'A', sizeof longest - 1);
	answer[9] = answer[9] == 'A' ? 'B' : 'A';
	const char *const texts[] = {"", "session", "?", longest, answer, scene->text};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_int_equal(finish(scene, texts[i], &keys), ERR_AUTHENTICATION);
	assert_int_equal(finish(scene, scene->admitted.answer, &keys), ERR_OK);
}

/* A text's length says nothing, and is what a cookie may have. */
static void lengths_vary(void **state) {
	struct scene *scene = *state;
	size_t least = SIZE_MAX, most = 0;
	for (unsigned i = 0; i < 64; i++) {
		begin(scene);
		size_t size = strlen(scene->text);
		least = size < least ? size : least;
		most = size > most ? size : most;
	}
	assert_true(least >= 163 && most <= 333 && most - least > 100);
}

static void names(void **state) {
	struct stream_identity *identity;
	const uint8_t zeros[X25519_KEY_SIZE] = {0};
	assert_null(stream_protocol_find("wireguard"));
	assert_null(stream_protocol_find(""));
	assert_int_equal(stream_protocol_find("phantom")->identity_new(zeros, &identity), ERR_INVALID);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(agrees, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lengths_vary, set_up, tear_down),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
