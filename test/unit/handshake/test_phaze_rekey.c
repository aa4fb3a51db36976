#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/wipe.h"
#include "handshake/phaze_rekey.h"

#include "../../vectors/phaze_vectors.h"

enum { REKEYS = sizeof phaze_rekey_vectors / sizeof *phaze_rekey_vectors };

static const struct phaze_rekey_vector *const vectors = phaze_rekey_vectors;
static const uint64_t start = 1000 * CLOCK_SECOND;

static void give(void *context, void *out_data, size_t size) {
	memcpy(out_data, context, size);
}

static struct random_source source(const uint8_t *bytes) {
	return (struct random_source){give, (void *)bytes};
}

struct ends {
	struct phaze_rekey client, server;
	struct phaze_generation at_client, at_server;
	uint8_t init[PHAZE_REKEY_SIZE], answer[PHAZE_REKEY_SIZE];
};

static void ends_init(struct ends *ends) {
	memset(ends, 0, sizeof *ends);
	phaze_rekey_init(&ends->client, true, vectors[0].before);
	phaze_rekey_init(&ends->server, false, vectors[0].before);
}

static enum err ask(struct ends *ends, size_t number, uint64_t now) {
	const struct random_source random = source(vectors[number].client_private);
	return phaze_rekey_start(&ends->client, &random, now, vectors[number].client_id, ends->init);
}

/* As long after the one before as may be. */
static enum err answer(struct ends *ends, size_t number, uint32_t under) {
	const struct random_source random = source(vectors[number].server_private);
	return phaze_rekey_answer(&ends->server, &random, start + number * CLOCK_SECOND, under,
							  vectors[number].server_id, ends->init, sizeof ends->init,
							  ends->answer, &ends->at_server);
}

static enum err finish(struct ends *ends, uint32_t under) {
	return phaze_rekey_finish(&ends->client, under, ends->answer, sizeof ends->answer,
							  &ends->at_client);
}

static void assert_generation(const struct phaze_generation *generation, size_t number) {
	assert_int_equal(generation->number, number + 1);
	assert_int_equal(generation->client_id, vectors[number].client_id);
	assert_int_equal(generation->server_id, vectors[number].server_id);
	assert_memory_equal(generation->client, vectors[number].client_data, AEAD_KEY_SIZE);
	assert_memory_equal(generation->server, vectors[number].server_data, AEAD_KEY_SIZE);
}

/* Three generations, as another implementation has them. */
static void known_answers(void **state) {
	struct ends ends;
	ends_init(&ends);
	for (uint32_t i = 0; i < REKEYS; i++) {
		assert_int_equal(ask(&ends, i, start + i * CLOCK_SECOND), ERR_OK);
		assert_memory_equal(ends.init, vectors[i].init, sizeof ends.init);
		assert_int_equal(answer(&ends, i, i), ERR_OK);
		assert_memory_equal(ends.answer, vectors[i].answer, sizeof ends.answer);
		assert_int_equal(finish(&ends, i), ERR_OK);
		assert_generation(&ends.at_client, i);
		assert_generation(&ends.at_server, i);
		assert_memory_equal(ends.client.secret, vectors[i].after, sizeof ends.client.secret);
		assert_memory_equal(ends.server.secret, vectors[i].after, sizeof ends.server.secret);
		assert_true(wipe_is_zero(ends.client.private_key, sizeof ends.client.private_key));
		assert_true(phaze_rekey_opened(&ends.server, start, i + 1));
		assert_true(phaze_rekey_opened(&ends.client, start, i + 1));
	}
	phaze_rekey_done(&ends.client);
	assert_true(wipe_is_zero(&ends.client, sizeof ends.client));
}

/* The client seals with the new one at once, the server once it opened something under it. */
static void sending_switches_when_the_other_end_can_open(void **state) {
	struct ends ends;
	ends_init(&ends);
	assert_int_equal(phaze_rekey_sealing(&ends.client), 0);
	assert_int_equal(phaze_rekey_sealing(&ends.server), 0);
	assert_int_equal(ask(&ends, 0, start), ERR_OK);
	assert_int_equal(phaze_rekey_sealing(&ends.client), 0);
	assert_false(phaze_rekey_opens(&ends.server, start, 1));
	assert_int_equal(answer(&ends, 0, 0), ERR_OK);
	assert_int_equal(phaze_rekey_sealing(&ends.server), 0);
	assert_true(phaze_rekey_opens(&ends.server, start, 0));
	assert_true(phaze_rekey_opens(&ends.server, start, 1));
	assert_false(phaze_rekey_opened(&ends.server, start, 0)); /* what was under way */
	assert_int_equal(phaze_rekey_sealing(&ends.server), 0);
	assert_int_equal(finish(&ends, 0), ERR_OK);
	assert_int_equal(phaze_rekey_sealing(&ends.client), 1);
	assert_true(phaze_rekey_opened(&ends.server, start, 1));
	assert_false(phaze_rekey_opened(&ends.server, start + 1, 1));
	assert_int_equal(phaze_rekey_sealing(&ends.server), 1);
}

/* Until a packet opened under the new one, and ten seconds; never three. */
static void old_keys_open_for_a_time(void **state) {
	struct ends ends;
	uint8_t init[PHAZE_REKEY_SIZE];
	ends_init(&ends);
	assert_int_equal(phaze_rekey_deadline(&ends.server), CLOCK_NEVER);
	assert_int_equal(ask(&ends, 0, start), ERR_OK);
	assert_int_equal(answer(&ends, 0, 0), ERR_OK);
	assert_int_equal(phaze_rekey_deadline(&ends.server), CLOCK_NEVER);
	assert_true(phaze_rekey_opens(&ends.server, start + 1000 * CLOCK_SECOND, 0));
	assert_true(phaze_rekey_opened(&ends.server, start, 1));
	const uint64_t until = start + 10 * CLOCK_SECOND;
	assert_int_equal(phaze_rekey_deadline(&ends.server), until);
	assert_true(phaze_rekey_opens(&ends.server, until - 1, 0));
	assert_false(phaze_rekey_opens(&ends.server, until, 0));
	assert_true(phaze_rekey_opens(&ends.server, until, 1));
	assert_false(phaze_rekey_expire(&ends.server, until, init));
	assert_int_equal(phaze_rekey_deadline(&ends.server), CLOCK_NEVER);
	assert_false(phaze_rekey_opens(&ends.server, start, 0));
	/* The next before the ten seconds are over. */
	assert_int_equal(finish(&ends, 0), ERR_OK);
	assert_true(phaze_rekey_opened(&ends.client, start, 1));
	assert_int_equal(ask(&ends, 1, start + CLOCK_SECOND), ERR_OK);
	assert_int_equal(answer(&ends, 1, 1), ERR_OK);
	assert_int_equal(finish(&ends, 1), ERR_OK);
	assert_false(phaze_rekey_opens(&ends.client, start, 0));
	assert_true(phaze_rekey_opens(&ends.client, start, 1));
	assert_true(phaze_rekey_opens(&ends.client, start, 2));
}

/* After 1, 2, 4… seconds the same init, and to it the same answer. */
static void what_is_lost_is_said_again(void **state) {
	struct ends ends;
	uint8_t init[PHAZE_REKEY_SIZE], first[PHAZE_REKEY_SIZE];
	uint64_t now = start;
	ends_init(&ends);
	assert_int_equal(ask(&ends, 0, now), ERR_OK);
	assert_int_equal(ask(&ends, 1, now), ERR_EXISTS);
	assert_int_equal(answer(&ends, 0, 0), ERR_OK);
	memcpy(first, ends.answer, sizeof first);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(phaze_rekey_deadline(&ends.client), now + (CLOCK_SECOND << i));
		now = phaze_rekey_deadline(&ends.client);
		assert_false(phaze_rekey_expire(&ends.client, now - 1, init));
		assert_true(phaze_rekey_expire(&ends.client, now, init));
		assert_memory_equal(init, ends.init, sizeof init);
		memset(ends.answer, 0, sizeof ends.answer);
		assert_int_equal(answer(&ends, 1, 0), ERR_EXISTS); /* whatever it could draw now */
		assert_memory_equal(ends.answer, first, sizeof first);
	}
	assert_int_equal(finish(&ends, 0), ERR_OK);
	assert_generation(&ends.at_client, 0);
	assert_generation(&ends.at_server, 0);
	assert_int_equal(phaze_rekey_deadline(&ends.client), CLOCK_NEVER);
	assert_false(phaze_rekey_expire(&ends.client, now + 1000 * CLOCK_SECOND, init));
	/* Once the client has it, its init is nothing any more. */
	assert_true(phaze_rekey_opened(&ends.server, now, 1));
	assert_int_equal(answer(&ends, 0, 0), ERR_NOT_FOUND);
	assert_int_equal(answer(&ends, 0, 1), ERR_NOT_FOUND);
	assert_int_equal(finish(&ends, 0), ERR_NOT_FOUND);
	assert_int_equal(finish(&ends, 1), ERR_NOT_FOUND);
}

static void other_generations_are_ignored(void **state) {
	struct ends ends, before;
	ends_init(&ends);
	assert_int_equal(ask(&ends, 0, start), ERR_OK);
	before = ends;
	assert_int_equal(answer(&ends, 0, 1), ERR_NOT_FOUND); /* opened under none that there is */
	for (unsigned generation = 0; generation < 5; generation++) {
		ends.init[4] = (uint8_t)generation;
		if (generation == 1)
			continue;
		assert_int_not_equal(answer(&ends, 0, 0), ERR_OK);
		assert_memory_equal(&ends.server, &before.server, sizeof ends.server);
	}
	ends.init[4] = 1;
	ends.init[0] = PHAZE_REKEY_ANSWER; /* its own, as it could have come back */
	assert_int_equal(answer(&ends, 0, 0), ERR_NOT_FOUND);
	ends.init[0] = PHAZE_REKEY_INIT;
	assert_int_equal(answer(&ends, 0, 0), ERR_OK);
	assert_int_equal(answer(&ends, 0, 1), ERR_NOT_FOUND); /* who has the next key repeats nothing */
	before = ends;
	/* Another init of the same generation: one was answered. */
	ends.init[40] ^= 1;
	assert_int_equal(answer(&ends, 0, 0), ERR_NOT_FOUND);
	ends.init[40] ^= 1;
	assert_int_equal(finish(&ends, 1), ERR_NOT_FOUND);
	for (unsigned generation = 0; generation < 5; generation++) {
		ends.answer[4] = (uint8_t)generation;
		if (generation != 1)
			assert_int_not_equal(finish(&ends, 0), ERR_OK);
	}
	ends.answer[4] = 1;
	ends.answer[0] = PHAZE_REKEY_INIT; /* its own, come back */
	assert_int_equal(finish(&ends, 0), ERR_NOT_FOUND);
	ends.answer[0] = PHAZE_REKEY_ANSWER;
	assert_memory_equal(&ends.client, &before.client, sizeof ends.client);
	assert_int_equal(finish(&ends, 0), ERR_OK);
	/* An old key, which others may have by now, starts nothing. */
	assert_true(phaze_rekey_opened(&ends.server, start, 1));
	memcpy(ends.init, vectors[1].init, sizeof ends.init);
	assert_int_equal(answer(&ends, 1, 0), ERR_NOT_FOUND);
	assert_int_equal(answer(&ends, 1, 1), ERR_OK);
}

static void bad_contents_change_nothing(void **state) {
	struct ends ends, before;
	const uint8_t ask_kind = PHAZE_REKEY_ASK;
	ends_init(&ends);
	before = ends;
	assert_int_equal(phaze_rekey_answer(&ends.server, NULL, start, 0, 7, &ask_kind, 1, ends.answer,
										&ends.at_server),
					 ERR_NOT_FOUND);
	assert_int_equal(phaze_rekey_answer(&ends.server, NULL, start, 0, 7, vectors[0].init, 40,
										ends.answer, &ends.at_server),
					 ERR_TRUNCATED);
	memcpy(ends.init, vectors[0].init, sizeof ends.init);
	memset(ends.init + 9, 0, X25519_KEY_SIZE);
	assert_int_equal(answer(&ends, 0, 0), ERR_CRYPTO); /* of low order */
	memset(ends.init, 0, sizeof ends.init);
	assert_memory_equal(&ends, &before, sizeof ends);
	assert_int_equal(ask(&ends, 0, start), ERR_OK);
	assert_int_equal(answer(&ends, 0, 0), ERR_OK);
	before = ends;
	memset(ends.answer + 9, 0, X25519_KEY_SIZE);
	assert_int_equal(finish(&ends, 0), ERR_CRYPTO);
	memcpy(ends.answer, before.answer, sizeof ends.answer);
	assert_memory_equal(&ends, &before, sizeof ends);
	/* Each has its part, and no other. */
	assert_int_equal(phaze_rekey_start(&ends.server, NULL, start, 7, ends.init), ERR_INVALID);
	assert_int_equal(phaze_rekey_start(&ends.client, NULL, start, 0, ends.init), ERR_INVALID);
	assert_int_equal(phaze_rekey_answer(&ends.client, NULL, start, 0, 7, ends.init,
										sizeof ends.init, ends.answer, &ends.at_server),
					 ERR_INVALID);
	ends.client.is_asking = false;
	ends.client.newest = UINT32_MAX;
	assert_int_equal(ask(&ends, 0, start), ERR_LIMIT);
}

/* However often somebody wants one: once a second, and half of that for who answers. */
static void rekeys_are_apart(void **state) {
	struct ends ends, before;
	const uint64_t apart[] = {CLOCK_SECOND, CLOCK_SECOND / 2};
	ends_init(&ends);
	assert_int_equal(ask(&ends, 0, start), ERR_OK);
	assert_int_equal(answer(&ends, 0, 0), ERR_OK);
	assert_int_equal(finish(&ends, 0), ERR_OK);
	assert_true(phaze_rekey_opened(&ends.server, start, 1));
	before = ends;
	assert_int_equal(ask(&ends, 1, start + apart[0] - 1), ERR_AGAIN);
	memcpy(ends.init, vectors[1].init, sizeof ends.init);
	const struct random_source random = source(vectors[1].server_private);
	assert_int_equal(phaze_rekey_answer(&ends.server, &random, start + apart[1] - 1, 1, 7,
										ends.init, sizeof ends.init, ends.answer, &ends.at_server),
					 ERR_AGAIN);
	assert_memory_equal(&ends.client, &before.client, sizeof ends.client);
	assert_memory_equal(&ends.server, &before.server, sizeof ends.server);
	assert_int_equal(phaze_rekey_answer(&ends.server, &random, start + apart[1], 1, 7, ends.init,
										sizeof ends.init, ends.answer, &ends.at_server),
					 ERR_OK);
	assert_int_equal(ask(&ends, 1, start + apart[0]), ERR_OK);
}

static void limits_are_of_packets_and_age(void **state) {
	const struct phaze_rekey_limits limits = {PHAZE_REKEY_PACKETS, PHAZE_REKEY_AGE};
	const uint64_t many = UINT64_C(1) << 30;
	assert_false(phaze_rekey_is_due(&limits, many - 1, 120 * CLOCK_SECOND - 1));
	assert_true(phaze_rekey_is_due(&limits, many, 0));
	assert_true(phaze_rekey_is_due(&limits, 0, 120 * CLOCK_SECOND));
	assert_false(phaze_rekey_is_dead(&limits, 2 * many - 1, 180 * CLOCK_SECOND - 1));
	assert_true(phaze_rekey_is_dead(&limits, 2 * many, 0));
	assert_true(phaze_rekey_is_dead(&limits, 0, 180 * CLOCK_SECOND));
}

/* A network that loses and delays, with traffic both ways all the while. */
enum { WAY_MAX = 256 };

struct carried {
	bool used, to_server;
	uint64_t at;
	uint32_t under;
	size_t size; /* of a REKEY packet's content; 0: data */
	uint8_t content[PHAZE_REKEY_SIZE];
};

struct way {
	struct ends ends;
	struct carried carried[WAY_MAX];
	uint32_t seed, last_id;
	unsigned done;
};

static uint32_t draw(struct way *way, uint32_t below) {
	way->seed = way->seed * 1664525 + 1013904223;
	return (way->seed >> 8) % below;
}

static void count(void *context, void *out_data, size_t size) {
	struct way *way = context;
	memset(out_data, (int)draw(way, 256), size);
}

static void carry(struct way *way, uint64_t now, bool to_server, uint32_t under,
				  const uint8_t *content, size_t size) {
	const bool lost = draw(way, 100) < 30;
	for (size_t i = 0; i < WAY_MAX && !lost; i++) {
		struct carried *one = &way->carried[i];
		if (one->used)
			continue;
		*one = (struct carried){true,  to_server, now + draw(way, 3000) * CLOCK_MILLISECOND,
								under, size,      {0}};
		if (size > 0)
			memcpy(one->content, content, size);
		return;
	}
}

/* What was sealed no longer ago than a delay lasts opens. */
static void deliver(struct way *way, uint64_t now, const struct carried *one) {
	const struct random_source random = {count, way};
	struct ends *ends = &way->ends;
	struct phaze_rekey *to = one->to_server ? &ends->server : &ends->client;
	uint8_t answered[PHAZE_REKEY_SIZE];
	assert_true(phaze_rekey_opens(to, now, one->under));
	(void)phaze_rekey_opened(to, now, one->under);
	if (one->size == 0)
		return;
	if (!one->to_server) {
		if (phaze_rekey_finish(to, one->under, one->content, one->size, &ends->at_client) == ERR_OK)
			way->done++;
		return;
	}
	const enum err error = phaze_rekey_answer(to, &random, now, one->under, ++way->last_id,
											  one->content, one->size, answered, &ends->at_server);
	/* Under the key that init came under: the client has no other yet. */
	if (error == ERR_OK || error == ERR_EXISTS)
		carry(way, now, false, one->under, answered, sizeof answered);
}

static void traffic_opens_all_the_while(void **state) {
	static struct way way;
	const struct random_source random = {count, &way};
	uint8_t init[PHAZE_REKEY_SIZE];
	way.seed = 1;
	ends_init(&way.ends);
	struct phaze_rekey *client = &way.ends.client, *server = &way.ends.server;
	for (uint64_t tick = 0; tick < 40000; tick++) {
		const uint64_t now = start + tick * 50 * CLOCK_MILLISECOND;
		const uint32_t under = phaze_rekey_sealing(client);
		for (size_t i = 0; i < WAY_MAX; i++) {
			struct carried one = way.carried[i];
			if (!one.used || one.at > now)
				continue;
			way.carried[i].used = false;
			deliver(&way, now, &one);
		}
		if (tick % 240 == 0 && /* every 12 s */
			phaze_rekey_start(client, &random, now, ++way.last_id, init) == ERR_OK)
			carry(&way, now, true, under, init, sizeof init);
		if (phaze_rekey_expire(client, now, init))
			carry(&way, now, true, phaze_rekey_sealing(client), init, sizeof init);
		(void)phaze_rekey_expire(server, now, init);
		carry(&way, now, true, phaze_rekey_sealing(client), NULL, 0);
		carry(&way, now, false, phaze_rekey_sealing(server), NULL, 0);
		assert_in_range(server->newest - client->newest, 0, 1);
		if (server->newest == client->newest) {
			assert_memory_equal(server->secret, client->secret, sizeof client->secret);
			if (client->newest > 0)
				assert_memory_equal(&way.ends.at_client, &way.ends.at_server,
									sizeof way.ends.at_client);
		}
	}
	assert_in_range(way.done, 100, 167);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(sending_switches_when_the_other_end_can_open),
		cmocka_unit_test(old_keys_open_for_a_time),
		cmocka_unit_test(what_is_lost_is_said_again),
		cmocka_unit_test(other_generations_are_ignored),
		cmocka_unit_test(bad_contents_change_nothing),
		cmocka_unit_test(rekeys_are_apart),
		cmocka_unit_test(limits_are_of_packets_and_age),
		cmocka_unit_test(traffic_opens_all_the_while),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
