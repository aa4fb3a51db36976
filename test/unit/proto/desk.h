#pragma once

/* A device over fake queues and sockets, and a host that only remembers; turned by the test. */

#include "engine/engine.h"
#include "engine/shard.h"
#include "proto/device.h"
#include "proto/registry.h"

#include "engine/fake_transport.h"
#include "engine/fake_tun.h"

enum { DESK_SHARDS = 2, DESK_RECORDS = 64, DESK_MTU = 1420, DESK_PORT = 4567 };

struct desk {
	uint64_t now, wall, random;
	struct engine_clock clock;
	struct random_source source;
	struct engine *engine;
	const struct device_ops *ops;
	struct device *device;
	struct device_host host;
	uint16_t shards;
	struct fake_tun *tuns[DESK_SHARDS];
	struct fake_transport *v4[DESK_SHARDS]; /* the present ones; NULL while closed */
	int listen_error, mark_error;           /* what the host answers */
	uint16_t asked_port;
	uint32_t listen_mark, mark;
	unsigned listens, marks, closes, warnings;
	bool forgets; /* records are not kept */
	struct slice records[DESK_RECORDS];
	size_t record_count;
};

static inline void desk_must(bool condition) {
	if (!condition)
		abort();
}

static inline uint64_t desk_now(void *context) {
	return ((const struct desk *)context)->now;
}

static inline uint64_t desk_wall(void *context) {
	return ((const struct desk *)context)->wall;
}

/* xorshift64*: repeatable. */
static inline void desk_fill(void *context, void *out_data, size_t size) {
	uint64_t *state = &((struct desk *)context)->random;
	for (size_t i = 0; i < size; i++) {
		*state ^= *state >> 12;
		*state ^= *state << 25;
		*state ^= *state >> 27;
		((uint8_t *)out_data)[i] = (uint8_t)(*state * UINT64_C(2685821657736338717) >> 56);
	}
}

/* The shard closes it: the desk must not keep it beyond that. */
static inline void desk_transport_free(void *context) {
	fake_transport_delete(context);
}

static const struct transport_ops desk_transport_ops = {
	.send_many = fake_transport_send,
	.receive = fake_transport_receive,
	.descriptor = fake_transport_descriptor,
	.free = desk_transport_free,
};

static inline int desk_listen(void *context, struct interface *interface, uint16_t port,
							  uint32_t mark, uint16_t *out_port) {
	struct desk *desk = context;
	struct transport v4[INTERFACE_SHARDS_MAX];
	desk->listens++;
	if (desk->listen_error)
		return desk->listen_error;
	for (uint16_t i = 0; i < desk->shards; i++) {
		desk->v4[i] = fake_transport_new();
		v4[i] = (struct transport){.ops = &desk_transport_ops, .context = desk->v4[i]};
	}
	desk_must(interface_set_transports(interface, v4, NULL) == ERR_OK);
	desk->asked_port = port;
	desk->listen_mark = mark;
	*out_port = port ? port : DESK_PORT;
	return 0;
}

static inline int desk_mark(void *context, uint32_t mark) {
	struct desk *desk = context;
	desk->marks++;
	if (!desk->mark_error)
		desk->mark = mark;
	return desk->mark_error;
}

static inline void desk_closed(void *context) {
	struct desk *desk = context;
	desk->closes++;
	for (uint16_t i = 0; i < desk->shards; i++)
		desk->v4[i] = NULL;
}

static inline void desk_save(void *context, struct slice record) {
	struct desk *desk = context;
	if (desk->forgets)
		return;
	desk_must(desk->record_count < DESK_RECORDS);
	uint8_t *copy = malloc(record.size);
	memcpy(copy, record.data, record.size);
	desk->records[desk->record_count++] = slice_of(copy, record.size);
}

static inline void desk_warn(void *context, const char *text) {
	(void)text;
	((struct desk *)context)->warnings++;
}

/* Two turns of every shard, and what they let go. */
static inline void desk_turn(struct desk *desk) {
	for (int round = 0; round < 2; round++) {
		for (uint16_t i = 0; i < desk->shards; i++)
			shard_turn(engine_shard(desk->engine, i));
		(void)desk->ops->run(desk->device, desk->now);
	}
}

/* Of a protocol's device. */
static inline struct desk *desk_new_of(uint16_t shards, const struct device_ops *ops) {
	struct desk *desk = calloc(1, sizeof *desk);
	desk->shards = shards;
	desk->now = UINT64_C(1000000000000);
	desk->wall = UINT64_C(1700000000000000000);
	desk->random = 88172645463325252;
	desk->clock = (struct engine_clock){desk_now, desk_wall, desk};
	desk->source = (struct random_source){desk_fill, desk};
	desk->host = (struct device_host){
		.context = desk,
		.listen = desk_listen,
		.mark = desk_mark,
		.closed = desk_closed,
		.save = desk_save,
		.warn = desk_warn,
	};
	const struct engine_options options = {
		.shards = shards,
		.backend = aead_backend_find("auto"),
		.random = &desk->source,
		.clock = &desk->clock,
	};
	desk_must(engine_new(&options, &desk->engine) == ERR_OK);
	desk->ops = ops;
	struct tun_queue queues[DESK_SHARDS];
	for (uint16_t i = 0; i < shards; i++) {
		desk->tuns[i] = fake_tun_new();
		queues[i] = fake_tun_of(desk->tuns[i]);
	}
	const struct device_options device_options = {
		.engine = desk->engine,
		.queues = queues,
		.mtu = DESK_MTU,
		.host = &desk->host,
	};
	desk_must(desk->ops->new (&device_options, &desk->device) == ERR_OK);
	return desk;
}

static inline struct desk *desk_new(uint16_t shards) {
	return desk_new_of(shards, registry_default());
}

static inline void desk_free(struct desk *desk) {
	desk->ops->free(desk->device);
	engine_free(desk->engine);
	for (uint16_t i = 0; i < desk->shards; i++) {
		desk_must(desk->tuns[i]->freed);
		fake_tun_delete(desk->tuns[i]);
	}
	for (size_t i = 0; i < desk->record_count; i++)
		free((void *)(uintptr_t)desk->records[i].data);
	free(desk);
}

static inline int desk_set(struct desk *desk, const char *text) {
	int number = desk->ops->set(desk->device, slice_of_text(text));
	desk_turn(desk);
	return number;
}

/* The answer to a get operation as a string; the caller frees it. */
static inline char *desk_get(const struct desk *desk) {
	struct uapi_text text = {.data = NULL};
	desk->ops->get(desk->device, &text);
	desk_must(text.error == ERR_OK);
	char *copy = calloc(1, text.size + 1);
	if (text.size > 0)
		memcpy(copy, text.data, text.size);
	uapi_text_done(&text);
	return copy;
}
