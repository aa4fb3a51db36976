#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/front.h"

/* A front with a scripted client, a scripted target, and the news in the order they came. */
struct world {
	struct front *front;
	struct credentials *credentials;
	uint64_t now;
	char news[4096];
	char client[300000], target[300000]; /* what was sent to them */
	size_t client_size, target_size;
	struct target opened;
	bool opens_at_once, never_reads;
	enum refusal refusal; /* with opens_at_once; REFUSAL_COUNT: none */
};

static void world_note(struct world *world, const char *what, const char *more) {
	size_t size = strlen(world->news);
	(void)snprintf(world->news + size, sizeof world->news - size, "%s%s;", what, more);
}

static void world_open(void *context, const struct target *target) {
	struct world *world = context;
	char text[TARGET_TEXT_SIZE];
	target_format(target, text);
	world->opened = *target;
	world_note(world, "open ", text);
	if (world->opens_at_once && world->refusal == REFUSAL_COUNT)
		front_opened(world->front, world->now);
	else if (world->opens_at_once)
		front_refused(world->front, world->now, world->refusal);
}

static void world_associate(void *context, const struct target *hint) {
	char text[TARGET_TEXT_SIZE];
	target_format(hint, text);
	world_note(context, "associate ", text);
}

static void world_relay(void *context) {
	world_note(context, "relay", "");
}

static void world_release(void *context) {
	world_note(context, "release", "");
}

static void world_close(void *context) {
	world_note(context, "close", "");
}

/* Whoever wants to keep bytes back sets never_reads. */
static void world_send(struct world *world) {
	for (int i = 0; i < 2 && !world->never_reads; i++) {
		enum front_side side = i ? FRONT_TARGET : FRONT_CLIENT;
		struct slice waiting = front_waiting(world->front, side);
		char *to = i ? world->target : world->client;
		size_t *size = i ? &world->target_size : &world->client_size;
		assert_true(*size + waiting.size < sizeof world->client);
		if (waiting.size > 0)
			memcpy(to + *size, waiting.data, waiting.size);
		*size += waiting.size;
		to[*size] = '\0';
		front_sent(world->front, side, waiting.size);
	}
}

/* In pieces, what was not taken with what follows; how much was taken in the end. */
static size_t world_put(struct world *world, enum front_side side, const void *data, size_t size,
						size_t piece) {
	size_t at = 0, end = 0;
	for (size_t last = SIZE_MAX; end < size || at != last;) {
		last = end == size ? at : SIZE_MAX;
		end = end + piece < size ? end + piece : size;
		if (at == end)
			break;
		uint8_t *copy = malloc(end - at);
		assert_non_null(copy);
		memcpy(copy, (const uint8_t *)data + at, end - at);
		at += front_put(world->front, world->now, side, copy, end - at);
		free(copy);
		world_send(world);
	}
	return at;
}

static inline size_t world_text(struct world *world, enum front_side side, const char *text) {
	return world_put(world, side, text, strlen(text), strlen(text));
}

static struct world *world_new(const struct credential *credential) {
	static const struct front_ops ops = {world_open, world_associate, world_relay, world_release,
										 world_close};
	struct world *world = calloc(1, sizeof *world);
	assert_non_null(world);
	world->now = CLOCK_SECOND;
	world->refusal = REFUSAL_COUNT;
	if (credential)
		assert_int_equal(credentials_new(credential, 1, &world->credentials), ERR_OK);
	const struct front_options options = {&ops, world, world->credentials};
	assert_int_equal(front_new(&options, world->now, &world->front), ERR_OK);
	return world;
}

static void world_free(struct world *world) {
	front_free(world->front);
	credentials_free(world->credentials);
	free(world);
}

static inline void world_expect(struct world *world, const char *news) {
	world_send(world);
	assert_string_equal(world->news, news);
	world->news[0] = '\0';
}

/* What the client got since the last time. */
static inline void world_expect_bytes(struct world *world, const void *data, size_t size) {
	world_send(world);
	assert_int_equal(world->client_size, size);
	assert_memory_equal(world->client, data, size);
	world->client_size = 0;
}

/* Of the client's answer. */
static inline void world_expect_status(struct world *world, const char *status) {
	world_send(world);
	assert_true(strncmp(world->client, status, strlen(status)) == 0);
}
