#include "daemon/device_engine.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/csprng.h"
#include "daemon/net.h"
#include "engine/engine.h"
#include "loop/loop.h"

static struct list engines = {.next = &engines, .previous = &engines};

static uint64_t clock_of(void *context) {
	(void)context;
	return clock_now();
}

static uint64_t wall_clock_of(void *context) {
	(void)context;
	return clock_wall_now();
}

static const struct engine_clock system_clock = {.now = clock_of, .wall_now = wall_clock_of};

static void wake(void *loop) {
	loop_wake(loop);
}

static enum err open_engine(const struct net_start *start, struct engine **out_engine) {
	const struct aead_backend *backend = aead_backend_find(start->aead);
	if (!backend)
		return ERR_UNSUPPORTED;
	const struct engine_options options = {
		.shards = start->shards,
		.backend = backend,
		.random = &csprng,
		.clock = &system_clock,
		.notify = wake,
		.notify_context = start->loop,
	};
	struct engine *engine;
	enum err error = engine_new(&options, &engine);
	if (error)
		return error;
	error = engine_start(engine);
	if (error) {
		engine_free(engine);
		return error;
	}
	log_debug("%s%u shard%s, AEAD by %s", start->prefix, start->shards,
			  start->shards == 1 ? "" : "s", aead_backend_name(backend));
	*out_engine = engine;
	return ERR_OK;
}

static struct device_engine *find(uint16_t shards) {
	list_for_each (link, &engines) {
		struct device_engine *engine = list_item(link, struct device_engine, link);
		if (engine_shards(engine->engine) == shards)
			return engine;
	}
	return NULL;
}

enum err device_engine_take(const struct net_start *start, struct device_engine **out_engine) {
	struct device_engine *engine = find(start->shards);
	if (!engine) {
		engine = calloc(1, sizeof *engine);
		if (!engine)
			return ERR_NO_MEMORY;
		enum err error = open_engine(start, &engine->engine);
		if (error) {
			free(engine);
			return error;
		}
		list_init(&engine->ports);
		list_append(&engines, &engine->link);
	}
	engine->users++;
	*out_engine = engine;
	return ERR_OK;
}

void device_engine_release(struct device_engine *engine) {
	if (!engine || --engine->users > 0)
		return;
	list_remove(&engine->link);
	engine_free(engine->engine);
	free(engine);
}
