#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/wipe.h"
#include "proto/phantom_admission.h"

#define NOW UINT64_C(1700000000000)

static void counted_fill(void *context, void *out_data, size_t size) {
	uint8_t *seed = context, *bytes = out_data;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(*seed + i);
	(*seed)++;
}

/* A server that allows alice, and knows nothing of mallory. */
struct scene {
	uint8_t seed;
	struct random_source random;
	struct noise_ik_identity server, alice, mallory;
	struct phantom_channel channel;
	struct allowed *allowed;
	struct seen *seen;
	struct phantom_admission admission;
	struct phantom_offer offer;
	struct phantom_pending pending;
	char text[BASE64URL_TEXT_SIZE(PHANTOM_FIRST_SIZE_MAX) + 8];
	size_t text_size;
	enum phantom_verdict verdict;
	struct phantom_admitted admitted;
};

static void identity(struct scene *scene, struct noise_ik_identity *out_identity) {
	uint8_t key[X25519_KEY_SIZE];
	random_fill(&scene->random, key, sizeof key);
	assert_int_equal(noise_ik_identity_init(out_identity, key), ERR_OK);
}

static int set_up(void **state) {
	static struct scene scene;
	struct allowed_client alice = {.name = "alice"};
	memset(&scene, 0, sizeof scene);
	scene.random = (struct random_source){counted_fill, &scene.seed};
	identity(&scene, &scene.server);
	identity(&scene, &scene.alice);
	identity(&scene, &scene.mallory);
	memcpy(alice.public_key, scene.alice.public_key, sizeof alice.public_key);
	memset(scene.channel.exporter, 7, sizeof scene.channel.exporter);
	if (allowed_new(&alice, 1, &scene.random, NULL, &scene.allowed) ||
		seen_new(&scene.random, &scene.seen))
		return -1;
	scene.admission = (struct phantom_admission){.identity = &scene.server,
												 .allowed = scene.allowed,
												 .seen = scene.seen,
												 .random = &scene.random};
	scene.offer = (struct phantom_offer){.timestamp = NOW, .padding_size = 3};
	*state = &scene;
	return 0;
}

static int tear_down(void **state) {
	struct scene *scene = *state;
	allowed_free(scene->allowed);
	seen_free(scene->seen);
	return 0;
}

/* The text of a cookie of theirs. */
static void make_text(struct scene *scene, const struct noise_ik_identity *client,
					  uint64_t timestamp) {
	uint8_t message[PHANTOM_FIRST_SIZE_MAX];
	size_t size;
	const struct phantom_offer offer = {true, timestamp, 11};
	assert_int_equal(phantom_initiate(client, scene->server.public_key, &scene->channel,
									  &scene->random, &offer, message, sizeof message, &size,
									  &scene->pending),
					 ERR_OK);
	assert_int_equal(base64url_encode(slice_of(message, size), scene->text, sizeof scene->text,
									  &scene->text_size),
					 ERR_OK);
}

static enum err try(struct scene *scene) {
	return phantom_admission_try(&scene->admission, &scene->channel,
								 slice_of(scene->text, scene->text_size), &scene->offer,
								 &scene->verdict, &scene->admitted);
}

/* One error for every reason; and nothing has changed. */
static void refused(struct scene *scene, enum phantom_verdict verdict) {
	const size_t count = seen_count(scene->seen);
	struct phantom_admitted before;
	memset(&scene->admitted, 0xa5, sizeof scene->admitted);
	memcpy(&before, &scene->admitted, sizeof before);
	assert_int_equal(try(scene), ERR_AUTHENTICATION);
	assert_int_equal(scene->verdict, verdict);
	assert_memory_equal(&scene->admitted, &before, sizeof before);
	assert_int_equal(seen_count(scene->seen), count);
}

static void admits(void **state) {
	struct scene *scene = *state;
	make_text(scene, &scene->alice, NOW - 1000);
	assert_int_equal(try(scene), ERR_OK);
	assert_int_equal(scene->verdict, PHANTOM_ADMITTED);
	assert_string_equal(scene->admitted.client->name, "alice");
	assert_true(scene->admitted.hello.padding_enabled);
	assert_true(scene->admitted.hello.timestamp == NOW - 1000);
	assert_int_equal(seen_count(scene->seen), 1);
	assert_int_equal(seen_check(scene->seen, &scene->admitted.entry, NOW), ERR_REPLAY);

	/* what the client makes of the answer */
	uint8_t message[PHANTOM_SECOND_SIZE_MAX];
	size_t size;
	struct phantom_hello hello;
	struct phantom_keys keys;
	assert_int_equal(strlen(scene->admitted.answer), scene->admitted.answer_size);
	assert_int_equal(base64url_decode(slice_of(scene->admitted.answer, scene->admitted.answer_size),
									  message, sizeof message, &size),
					 ERR_OK);
	assert_int_equal(size, PHANTOM_SECOND_SIZE_MIN + 3);
	assert_int_equal(
		phantom_finish(&scene->alice, &scene->pending, slice_of(message, size), &hello, &keys),
		ERR_OK);
	assert_true(hello.timestamp == NOW);
	assert_memory_equal(keys.send, scene->admitted.keys.receive, AEAD_KEY_SIZE);
	assert_memory_equal(keys.receive, scene->admitted.keys.send, AEAD_KEY_SIZE);
	assert_memory_equal(keys.hash, scene->admitted.keys.hash, HASH_SIZE);
}

static void unknown_key(void **state) {
	struct scene *scene = *state;
	make_text(scene, &scene->mallory, NOW);
	refused(scene, PHANTOM_UNKNOWN);
	refused(scene, PHANTOM_UNKNOWN); /* nothing of it was kept */
}

static void wrong_clock(void **state) {
	struct scene *scene = *state;
	make_text(scene, &scene->alice, NOW - SEEN_WINDOW - 1);
	refused(scene, PHANTOM_CLOCK);
	make_text(scene, &scene->alice, NOW + SEEN_WINDOW + 1);
	refused(scene, PHANTOM_CLOCK);
	make_text(scene, &scene->alice, NOW + SEEN_WINDOW);
	assert_int_equal(try(scene), ERR_OK);
}

static void replay(void **state) {
	struct scene *scene = *state;
	make_text(scene, &scene->alice, NOW);
	assert_int_equal(try(scene), ERR_OK);
	refused(scene, PHANTOM_REPLAYED);
	make_text(scene, &scene->alice, NOW);
	assert_int_equal(try(scene), ERR_OK);
}

static void too_many(void **state) {
	struct scene *scene = *state;
	for (unsigned i = 0; i < SEEN_CLIENT_MAX; i++) {
		make_text(scene, &scene->alice, NOW);
		assert_int_equal(try(scene), ERR_OK);
	}
	make_text(scene, &scene->alice, NOW);
	refused(scene, PHANTOM_TOO_MANY);
}

/* For another server, over another connection, and what is no message at all. */
static void unreadable(void **state) {
	struct scene *scene = *state;
	make_text(scene, &scene->alice, NOW);
	scene->channel.exporter[0] ^= 1;
	refused(scene, PHANTOM_UNREADABLE);
	scene->channel.exporter[0] ^= 1;
	scene->admission.identity = &scene->mallory;
	refused(scene, PHANTOM_UNREADABLE);
	scene->admission.identity = &scene->server;

	const size_t whole = scene->text_size;
	for (scene->text_size = 0; scene->text_size < whole; scene->text_size++)
		refused(scene, PHANTOM_UNREADABLE);
	memcpy(scene->text + whole, "AAAA", 4);
	scene->text_size = whole + 4;
	refused(scene, PHANTOM_UNREADABLE);
	memcpy(scene->text + whole, "=", 1);
	scene->text_size = whole + 1;
	refused(scene, PHANTOM_UNREADABLE);
	scene->text_size = whole;
	for (size_t i = 0; i < whole; i++) {
		const char genuine = scene->text[i];
		scene->text[i] = genuine == 'A' ? 'Q' : 'A';
		refused(scene, PHANTOM_UNREADABLE);
		scene->text[i] = '+';
		refused(scene, PHANTOM_UNREADABLE);
		scene->text[i] = genuine;
	}
	assert_int_equal(try(scene), ERR_OK);
}

static void longer_than_any(void **state) {
	struct scene *scene = *state;
	static char text[65536];
	memset(text, 'A', sizeof text);
	assert_int_equal(phantom_admission_try(&scene->admission, &scene->channel,
										   slice_of(text, sizeof text), &scene->offer,
										   &scene->verdict, &scene->admitted),
					 ERR_AUTHENTICATION);
	assert_int_equal(scene->verdict, PHANTOM_UNREADABLE);
}

/* Faults of this end are told apart, and let nobody in. */
static void faults_of_this_end(void **state) {
	struct scene *scene = *state;
	make_text(scene, &scene->alice, NOW);
	scene->offer.padding_size = PHANTOM_HELLO_PADDING_MAX + 1;
	assert_int_equal(try(scene), ERR_INVALID);
	assert_int_equal(scene->verdict, PHANTOM_FAILED);
	assert_int_equal(seen_count(scene->seen), 0);
	scene->offer.padding_size = 0;
	wipe(scene->channel.exporter, sizeof scene->channel.exporter);
	assert_int_equal(try(scene), ERR_INVALID);
	assert_int_equal(scene->verdict, PHANTOM_FAILED);
}

static void texts_of_verdicts(void **state) {
	for (enum phantom_verdict i = 0; i < PHANTOM_VERDICTS; i++)
		assert_true(strlen(phantom_verdict_text(i)) > 0);
	assert_string_equal(phantom_verdict_text(PHANTOM_VERDICTS), "unknown verdict");
	assert_string_equal(phantom_verdict_text(PHANTOM_REPLAYED), "replayed");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(admits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unknown_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_clock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(replay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(too_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(unreadable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(longer_than_any, set_up, tear_down),
		cmocka_unit_test_setup_teardown(faults_of_this_end, set_up, tear_down),
		cmocka_unit_test(texts_of_verdicts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
