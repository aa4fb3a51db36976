#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/wipe.h"
#include "handshake/phantom.h"
#include "wire/base64url.h"

#include "../../vectors/phantom_vectors.h"

enum { VECTORS = sizeof phantom_vectors / sizeof *phantom_vectors };

/* A source that gives out what it was handed, and then has nothing left. */
struct script {
	struct slice left;
};

static void script_fill(void *context, void *out_data, size_t size) {
	struct script *script = context;
	assert_true(size <= script->left.size);
	memcpy(out_data, script->left.data, size);
	script->left = slice_of(script->left.data + size, script->left.size - size);
}

/* A client and a server of a vector. */
struct ends {
	const struct phantom_vector *vector;
	struct noise_ik_identity client, server;
	struct phantom_channel channel;
	struct script draws[2];
	struct random_source random[2];
	struct phantom_offer offers[2];
	uint8_t first[PHANTOM_FIRST_SIZE_MAX + 1], second[PHANTOM_SECOND_SIZE_MAX];
	size_t first_size, second_size;
	struct phantom_pending pending;
	struct phantom_opened opened;
	struct phantom_hello hello; /* the server's, as the client read it */
	struct phantom_keys clients, servers;
};

static void ends_init(struct ends *ends, const struct phantom_vector *vector) {
	memset(ends, 0, sizeof *ends);
	ends->vector = vector;
	assert_int_equal(noise_ik_identity_init(&ends->client, vector->client_private), ERR_OK);
	assert_int_equal(noise_ik_identity_init(&ends->server, vector->server_private), ERR_OK);
	ends->channel.carrier = vector->carrier;
	memcpy(ends->channel.exporter, vector->exporter, sizeof ends->channel.exporter);
	ends->draws[0].left = vector->client_draws;
	ends->draws[1].left = vector->server_draws;
	for (size_t i = 0; i < 2; i++) {
		ends->random[i] = (struct random_source){script_fill, &ends->draws[i]};
		ends->offers[i] = (struct phantom_offer){.padding_enabled = vector->padding_enabled[i],
												 .timestamp = vector->timestamp[i],
												 .padding_size = vector->padding_size[i]};
	}
}

static enum err initiate(struct ends *ends) {
	return phantom_initiate(&ends->client, ends->server.public_key, &ends->channel,
							&ends->random[0], &ends->offers[0], ends->first, sizeof ends->first,
							&ends->first_size, &ends->pending);
}

static enum err accept_first(struct ends *ends) {
	return phantom_accept(&ends->server, &ends->channel, slice_of(ends->first, ends->first_size),
						  &ends->opened);
}

static enum err respond(struct ends *ends) {
	return phantom_respond(&ends->opened, &ends->random[1], &ends->offers[1], ends->second,
						   sizeof ends->second, &ends->second_size, &ends->servers);
}

static enum err finish(struct ends *ends) {
	return phantom_finish(&ends->client, &ends->pending, slice_of(ends->second, ends->second_size),
						  &ends->hello, &ends->clients);
}

static void reach_first(struct ends *ends, size_t number) {
	ends_init(ends, &phantom_vectors[number]);
	assert_int_equal(initiate(ends), ERR_OK);
}

static void reach_second(struct ends *ends, size_t number) {
	reach_first(ends, number);
	assert_int_equal(accept_first(ends), ERR_OK);
	assert_int_equal(respond(ends), ERR_OK);
}

static void assert_hello(const struct phantom_hello *hello, const struct phantom_offer *offer,
						 const uint8_t random[static PHANTOM_RANDOM_SIZE]) {
	assert_int_equal(hello->padding_enabled, offer->padding_enabled);
	assert_true(hello->timestamp == offer->timestamp);
	assert_memory_equal(hello->random, random, PHANTOM_RANDOM_SIZE);
}

static void assert_text(const uint8_t *message, size_t size, const char *expected) {
	char text[BASE64URL_TEXT_SIZE(PHANTOM_FIRST_SIZE_MAX) + 1];
	size_t text_size;
	assert_int_equal(base64url_encode(slice_of(message, size), text, sizeof text, &text_size),
					 ERR_OK);
	assert_string_equal(text, expected);
}

/* Both messages, texts, hellos and keys as another implementation has them. */
static void known_answers(void **state) {
	for (size_t i = 0; i < VECTORS; i++) {
		const struct phantom_vector *vector = &phantom_vectors[i];
		struct ends ends;
		reach_second(&ends, i);
		assert_int_equal(finish(&ends), ERR_OK);
		assert_int_equal(ends.first_size, vector->first.size);
		assert_memory_equal(ends.first, vector->first.data, ends.first_size);
		assert_text(ends.first, ends.first_size, vector->first_text);
		assert_int_equal(ends.second_size, vector->second.size);
		assert_memory_equal(ends.second, vector->second.data, ends.second_size);
		assert_text(ends.second, ends.second_size, vector->second_text);
		assert_int_equal(ends.draws[0].left.size + ends.draws[1].left.size, 0);

		assert_memory_equal(ends.opened.ik.public_key, ends.client.public_key, X25519_KEY_SIZE);
		assert_hello(&ends.opened.hello, &ends.offers[0], vector->client_random);
		assert_hello(&ends.hello, &ends.offers[1], vector->server_random);
		assert_true(ends.clients.initiator);
		assert_false(ends.servers.initiator);
		assert_memory_equal(ends.clients.send, vector->to_server, AEAD_KEY_SIZE);
		assert_memory_equal(ends.servers.receive, vector->to_server, AEAD_KEY_SIZE);
		assert_memory_equal(ends.clients.receive, vector->to_client, AEAD_KEY_SIZE);
		assert_memory_equal(ends.servers.send, vector->to_client, AEAD_KEY_SIZE);
		assert_memory_equal(ends.clients.hash, vector->hash, HASH_SIZE);
		assert_memory_equal(ends.servers.hash, vector->hash, HASH_SIZE);
	}
}

/* A message opens over its own carrier and its own TLS connection only. */
static void bound_to_its_channel(void **state) {
	for (size_t i = 0; i < VECTORS; i++) {
		struct ends ends;
		reach_first(&ends, i);
		const enum phantom_carrier own = ends.channel.carrier;
		for (unsigned carrier = 0; carrier < 4; carrier++) {
			ends.channel.carrier = carrier;
			assert_int_equal(accept_first(&ends), carrier == own ? ERR_OK : ERR_AUTHENTICATION);
		}
		ends.channel.carrier = own;
		ends.channel.exporter[31] ^= 1;
		bool bound = own == PHANTOM_CARRIER_TLS || own == PHANTOM_CARRIER_QUIC;
		assert_int_equal(accept_first(&ends), bound ? ERR_AUTHENTICATION : ERR_OK);
	}
}

static void channel_without_exporter(void **state) {
	struct ends ends;
	reach_first(&ends, 0);
	wipe(ends.channel.exporter, sizeof ends.channel.exporter);
	assert_int_equal(initiate(&ends), ERR_INVALID);
	assert_int_equal(accept_first(&ends), ERR_INVALID);
}

/* Refused is refused, whatever the reason: one error, and nothing has changed. */
static void refused(struct ends *ends) {
	struct phantom_opened before;
	memset(&ends->opened, 0xa5, sizeof ends->opened);
	memcpy(&before, &ends->opened, sizeof before);
	assert_int_equal(accept_first(ends), ERR_AUTHENTICATION);
	assert_memory_equal(&ends->opened, &before, sizeof before);
}

static void first_of_any_size(void **state) {
	struct ends ends;
	reach_first(&ends, 1);
	const size_t whole = ends.first_size;
	for (ends.first_size = 0; ends.first_size <= sizeof ends.first; ends.first_size++) {
		if (ends.first_size != whole)
			refused(&ends);
	}
	ends.first_size = whole;
	assert_int_equal(accept_first(&ends), ERR_OK);
}

static void tampered_first(void **state) {
	struct ends ends;
	reach_first(&ends, 0);
	for (size_t i = 0; i < ends.first_size; i++) {
		ends.first[i] ^= 0x10;
		refused(&ends);
		ends.first[i] ^= 0x10;
	}
	assert_int_equal(accept_first(&ends), ERR_OK);
}

enum { ROUNDS = 41 };

static double thread_seconds(void) {
	struct timespec at;
	assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at), 0);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static int compare(const void *left, const void *right) {
	const double *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

/* The processor's time, median of many. */
static double median_of_accept(struct ends *ends) {
	double took[ROUNDS];
	for (size_t i = 0; i < ROUNDS; i++) {
		const double begun = thread_seconds();
		(void)!accept_first(ends);
		took[i] = thread_seconds() - begun;
	}
	qsort(took, ROUNDS, sizeof *took, compare);
	return took[ROUNDS / 2];
}

/* Whatever it is handed: as long as for what is genuine. A check too early would save it all. */
static void refusals_take_as_long(void **state) {
	struct ends ends;
	reach_first(&ends, 0);
	const double genuine = median_of_accept(&ends);
	const size_t whole = ends.first_size, sizes[] = {0, 1, whole - 1, whole + 1, sizeof ends.first};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		ends.first_size = sizes[i];
		const double took = median_of_accept(&ends);
		assert_true(took > genuine / 2 && took < genuine * 2);
	}
	ends.first_size = whole;
	for (size_t i = 0; i < whole; i += 30) { /* the ephemeral key, the static one, the payload */
		ends.first[i] ^= 0x10;
		const double took = median_of_accept(&ends);
		assert_true(took > genuine / 2 && took < genuine * 2);
		ends.first[i] ^= 0x10;
	}
	memset(ends.first, 0, whole);
	const double took = median_of_accept(&ends);
	assert_true(took > genuine / 2 && took < genuine * 2);
}

/* A peer who has all keys and says what this version does not know. */
static void make_first(struct ends *ends, const uint8_t *payload, size_t size) {
	uint8_t prologue[PHANTOM_PROLOGUE_SIZE];
	uint8_t key[X25519_KEY_SIZE] = {1};
	struct script script = {slice_of(key, sizeof key)};
	const struct random_source random = {script_fill, &script};
	assert_int_equal(phantom_prologue(ends->channel.carrier, ends->channel.exporter, prologue),
					 ERR_OK);
	assert_int_equal(noise_ik_initiate(&ends->client, ends->server.public_key,
									   slice_of(prologue, sizeof prologue), &random,
									   slice_of(payload, size), ends->first, sizeof ends->first,
									   &ends->first_size, &ends->pending.ik),
					 ERR_OK);
}

static void authentic_but_wrong(void **state) {
	struct ends ends;
	uint8_t payload[PHANTOM_HELLO_SIZE_MAX + 1] = {PHANTOM_VERSION};
	ends_init(&ends, &phantom_vectors[0]);
	make_first(&ends, payload, PHANTOM_HELLO_SIZE_MIN);
	assert_int_equal(accept_first(&ends), ERR_OK);
	make_first(&ends, payload, PHANTOM_HELLO_SIZE_MAX);
	assert_int_equal(accept_first(&ends), ERR_OK);
	make_first(&ends, payload, PHANTOM_HELLO_SIZE_MIN - 1);
	refused(&ends);
	make_first(&ends, payload, PHANTOM_HELLO_SIZE_MAX + 1);
	refused(&ends);
	payload[0] = PHANTOM_VERSION + 1;
	make_first(&ends, payload, PHANTOM_HELLO_SIZE_MIN);
	refused(&ends);
	payload[0] = PHANTOM_VERSION;
	payload[1] = 2; /* compression */
	make_first(&ends, payload, PHANTOM_HELLO_SIZE_MIN);
	refused(&ends);
}

static void other_keys(void **state) {
	struct ends ends;
	reach_first(&ends, 0);
	struct noise_ik_identity server = ends.server;
	ends.server = ends.client;
	refused(&ends);
	ends.server = server;
	assert_int_equal(accept_first(&ends), ERR_OK);
}

static void forged_answers(void **state) {
	struct ends ends;
	reach_second(&ends, 0);
	memset(&ends.clients, 0xa5, sizeof ends.clients);
	const struct phantom_keys keys = ends.clients;
	const struct phantom_pending pending = ends.pending;
	for (size_t i = 0; i < ends.second_size; i++) {
		ends.second[i] ^= 0x10;
		assert_int_equal(finish(&ends), ERR_AUTHENTICATION);
		ends.second[i] ^= 0x10;
	}
	const size_t whole = ends.second_size;
	for (ends.second_size = 0; ends.second_size < whole; ends.second_size++)
		assert_int_equal(finish(&ends), ERR_AUTHENTICATION);
	assert_memory_equal(&ends.clients, &keys, sizeof keys);
	assert_memory_equal(&ends.pending, &pending, sizeof pending);
	assert_true(wipe_is_zero(&ends.hello, sizeof ends.hello));
	ends.second_size = whole;
	assert_int_equal(finish(&ends), ERR_OK);
}

/* A server that has all keys, too. */
static void answer_of_another_version(void **state) {
	struct ends ends;
	const uint8_t payload[PHANTOM_HELLO_SIZE_MIN] = {PHANTOM_VERSION + 1};
	reach_second(&ends, 0);
	struct noise_ik_keys keys;
	ends.draws[1].left = ends.vector->server_draws;
	assert_int_equal(noise_ik_respond(&ends.opened.ik, &ends.random[1],
									  slice_of(payload, sizeof payload), ends.second,
									  sizeof ends.second, &ends.second_size, &keys),
					 ERR_OK);
	assert_int_equal(finish(&ends), ERR_AUTHENTICATION);
	assert_true(wipe_is_zero(&ends.clients, sizeof ends.clients));
}

static void too_much_padding(void **state) {
	struct ends ends;
	reach_second(&ends, 0);
	ends.offers[0].padding_size = ends.offers[1].padding_size = PHANTOM_HELLO_PADDING_MAX + 1;
	assert_int_equal(initiate(&ends), ERR_INVALID);
	assert_int_equal(respond(&ends), ERR_INVALID);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(bound_to_its_channel),
		cmocka_unit_test(channel_without_exporter),
		cmocka_unit_test(first_of_any_size),
		cmocka_unit_test(tampered_first),
		cmocka_unit_test(refusals_take_as_long),
		cmocka_unit_test(authentic_but_wrong),
		cmocka_unit_test(other_keys),
		cmocka_unit_test(forged_answers),
		cmocka_unit_test(answer_of_another_version),
		cmocka_unit_test(too_much_padding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
