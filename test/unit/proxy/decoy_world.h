#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoy_site.h"
#include "proxy/decoy.h"
#include "proxy/decoy_backend.h"

/* A decoy, a client's bytes, an owner who judges, and a backend whose bytes the test says. */

enum { DECOY_WORLD_BACKENDS = 64 };

struct world {
	struct decoy *decoy;
	struct site *site;
	uint64_t now;
	unsigned candidates;
	bool pending;       /* a candidate waits for its verdict */
	bool keeps_pending; /* the test judges */
	char candidate[2048];
	struct decoy_backend *backends[DECOY_WORLD_BACKENDS]; /* NULL: closed */
	size_t backend_count, resumed, closed;
	char client[700000]; /* what was sent to it */
	size_t client_size;
};

static void world_candidate(void *context, struct slice text) {
	struct world *world = context;
	assert_false(world->pending);
	world->candidates++;
	world->pending = true;
	assert_true(text.size < sizeof world->candidate);
	(void)snprintf(world->candidate, sizeof world->candidate, "%.*s", (int)text.size,
				   text.size > 0 ? (const char *)text.data : "");
}

static void world_open(void *context, struct decoy_backend *backend) {
	struct world *world = context;
	assert_true(world->backend_count < DECOY_WORLD_BACKENDS);
	assert_null(decoy_backend_owner(backend));
	decoy_backend_set_owner(backend, &world->backends[world->backend_count]);
	world->backends[world->backend_count++] = backend;
}

static void world_resume(void *context, struct decoy_backend *backend) {
	((struct world *)context)->resumed++;
}

static void world_close(void *context, struct decoy_backend *backend) {
	struct decoy_backend **place = decoy_backend_owner(backend);
	assert_ptr_equal(*place, backend);
	*place = NULL;
	((struct world *)context)->closed++;
}

static uint64_t world_wall_now(void *context) {
	return 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
}

static const struct decoy_ops world_ops = {
	.candidate = world_candidate,
	.open = world_open,
	.resume = world_resume,
	.close = world_close,
	.wall_now = world_wall_now,
};

static inline struct world *world_new_of(bool http2, bool plain, bool with_site) {
	struct world *world = calloc(1, sizeof *world);
	assert_non_null(world);
	world->now = CLOCK_SECOND;
	world->site = with_site ? decoy_site_new(false) : NULL;
	const struct decoy_options options = {
		.ops = &world_ops,
		.context = world,
		.http2 = http2,
		.plain = plain,
		.site = world->site,
		.cookie = "sid",
		.peer = "192.0.2.9",
		.port = 8443,
	};
	assert_int_equal(decoy_new(&options, world->now, &world->decoy), ERR_OK);
	return world;
}

static inline struct world *world_new(bool http2, bool with_site) {
	return world_new_of(http2, false, with_site);
}

static inline void world_free(struct world *world) {
	decoy_free(world->decoy);
	assert_int_equal(world->closed, world->backend_count);
	site_release(world->site);
	free(world);
}

static inline void world_refuse(struct world *world) {
	assert_true(world->pending);
	world->pending = false;
	decoy_judged(world->decoy, world->now, false, slice_of(NULL, 0));
}

/* Judges, and moves what waits for the client. */
static inline void world_run(struct world *world) {
	for (;;) {
		if (world->pending && !world->keeps_pending)
			world_refuse(world);
		struct slice waiting = decoy_waiting(world->decoy);
		if (waiting.size == 0)
			return;
		assert_true(waiting.size < sizeof world->client - world->client_size);
		memcpy(world->client + world->client_size, waiting.data, waiting.size);
		world->client_size += waiting.size;
		world->client[world->client_size] = '\0';
		decoy_sent(world->decoy, world->now, waiting.size);
	}
}

/* Returns how many bytes were taken in the end. */
static inline size_t world_put(struct world *world, const void *data, size_t size, size_t piece) {
	size_t used = 0, idle = 0;
	for (;;) {
		size_t part = size - used < piece ? size - used : piece;
		size_t taken = decoy_put(world->decoy, world->now, (const uint8_t *)data + used, part);
		used += taken;
		world_run(world);
		/* What was not taken may be, now that something was sent. */
		idle = taken == 0 ? idle + 1 : 0;
		if (used == size || idle == 2)
			return used;
	}
}

static inline size_t world_text(struct world *world, const char *text) {
	return world_put(world, text, strlen(text), SIZE_MAX);
}
