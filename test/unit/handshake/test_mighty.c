#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/wipe.h"
#include "handshake/mighty.h"

#include "../../vectors/mighty_vectors.h"

enum { VECTORS = sizeof mighty_vectors / sizeof *mighty_vectors - 1, LIAR = VECTORS };

/* A source that gives out what it was handed, and then counts on. */
struct script {
	struct slice left;
	uint8_t next;
};

static void script_fill(void *context, void *out_data, size_t size) {
	struct script *script = context;
	if (script->left.size == 0) {
		memset(out_data, ++script->next, size);
		return;
	}
	assert_true(size <= script->left.size);
	memcpy(out_data, script->left.data, size);
	script->left = slice_of(script->left.data + size, script->left.size - size);
}

/* A client and a server of a vector, and all that they say. */
struct ends {
	const struct mighty_vector *vector;
	struct mighty_psk psk;
	struct mighty_client client;
	struct script draws[2];
	struct random_source random[2];
	struct parameters pushed, taken;
	struct mighty_offer offer;
	uint8_t first[MIGHTY_CLIENT_HELLO_SIZE], second[MIGHTY_CLIENT_HELLO_SIZE];
	uint8_t cookie_answer[MIGHTY_COOKIE_ANSWER_SIZE];
	uint8_t server_hello[MIGHTY_SERVER_HELLO_SIZE_MAX];
	size_t server_hello_size;
	uint8_t finalize[MIGHTY_FINALIZE_SIZE];
	struct mighty_keys clients, servers;
	struct mighty_confirmation at_client, at_server;
};

static enum err start(struct ends *ends, uint16_t session_id, uint64_t now, uint8_t *out_datagram) {
	uint16_t forgotten;
	return mighty_client_start(&ends->client, &ends->random[0], session_id, now, out_datagram,
							   &forgotten);
}

static void ends_init(struct ends *ends, const struct mighty_vector *vector) {
	memset(ends, 0, sizeof *ends);
	ends->vector = vector;
	ends->draws[0].left = slice_of(vector->client_draws, sizeof vector->client_draws);
	ends->draws[1].left = slice_of(vector->server_draws, sizeof vector->server_draws);
	for (size_t i = 0; i < 2; i++)
		ends->random[i] = (struct random_source){script_fill, &ends->draws[i]};
	assert_int_equal(mighty_psk_init(&ends->psk, vector->psk), ERR_OK);
	assert_int_equal(mighty_client_init(&ends->client, &ends->psk, vector->instance,
										vector->offered.data, vector->offered.size),
					 ERR_OK);
	assert_int_equal(parameters_decode(vector->pushed.data, vector->pushed.size, &ends->pushed),
					 ERR_OK);
	ends->offer = (struct mighty_offer){
		.session_id = vector->server_id,
		.ciphers = vector->allowed.data,
		.cipher_count = vector->allowed.size,
		.parameters = &ends->pushed,
	};
	assert_int_equal(start(ends, vector->client_id, vector->time, ends->first), ERR_OK);
}

static struct mighty_client_hello hello_of(const uint8_t *datagram) {
	struct mighty_client_hello hello;
	assert_int_equal(mighty_decode_client_hello(datagram, MIGHTY_CLIENT_HELLO_SIZE, &hello),
					 ERR_OK);
	return hello;
}

static void exchange_cookie(struct ends *ends) {
	const struct mighty_client_hello hello = hello_of(ends->first);
	assert_int_equal(
		mighty_answer_cookie(&ends->psk, &hello, ends->vector->cookie, ends->cookie_answer),
		ERR_OK);
	assert_int_equal(mighty_client_take_cookie(&ends->client, ends->cookie_answer,
											   sizeof ends->cookie_answer, ends->second),
					 ERR_OK);
}

static enum err respond_to(struct ends *ends, const struct mighty_client_hello *hello) {
	return mighty_respond(&ends->psk, hello, &ends->random[1], &ends->offer, ends->server_hello,
						  &ends->server_hello_size, &ends->servers, &ends->at_server);
}

static enum err respond(struct ends *ends) {
	const struct mighty_client_hello hello =
		hello_of(ends->vector->with_cookie ? ends->second : ends->first);
	return mighty_accept(&ends->psk, &hello) ?: respond_to(ends, &hello);
}

static enum err finish(struct ends *ends) {
	return mighty_client_finish(&ends->client, ends->server_hello, ends->server_hello_size,
								&ends->taken, &ends->clients, &ends->at_client);
}

static void reach_server_hello(struct ends *ends, size_t number) {
	ends_init(ends, &mighty_vectors[number]);
	exchange_cookie(ends);
	if (!ends->vector->with_cookie) { /* the client of before the cookie */
		ends_init(ends, &mighty_vectors[number]);
	}
	assert_int_equal(respond(ends), ERR_OK);
}

static void reach_finalize(struct ends *ends, size_t number) {
	reach_server_hello(ends, number);
	assert_int_equal(finish(ends), ERR_OK);
	assert_int_equal(
		mighty_finalize_make(&ends->at_client, ends->vector->finalize_nonce, ends->finalize),
		ERR_OK);
}

/* All messages and keys as another implementation has them. */
static void known_answers(void **state) {
	for (size_t i = 0; i < VECTORS; i++) {
		const struct mighty_vector *v = &mighty_vectors[i];
		static struct ends ends;
		uint8_t pushed[MIGHTY_PARAMETERS_SIZE_MAX];
		size_t size;
		ends_init(&ends, v);
		assert_memory_equal(ends.psk.id, v->psk_id, sizeof v->psk_id);
		assert_memory_equal(ends.first, v->first, sizeof v->first);
		exchange_cookie(&ends);
		assert_memory_equal(ends.cookie_answer, v->cookie_answer, sizeof v->cookie_answer);
		assert_memory_equal(ends.second, v->second, sizeof v->second);
		reach_finalize(&ends, i);
		assert_int_equal(ends.server_hello_size, v->server_hello.size);
		assert_memory_equal(ends.server_hello, v->server_hello.data, v->server_hello.size);
		assert_memory_equal(ends.finalize, v->finalize, sizeof v->finalize);
		assert_int_equal(mighty_finalize_check(&ends.at_server, v->finalize, sizeof v->finalize),
						 ERR_OK);
		assert_memory_equal(ends.clients.send, v->client_data, AEAD_KEY_SIZE);
		assert_memory_equal(ends.clients.receive, v->server_data, AEAD_KEY_SIZE);
		assert_memory_equal(ends.servers.send, v->server_data, AEAD_KEY_SIZE);
		assert_memory_equal(ends.servers.receive, v->client_data, AEAD_KEY_SIZE);
		assert_int_equal(ends.clients.local_id, v->client_id);
		assert_int_equal(ends.clients.remote_id, v->server_id);
		assert_int_equal(ends.servers.local_id, v->server_id);
		assert_int_equal(ends.servers.remote_id, v->client_id);
		assert_int_equal(ends.clients.algorithm, ends.servers.algorithm);
		assert_int_equal(ends.clients.algorithm, v->cipher == MIGHTY_AES_256_GCM
													 ? AEAD_AES_256_GCM
													 : AEAD_CHACHA20_POLY1305);
		assert_int_equal(parameters_encode(&ends.taken, pushed, sizeof pushed, &size), ERR_OK);
		assert_int_equal(size, v->pushed.size);
		if (size > 0)
			assert_memory_equal(pushed, v->pushed.data, size);
	}
}

/* Whatever bit of a message is another, nobody takes it, and nothing changes. */
static void every_byte_of_a_client_hello_counts(void **state) {
	static struct ends ends;
	ends_init(&ends, &mighty_vectors[0]);
	for (size_t i = 0; i < sizeof ends.first; i++) {
		struct mighty_client_hello hello;
		ends.first[i] ^= (uint8_t)(1 << i % 8);
		enum err error = mighty_decode_client_hello(ends.first, sizeof ends.first, &hello);
		if (!error)
			error = mighty_accept(&ends.psk, &hello);
		assert_int_not_equal(error, ERR_OK);
		ends.first[i] ^= (uint8_t)(1 << i % 8);
	}
}

static void every_byte_of_a_cookie_answer_counts(void **state) {
	static struct ends ends;
	uint8_t out[MIGHTY_CLIENT_HELLO_SIZE];
	ends_init(&ends, &mighty_vectors[0]);
	exchange_cookie(&ends);
	ends_init(&ends, &mighty_vectors[0]);
	memcpy(ends.cookie_answer, mighty_vectors[0].cookie_answer, sizeof ends.cookie_answer);
	const struct mighty_client before = ends.client;
	for (size_t i = 0; i < sizeof ends.cookie_answer; i++) {
		ends.cookie_answer[i] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(mighty_client_take_cookie(&ends.client, ends.cookie_answer,
													   sizeof ends.cookie_answer, out),
							 ERR_OK);
		assert_memory_equal(&ends.client, &before, sizeof before);
		ends.cookie_answer[i] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(
		mighty_client_take_cookie(&ends.client, ends.cookie_answer, sizeof ends.cookie_answer, out),
		ERR_OK);
	/* One for each hello: whoever repeats it gets no second. */
	assert_int_equal(
		mighty_client_take_cookie(&ends.client, ends.cookie_answer, sizeof ends.cookie_answer, out),
		ERR_EXISTS);
}

static void every_byte_of_a_server_hello_counts(void **state) {
	static struct ends ends;
	static struct parameters before_taken;
	for (size_t number = 0; number < 2; number++) {
		reach_server_hello(&ends, number);
		const struct mighty_keys before = ends.clients;
		before_taken = ends.taken;
		for (size_t i = 0; i < ends.server_hello_size; i++) {
			ends.server_hello[i] ^= (uint8_t)(1 << i % 8);
			assert_int_not_equal(finish(&ends), ERR_OK);
			assert_memory_equal(&ends.clients, &before, sizeof before);
			assert_memory_equal(&ends.taken, &before_taken, sizeof before_taken);
			ends.server_hello[i] ^= (uint8_t)(1 << i % 8);
		}
		for (size_t size = 0; size < ends.server_hello_size; size++)
			assert_int_not_equal(mighty_client_finish(&ends.client, ends.server_hello, size,
													  &ends.taken, &ends.clients, &ends.at_client),
								 ERR_OK);
		assert_int_equal(finish(&ends), ERR_OK);
	}
}

static void every_byte_of_a_finalize_counts(void **state) {
	static struct ends ends;
	reach_finalize(&ends, 0);
	for (size_t i = 0; i < sizeof ends.finalize; i++) {
		ends.finalize[i] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(
			mighty_finalize_check(&ends.at_server, ends.finalize, sizeof ends.finalize), ERR_OK);
		ends.finalize[i] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(mighty_finalize_check(&ends.at_server, ends.finalize, sizeof ends.finalize),
					 ERR_OK);
	/* One of another handshake. */
	ends.at_server.digest[0] ^= 1;
	assert_int_equal(mighty_finalize_check(&ends.at_server, ends.finalize, sizeof ends.finalize),
					 ERR_AUTHENTICATION);
}

/* What comes back at its sender is nothing to him. */
static void reflections_are_refused(void **state) {
	static struct ends ends;
	uint8_t out[MIGHTY_CLIENT_HELLO_SIZE];
	struct mighty_client_hello hello;
	reach_finalize(&ends, 0);
	assert_int_equal(mighty_client_finish(&ends.client, ends.first, sizeof ends.first, &ends.taken,
										  &ends.clients, &ends.at_client),
					 ERR_MALFORMED);
	assert_int_equal(mighty_client_take_cookie(&ends.client, ends.first, sizeof ends.first, out),
					 ERR_MALFORMED);
	assert_int_equal(mighty_decode_client_hello(ends.server_hello, ends.server_hello_size, &hello),
					 ERR_MALFORMED);
	assert_int_equal(
		mighty_finalize_check(&ends.at_server, ends.server_hello, ends.server_hello_size),
		ERR_MALFORMED);
}

static void another_psk_is_refused(void **state) {
	static struct ends ends, other;
	struct mighty_psk wrong;
	reach_server_hello(&ends, 0);
	struct mighty_client_hello hello = hello_of(ends.first);
	assert_int_equal(mighty_psk_init(&wrong, mighty_vectors[1].psk), ERR_OK);
	assert_int_equal(mighty_accept(&wrong, &hello), ERR_AUTHENTICATION);
	memcpy(wrong.id, ends.psk.id, sizeof wrong.id);
	assert_int_equal(mighty_accept(&wrong, &hello), ERR_AUTHENTICATION);
	/* A server that has it not. */
	other = ends;
	other.psk = wrong;
	assert_int_equal(respond_to(&other, &hello), ERR_OK);
	assert_int_equal(finish(&other), ERR_AUTHENTICATION);
	const uint8_t zeros[MIGHTY_PSK_SIZE] = {0};
	assert_int_equal(mighty_psk_init(&wrong, zeros), ERR_INVALID);
}

static void low_order_keys_are_refused(void **state) {
	static struct ends ends;
	ends_init(&ends, &mighty_vectors[0]);
	struct mighty_client_hello hello = hello_of(ends.first);
	memset(hello.key, 0, sizeof hello.key);
	assert_int_equal(respond_to(&ends, &hello), ERR_CRYPTO);
	assert_int_equal(ends.server_hello_size, 0);
	hello.key[0] = 1; /* of order 4 (RFC 7748 section 6.1) */
	assert_int_equal(respond_to(&ends, &hello), ERR_CRYPTO);
}

static void ciphers_are_the_clients_choice_of_those_allowed(void **state) {
	static struct ends ends;
	static const uint8_t aes[] = {MIGHTY_AES_256_GCM}, unknown[] = {9};
	struct mighty_server_hello answer;
	ends_init(&ends, &mighty_vectors[0]);
	struct mighty_client_hello hello = hello_of(ends.first);
	hello.cipher_count = 4;
	memcpy(hello.ciphers, (const uint8_t[]){9, 0, 2, 1}, 4); /* of which two are known */
	assert_int_equal(respond_to(&ends, &hello), ERR_OK);
	assert_int_equal(ends.servers.algorithm, AEAD_CHACHA20_POLY1305);
	ends.offer.ciphers = aes;
	ends.offer.cipher_count = 1;
	assert_int_equal(respond_to(&ends, &hello), ERR_OK);
	assert_int_equal(ends.servers.algorithm, AEAD_AES_256_GCM);
	/* Allowed by the configuration of a later version, but not known here. */
	ends.offer.ciphers = unknown;
	assert_int_equal(respond_to(&ends, &hello), ERR_UNSUPPORTED);
	ends.offer.cipher_count = 0;
	assert_int_equal(respond_to(&ends, &hello), ERR_UNSUPPORTED);
	/* What the client did not offer it does not take, even from one who has the PSK. */
	ends_init(&ends, &mighty_vectors[3]);
	hello = hello_of(ends.first);
	const struct mighty_client_hello genuine = hello;
	hello.ciphers[0] = MIGHTY_CHACHA20_POLY1305;
	ends.offer.ciphers = (const uint8_t[]){2};
	assert_int_equal(respond_to(&ends, &hello), ERR_OK);
	assert_int_equal(finish(&ends), ERR_AUTHENTICATION); /* the hello was another */
	assert_int_equal(mighty_decode_server_hello(ends.server_hello, ends.server_hello_size, &answer),
					 ERR_OK);
	assert_int_equal(answer.cipher, MIGHTY_CHACHA20_POLY1305);
	ends.client.ciphers[0] = MIGHTY_CHACHA20_POLY1305;
	assert_int_equal(finish(&ends), ERR_AUTHENTICATION);
	assert_int_equal(genuine.cipher_count, 1);
}

static void clients_are_made_of_known_ciphers(void **state) {
	struct mighty_psk psk;
	struct mighty_client client;
	const uint8_t instance[MIGHTY_INSTANCE_SIZE] = {1};
	static const struct {
		uint8_t ciphers[3];
		size_t count;
		enum err error;
	} rows[] = {
		{{1, 2}, 2, ERR_OK},         {{2}, 1, ERR_OK},      {{1, 1}, 2, ERR_INVALID},
		{{0}, 1, ERR_INVALID},       {{3}, 1, ERR_INVALID}, {{1}, 0, ERR_INVALID},
		{{1, 2, 3}, 3, ERR_INVALID},
	};
	assert_int_equal(mighty_psk_init(&psk, mighty_vectors[0].psk), ERR_OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(
			mighty_client_init(&client, &psk, instance, rows[i].ciphers, rows[i].count),
			rows[i].error);
	mighty_client_done(&client);
	assert_true(wipe_is_zero(&client, sizeof client));
}

/* The last three hellos may be answered, each fresh, with times that increase. */
static void answers_to_the_last_three_are_taken(void **state) {
	static struct ends ends;
	static uint8_t hellos[4][MIGHTY_CLIENT_HELLO_SIZE];
	uint16_t forgotten;
	uint64_t last = 0;
	ends_init(&ends, &mighty_vectors[0]);
	const uint64_t now = mighty_vectors[0].time;
	mighty_client_forget(&ends.client);
	for (uint16_t i = 0; i < 4; i++) {
		assert_int_equal(mighty_client_start(&ends.client, &ends.random[0], (uint16_t)(100 + i),
											 now - i, hellos[i], &forgotten),
						 ERR_OK);
		assert_int_equal(forgotten, i == 3 ? 100 : 0);
		const struct mighty_client_hello hello = hello_of(hellos[i]);
		assert_true(hello.time > last); /* though the clock goes back */
		last = hello.time;
		for (uint16_t j = 0; j < i; j++) {
			const struct mighty_client_hello before = hello_of(hellos[j]);
			assert_memory_not_equal(hello.random, before.random, sizeof hello.random);
			assert_memory_not_equal(hello.key, before.key, sizeof hello.key);
		}
	}
	for (uint16_t i = 0; i < 4; i++) {
		const struct mighty_client_hello hello = hello_of(hellos[i]);
		assert_int_equal(respond_to(&ends, &hello), ERR_OK);
		assert_int_equal(finish(&ends), i == 0 ? ERR_NOT_FOUND : ERR_OK);
	}
	assert_int_equal(start(&ends, 102, now, hellos[0]), ERR_EXISTS);
	assert_int_equal(start(&ends, 0, now, hellos[0]), ERR_INVALID);
	mighty_client_forget(&ends.client);
	assert_int_equal(finish(&ends), ERR_NOT_FOUND);
	assert_true(wipe_is_zero(ends.client.attempts, sizeof ends.client.attempts));
}

/* An answer to one hello is none to another of the same client. */
static void answers_are_bound_to_their_hello(void **state) {
	static struct ends ends;
	static uint8_t later[MIGHTY_CLIENT_HELLO_SIZE];
	uint8_t out[MIGHTY_CLIENT_HELLO_SIZE];
	ends_init(&ends, &mighty_vectors[0]);
	exchange_cookie(&ends); /* so that the hello is the second now */
	const struct mighty_client_hello without = hello_of(ends.first);
	assert_int_equal(respond_to(&ends, &without), ERR_OK);
	assert_int_equal(finish(&ends), ERR_AUTHENTICATION);
	assert_int_equal(start(&ends, 77, 0, later), ERR_OK);
	struct mighty_client_hello hello = hello_of(ends.second);
	hello.session_id = 77;
	assert_int_equal(respond_to(&ends, &hello), ERR_OK);
	assert_int_equal(finish(&ends), ERR_AUTHENTICATION);
	assert_int_equal(
		mighty_answer_cookie(&ends.psk, &hello, ends.vector->cookie, ends.cookie_answer), ERR_OK);
	assert_int_equal(
		mighty_client_take_cookie(&ends.client, ends.cookie_answer, sizeof ends.cookie_answer, out),
		ERR_AUTHENTICATION);
}

/* A cookie goes with the same random, key and time, whatever came from where. */
static void a_cookie_changes_nothing_else(void **state) {
	static struct ends ends;
	uint8_t content[2][MIGHTY_COOKIE_CONTENT_SIZE];
	ends_init(&ends, &mighty_vectors[0]);
	exchange_cookie(&ends);
	struct mighty_client_hello first = hello_of(ends.first), second = hello_of(ends.second);
	mighty_cookie_content(&first, content[0]);
	mighty_cookie_content(&second, content[1]);
	assert_memory_equal(content[0], content[1], sizeof content[0]);
	assert_memory_equal(content[0], first.instance, MIGHTY_INSTANCE_SIZE);
	assert_memory_equal(content[0] + 8, first.random, MIGHTY_RANDOM_SIZE);
	assert_memory_equal(content[0] + 40, first.key, X25519_KEY_SIZE);
	assert_true(first.time == second.time);
	assert_true(second.has_cookie);
	assert_memory_equal(second.cookie, ends.vector->cookie, sizeof second.cookie);
}

/* Nothing that a server says is larger than what it answers. */
static void answers_are_never_larger(void **state) {
	static struct ends ends;
	ends_init(&ends, &mighty_vectors[0]);
	const struct mighty_client_hello hello = hello_of(ends.first);
	assert_true(MIGHTY_COOKIE_ANSWER_SIZE <= MIGHTY_CLIENT_HELLO_SIZE);
	struct interface_settings *settings = &ends.pushed.interface;
	size_t largest = 0;
	enum err error = ERR_OK;
	for (settings->route_count = 0; settings->route_count < INTERFACE_SETTINGS_ROUTES_MAX && !error;
		 settings->route_count++) {
		settings->routes[settings->route_count] =
			(struct prefix){.address = {.family = ADDRESS_V4, .bytes = {10}}, .length = 8};
		error = respond_to(&ends, &hello);
		if (!error)
			largest = ends.server_hello_size;
	}
	assert_int_equal(error, ERR_LIMIT);
	assert_in_range(largest, MIGHTY_CLIENT_HELLO_SIZE - 9, MIGHTY_CLIENT_HELLO_SIZE);
	assert_int_equal(ends.server_hello_size, largest); /* the last that was made */
	assert_int_equal(finish(&ends), ERR_OK);
}

/* By a server who has the PSK, and seals what he likes. */
static void bad_parameters_are_refused(void **state) {
	static struct ends ends;
	struct mighty_vector vector = mighty_vectors[LIAR];
	const struct slice said = vector.server_hello;
	vector.pushed = slice_of(NULL, 0);
	ends_init(&ends, &vector);
	assert_memory_equal(ends.first, vector.first, sizeof vector.first);
	assert_int_equal(mighty_client_finish(&ends.client, said.data, said.size, &ends.taken,
										  &ends.clients, &ends.at_client),
					 ERR_MALFORMED);
	assert_true(wipe_is_zero(&ends.clients, sizeof ends.clients));
	assert_true(wipe_is_zero(&ends.at_client, sizeof ends.at_client));
}

static void bad_offers_are_refused(void **state) {
	static struct ends ends;
	ends_init(&ends, &mighty_vectors[0]);
	const struct mighty_client_hello hello = hello_of(ends.first);
	ends.pushed.interface.mtu = 1;
	assert_int_equal(respond_to(&ends, &hello), ERR_INVALID);
	ends.pushed.interface.mtu = 0;
	assert_int_equal(respond_to(&ends, &hello), ERR_OK);
	ends.offer.session_id = 0;
	assert_int_equal(respond_to(&ends, &hello), ERR_INVALID);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(every_byte_of_a_client_hello_counts),
		cmocka_unit_test(every_byte_of_a_cookie_answer_counts),
		cmocka_unit_test(every_byte_of_a_server_hello_counts),
		cmocka_unit_test(every_byte_of_a_finalize_counts),
		cmocka_unit_test(reflections_are_refused),
		cmocka_unit_test(another_psk_is_refused),
		cmocka_unit_test(low_order_keys_are_refused),
		cmocka_unit_test(ciphers_are_the_clients_choice_of_those_allowed),
		cmocka_unit_test(clients_are_made_of_known_ciphers),
		cmocka_unit_test(answers_to_the_last_three_are_taken),
		cmocka_unit_test(answers_are_bound_to_their_hello),
		cmocka_unit_test(a_cookie_changes_nothing_else),
		cmocka_unit_test(answers_are_never_larger),
		cmocka_unit_test(bad_parameters_are_refused),
		cmocka_unit_test(bad_offers_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
