#pragma once

/* Endpoints by name: everything that may happen, in any order, against what must always hold. */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tunnel/names.h"

enum { MODEL_PEERS = 6, MODEL_STEPS = 60000 };

static uint64_t model_now;
static struct {
	bool present, is_connected;
	unsigned name; /* its number */
	uint64_t unasked_since;
	struct address given[3]; /* of the last answer that counted */
	size_t given_count;
} model[MODEL_PEERS];
static struct {
	uint64_t ticket, time;
	unsigned peer, name;
} model_open[NAMES_OPEN_MAX];
static size_t model_open_count;
static unsigned model_names_ever;
static uint64_t model_random;

static const uint8_t *model_key(unsigned peer) {
	static uint8_t key[TEXT_KEY_SIZE];
	key[0] = (uint8_t)peer;
	return key;
}

static uint32_t model_draw(uint32_t limit) {
	model_random ^= model_random << 13;
	model_random ^= model_random >> 7;
	model_random ^= model_random << 17;
	return (uint32_t)(model_random >> 33) % limit;
}

static enum err model_ask(void *context, const char *name, uint64_t ticket) {
	unsigned peer, number;
	assert_int_equal(sscanf(name, "%u.%u", &peer, &number), 2);
	assert_true(model[peer].present);
	assert_int_equal(model[peer].name, number);
	if (model_draw(10) == 0)
		return ERR_AGAIN;
	assert_true(model_open_count < NAMES_OPEN_MAX);
	for (size_t i = 0; i < model_open_count; i++) {
		assert_int_not_equal(model_open[i].ticket, ticket);
		/* One question a peer. */
		assert_true(model_open[i].peer != peer || model_open[i].name != number);
	}
	model_open[model_open_count].ticket = ticket;
	model_open[model_open_count].time = model_now;
	model_open[model_open_count].peer = peer;
	model_open[model_open_count++].name = number;
	model[peer].unasked_since = model_now;
	return ERR_OK;
}

static void model_use(void *context, uint16_t tunnel, const uint8_t key[static TEXT_KEY_SIZE],
					  const struct endpoint *endpoint) {
	unsigned peer = key[0];
	assert_true(model[peer].present);
	assert_false(model[peer].is_connected);
	assert_int_equal(endpoint->port, 1 + model[peer].name % 1000);
	bool known = false;
	for (size_t i = 0; i < model[peer].given_count; i++)
		known = known || address_equal(&model[peer].given[i], &endpoint->address);
	assert_true(known);
}

static void model_tell(void *context, uint16_t tunnel, const uint8_t key[static TEXT_KEY_SIZE],
					   const char *name, const char *problem) {
	assert_true(model[key[0]].present);
}

static void model_answer(struct names *names) {
	if (model_open_count == 0)
		return;
	size_t i = model_draw((uint32_t)model_open_count);
	unsigned peer = model_open[i].peer;
	uint64_t ticket = model_open[i].ticket;
	struct address list[3];
	size_t count = model_draw(4);
	for (size_t j = 0; j < count; j++)
		list[j] =
			(struct address){.bytes = {10, 0, 0, (uint8_t)model_draw(5)}, .family = ADDRESS_V4};
	if (model[peer].present && model[peer].name == model_open[i].name && count > 0) {
		memcpy(model[peer].given, list, sizeof list);
		model[peer].given_count = count;
	}
	model_open[i] = model_open[--model_open_count];
	names_answer(names, model_now, ticket, list, count, model_draw(200), "nothing");
}

/* Those that are too old count as failed. */
static void model_forget_old(void) {
	size_t kept = 0;
	for (size_t i = 0; i < model_open_count; i++)
		if (model_now < model_open[i].time + NAMES_QUESTION_TIME)
			model_open[kept++] = model_open[i];
	model_open_count = kept;
}

static void model_step(struct names *names) {
	unsigned peer = model_draw(MODEL_PEERS);
	char name[32];
	switch (model_draw(8)) {
	case 0:
		if (model_draw(5) == 0) {
			model[peer].name = ++model_names_ever;
			model[peer].is_connected = false;
			model[peer].given_count = 0;
			model[peer].present = true;
			model[peer].unasked_since = model_now;
		}
		if (!model[peer].present)
			break;
		(void)snprintf(name, sizeof name, "%u.%u", peer, model[peer].name);
		assert_int_equal(names_put(names, model_now, 1, model_key(peer), name,
								   (uint16_t)(1 + model[peer].name % 1000)),
						 ERR_OK);
		break;
	case 1:
		if (model_draw(20) == 0) {
			names_remove(names, 1, model_key(peer));
			model[peer].present = false;
		}
		break;
	case 2:
		model[peer].is_connected = true;
		names_connected(names, model_now, 1, model_key(peer));
		break;
	case 3:
	case 4: {
		uint32_t count = model_draw(4);
		if (count >= NAMES_LOST_COUNT && model[peer].is_connected) {
			model[peer].is_connected = false;
			model[peer].unasked_since = model_now;
		}
		names_unanswered(names, model_now, 1, model_key(peer), count);
		break;
	}
	case 5:
		if (model_draw(50) == 0)
			names_retry(names, model_now);
		break;
	default:
		model_answer(names);
		break;
	}
}

static void model_run(void) {
	const struct names_host names_host = {.ask = model_ask, .use = model_use, .tell = model_tell};
	struct names *names;
	model_random = 4711;
	model_now = 1000 * CLOCK_SECOND;
	assert_int_equal(names_new(&names_host, &names), ERR_OK);
	size_t most_open = 0;
	for (unsigned step = 0; step < MODEL_STEPS; step++) {
		model_step(names);
		model_forget_old();
		uint64_t next = names_run(names, model_now);
		assert_true(next > model_now || model_open_count < NAMES_OPEN_MAX);
		model_now += model_draw(4000) * CLOCK_MILLISECOND;
		most_open = model_open_count > most_open ? model_open_count : most_open;
		for (unsigned peer = 0; peer < MODEL_PEERS; peer++) {
			enum names_state got;
			const char *problem;
			enum err error = names_state_of(names, 1, model_key(peer), &got, &problem);
			assert_int_equal(error, model[peer].present ? ERR_OK : ERR_NOT_FOUND);
			if (error != ERR_OK)
				continue;
			assert_int_equal(got == NAMES_CONNECTED, model[peer].is_connected);
			/* Whoever is not connected is asked for sooner or later: a question's time, the
			 * longest life of a name here, and some that could not be asked. */
			assert_true(model[peer].is_connected ||
						model_now - model[peer].unasked_since < 1200 * CLOCK_SECOND);
		}
	}
	assert_true(most_open > 3);
	names_free(names);
}
