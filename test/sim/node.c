#include "sim/node.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "back_end.h"
#include "base/text.h"
#include "crypto/x25519.h"
#include "engine/shard.h"
#include "proto/registry.h"
#include "proto/wireguard_control.h"
#include "sim/network.h"
#include "sim/world.h"

enum { HEX_TEXTS = 8 };

/* Rounds in which packets, commands and buffers that travel between shards reach their ends. */
enum { ROUNDS = 3 };

static void must(bool is_so, const char *what) {
	if (is_so)
		return;
	fprintf(stderr, "simulator: %s\n", what);
	abort();
}

uint64_t node_now(const struct node *node) {
	return sim_now(node->world->network) + node->clock_offset;
}

uint64_t node_wall_now(const struct node *node) {
	return node_now(node) - WORLD_START + WORLD_WALL_START + node->wall_offset;
}

static uint64_t read_clock(void *context) {
	struct node *node = context;
	node->clock_offset += node->clock_cost;
	return node_now(node);
}

static uint64_t read_wall_clock(void *context) {
	return node_wall_now(context);
}

static void notify(void *context) {
	struct node *node = context;
	node->notified = true;
}

static int host_mark(void *context, uint32_t mark) {
	(void)context;
	(void)mark;
	return 0;
}

/* The sockets themselves are freed by their shards. */
static void host_closed(void *context) {
	struct node *node = context;
	node->port = 0;
}

static void host_save(void *context, struct slice data) {
	struct node *node = context;
	if (node->restoring)
		return;
	if (node->record_count == node->record_capacity) {
		node->record_capacity = node->record_capacity * 2 + 16;
		node->records = reallocarray(node->records, node->record_capacity, sizeof *node->records);
		must(node->records, "out of memory");
	}
	struct node_record *record = &node->records[node->record_count++];
	record->size = data.size;
	record->data = malloc(data.size);
	must(record->data, "out of memory");
	memcpy(record->data, data.data, data.size);
}

static void host_warn(void *context, const char *text) {
	struct node *node = context;
	(void)text;
	node->warnings++;
}

static void host_event(void *context, const struct device_event *event) {
	struct node *node = context;
	if (node->event_count < NODE_EVENTS_MAX)
		node->events[node->event_count] = (struct node_event){
			.time = sim_now(node->world->network),
			.event = *event,
		};
	node->event_count++;
}

static void start(struct node *node) {
	const struct engine_options engine_options = {
		.shards = node->options.shards,
		.backend = back_end_of_test(),
		.random = sim_random(node->world->network),
		.clock = &node->clock,
		.notify = notify,
		.notify_context = node,
	};
	must(engine_new(&engine_options, &node->engine) == ERR_OK, "no engine");
	struct tun_queue queues[INTERFACE_SHARDS_MAX];
	for (uint8_t i = 0; i < node->options.shards; i++)
		queues[i] = node_tun_open(node, i);
	const struct device_options device_options = {
		.engine = node->engine,
		.queues = queues,
		.coalesce = node->options.coalesce,
		.mtu = NODE_MTU,
		.listen_at_once = node->options.listen_at_once,
		.host = &node->host,
	};
	must(node->ops->new (&device_options, &node->device) == ERR_OK, "no device");
	node->run_at = CLOCK_NEVER;
	node->dirty = true;
}

static void stop(struct node *node) {
	node->ops->free(node->device);
	engine_free(node->engine);
	node->device = NULL;
	node->engine = NULL;
	must(list_is_empty(&node->sockets), "a socket was not freed");
	for (uint8_t i = 0; i < INTERFACE_SHARDS_MAX; i++)
		must(!node->tuns[i], "a TUN queue was not freed");
}

struct node *node_new(struct world *world, uint8_t number, const struct node_options *options) {
	struct node *node = calloc(1, sizeof *node);
	must(node, "out of memory");
	node->world = world;
	node->number = number;
	if (options)
		node->options = *options;
	if (node->options.shards == 0)
		node->options.shards = 1;
	list_init(&node->sockets);
	node->ops = node->options.ops ? node->options.ops : registry_default();
	node->clock = (struct engine_clock){
		.now = read_clock,
		.wall_now = read_wall_clock,
		.context = node,
	};
	node->host = (struct device_host){
		.context = node,
		.listen = node_listen,
		.mark = host_mark,
		.closed = host_closed,
		.save = host_save,
		.warn = host_warn,
		.event = host_event,
	};
	char text[ADDRESS_TEXT_SIZE];
	(void)snprintf(text, sizeof text, "192.0.2.%u", number);
	must(address_parse(text, &node->v4) == ERR_OK, "no address");
	(void)snprintf(text, sizeof text, "2001:db8::%x", number);
	must(address_parse(text, &node->v6) == ERR_OK, "no address");
	x25519_generate(sim_random(world->network), node->private_key);
	must(x25519_public(node->private_key, node->public_key) == ERR_OK, "no key");
	start(node);
	if (node->options.ops)
		return node;
	must(node_set(node, "private_key=%s\nlisten_port=%d\n", node_hex(node->private_key),
				  NODE_PORT) == 0,
		 "no configuration");
	return node;
}

static void forget_records(struct node *node) {
	for (size_t i = 0; i < node->record_count; i++)
		free(node->records[i].data);
	node->record_count = 0;
}

void node_free(struct node *node) {
	if (!node)
		return;
	stop(node);
	node_forget_arrivals(node);
	free(node->arrivals);
	forget_records(node);
	free(node->records);
	free(node);
}

void node_restart(struct node *node) {
	stop(node);
	start(node);
	node->restoring = true;
	for (size_t i = 0; i < node->record_count; i++)
		must(node->ops->restore(node->device,
								slice_of(node->records[i].data, node->records[i].size)) == ERR_OK,
			 "a record cannot be restored");
	node->restoring = false;
	if (node->up)
		node->ops->link(node->device, NODE_MTU, true);
	node->dirty = true;
}

int node_set(struct node *node, const char *format, ...) {
	char text[NODE_TEXT_MAX];
	va_list arguments;
	va_start(arguments, format);
	int size = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	must(size >= 0 && (size_t)size < sizeof text, "a text is too long");
	node->dirty = true;
	return node->ops->set(node->device, slice_of(text, (size_t)size));
}

char *node_get(const struct node *node) {
	struct uapi_text text = {.data = NULL};
	node->ops->get(node->device, &text);
	must(text.error == ERR_OK, "no answer to get");
	char *copy = calloc(1, text.size + 1); /* the text itself has no NUL */
	must(copy, "out of memory");
	if (text.size > 0)
		memcpy(copy, text.data, text.size);
	uapi_text_done(&text);
	return copy;
}

void node_get_value(const struct node *node, const struct node *peer, const char *key,
					char *out_value, size_t size) {
	char *text = node_get(node);
	bool inside = !peer;
	out_value[0] = '\0';
	char *rest = NULL;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *equal = strchr(line, '=');
		must(equal, "a line without value");
		*equal = '\0';
		if (strcmp(line, "public_key") == 0)
			inside = peer && strcmp(equal + 1, node_hex(peer->public_key)) == 0;
		if (inside && strcmp(line, key) == 0)
			(void)snprintf(out_value, size, "%s", equal + 1);
	}
	free(text);
}

const char *node_hex(const uint8_t key[static X25519_KEY_SIZE]) {
	static char texts[HEX_TEXTS][TEXT_KEY_HEX_SIZE];
	static unsigned next;
	char *text = texts[next++ % HEX_TEXTS];
	text_hex_encode(key, X25519_KEY_SIZE, text);
	return text;
}

struct endpoint node_endpoint(const struct node *node) {
	return (struct endpoint){
		.address = node->v4.family != ADDRESS_NONE ? node->v4 : node->v6,
		.port = NODE_PORT,
	};
}

void node_add_peer(struct node *node, const struct node *other, const char *more_lines) {
	struct endpoint endpoint = node_endpoint(other);
	char text[ENDPOINT_TEXT_SIZE];
	endpoint_format(&endpoint, text);
	must(node_set(node,
				  "public_key=%s\nendpoint=%s\nallowed_ip=10.0.0.%u/32\nallowed_ip=fd00::%x/128\n"
				  "%s",
				  node_hex(other->public_key), text, other->number, other->number,
				  more_lines ? more_lines : "") == 0,
		 "no peer");
}

void node_link(struct node *node, bool up) {
	node->up = up;
	node->ops->link(node->device, NODE_MTU, up);
	node->dirty = true;
}

void node_network(struct node *node) {
	node->ops->network(node->device);
	node->dirty = true;
}

struct wireguard_peer *node_peer(const struct node *node, const struct node *other) {
	return wireguard_control_find(node->device, other->public_key);
}

static uint64_t network_time_of(const struct node *node, uint64_t at) {
	if (at == CLOCK_NEVER)
		return CLOCK_NEVER;
	return at > node->clock_offset ? at - node->clock_offset : 0;
}

uint64_t node_next(const struct node *node) {
	if (node->dirty || node->notified)
		return 0;
	uint64_t next = network_time_of(node, node->run_at);
	for (uint16_t i = 0; i < engine_shards(node->engine); i++) {
		uint64_t at = network_time_of(node, shard_next(engine_shard(node->engine, i)));
		if (at < next)
			next = at;
	}
	return next;
}

static void turn_all(struct node *node) {
	uint16_t shards = engine_shards(node->engine);
	for (int round = 0; round < (shards > 1 ? ROUNDS : 1); round++)
		for (uint16_t i = 0; i < shards; i++)
			shard_turn(engine_shard(node->engine, i));
}

void node_step(struct node *node) {
	node->dirty = false;
	turn_all(node);
	if (!node->notified && node->run_at > node_now(node))
		return;
	node->notified = false;
	node->run_at = node->ops->run(node->device, node_now(node));
	/* What was retired is freed once all shards have taken another turn. */
	turn_all(node);
}
