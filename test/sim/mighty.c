#include "sim/mighty.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trie.h"
#include "proto/device_news.h"
#include "proto/device_sockets.h"
#include "proto/mighty_command.h"
#include "proto/mighty_protocol.h"

struct sim_snapshot {
	struct snapshot snapshot; /* first */
	struct mighty_config config;
	struct trie *allowed_ips;
};

struct device {
	struct engine *engine;
	struct interface *interface;
	const struct device_host *host;
	struct device_sockets sockets;
	struct device_newsbox news;
	struct mighty_config config;
	struct key_table directory;
	struct trie *allowed_ips;
	struct sim_snapshot *snapshot;
	struct list peers;
};

static void must(bool is_so, const char *what) {
	if (is_so)
		return;
	fprintf(stderr, "simulator: %s\n", what);
	abort();
}

enum record_kind { RECORD_CONFIG, RECORD_PEER, RECORD_ENDPOINTS, RECORD_TIMES };

struct record {
	enum record_kind kind;
	struct mighty_config config;
	mighty_sim_psk psk;
	uint8_t number; /* 0: a server */
	size_t endpoint_count;
	struct endpoint endpoints[MIGHTY_ENDPOINTS_MAX];
	uint8_t instance[MIGHTY_INSTANCE_SIZE];
	uint64_t time, claimed;
};

static void save(const struct device *device, const struct record *record) {
	device->host->save(device->host->context, slice_of(record, sizeof *record));
}

static void psk_of(mighty_sim_psk psk, struct mighty_psk *out_psk) {
	const uint8_t secret[MIGHTY_PSK_SIZE] = {psk, 0x5a};
	must(mighty_psk_init(out_psk, secret) == ERR_OK, "no PSK");
}

static mighty_sim_psk number_of(const struct mighty_psk *psk) {
	return psk->secret[0];
}

/* As the real one, it keeps the latest hello of each peer. */
static void save_news(void *context, struct device_news *news) {
	struct mighty_peer *peer = list_item(news, struct mighty_peer, news.device);
	struct record record = {.kind = RECORD_TIMES, .psk = number_of(&peer->psk)};
	(void)mighty_news_read_hello(peer, record.instance, &record.time);
	record.claimed = atomic_load_explicit(&peer->news.claimed, memory_order_relaxed);
	save(context, &record);
}

static struct sim_snapshot *make_snapshot(struct device *device) {
	struct sim_snapshot *snapshot = calloc(1, sizeof *snapshot);
	must(snapshot, "out of memory");
	snapshot->config = device->config;
	snapshot->config.directory = key_table_copy(&device->directory);
	snapshot->allowed_ips = device->allowed_ips;
	snapshot->snapshot.up = device_sockets_are_up(&device->sockets);
	snapshot->snapshot.protocol_config = &snapshot->config;
	must(snapshot->config.directory &&
			 trie_publish(device->allowed_ips, &snapshot->snapshot.allowed_ips) == ERR_OK,
		 "out of memory");
	return snapshot;
}

static void free_snapshot(void *pointer) {
	struct sim_snapshot *snapshot = pointer;
	trie_view_release(snapshot->allowed_ips, snapshot->snapshot.allowed_ips);
	free((void *)(uintptr_t)snapshot->config.directory);
	free(snapshot);
}

static void publish(struct device *device) {
	struct sim_snapshot *before = device->snapshot;
	device->sockets.changed = false;
	device->snapshot = make_snapshot(device);
	engine_publish(device->engine, device->interface, &device->snapshot->snapshot);
	engine_retire(device->engine, free_snapshot, before);
}

static void post(const struct device *device, const struct mighty_peer_change *change) {
	must(mighty_command_post(device->engine, change) == ERR_OK, "no command");
}

static enum err device_new(const struct device_options *options, struct device **out_device) {
	struct device *device = calloc(1, sizeof *device);
	must(device, "out of memory");
	device->engine = options->engine;
	device->host = options->host;
	list_init(&device->peers);
	device_sockets_init(&device->sockets, options);
	device->sockets.port = NODE_PORT;
	device_newsbox_init(&device->news);
	device->news.engine = options->engine;
	device->news.host = options->host;
	device->news.apart = 660 * CLOCK_SECOND;
	device->news.save = save_news;
	device->news.context = device;
	device->config = (struct mighty_config){
		.cipher_count = 2,
		.ciphers = {MIGHTY_AES_256_GCM, MIGHTY_CHACHA20_POLY1305},
		.rekey_seconds = 600,
		.rekey_packets = 1 << 24,
		.keepalive = 10,
	};
	key_table_init(&device->directory, engine_get_options(device->engine)->random,
				   MIGHTY_PSK_ID_SIZE);
	must(trie_new(&device->allowed_ips) == ERR_OK, "out of memory");
	device->snapshot = make_snapshot(device);
	const struct interface_options interface_options = {
		.protocol = &mighty_protocol,
		.device = device,
		.mtu = options->mtu,
		.coalesce = options->coalesce,
		.snapshot = &device->snapshot->snapshot,
	};
	must(interface_new(options->engine, &interface_options, options->queues, &device->interface) ==
			 ERR_OK,
		 "no interface");
	device->sockets.interface = device->interface;
	*out_device = device;
	return ERR_OK;
}

static void device_free(struct device *device) {
	interface_free(device->interface);
	engine_collect_all(device->engine);
	list_for_each (link, &device->peers)
		mighty_peer_free(list_item(link, struct mighty_peer, control.link));
	free_snapshot(device->snapshot);
	trie_free(device->allowed_ips);
	key_table_done(&device->directory);
	free(device);
}

static void device_link(struct device *device, uint32_t mtu, bool up) {
	if (!up)
		must(mighty_command_farewell(device->engine, device->interface) == ERR_OK, "no command");
	if (device_sockets_link(&device->sockets, mtu, up))
		publish(device);
}

static void device_network(struct device *device) {
	must(mighty_command_network(device->engine, device->interface) == ERR_OK, "no command");
}

static void allow(struct device *device, struct mighty_peer *peer, uint8_t number) {
	char text[2][64];
	(void)snprintf(text[0], sizeof text[0], number ? "10.0.0.%u/32" : "10.0.0.0/24", number);
	(void)snprintf(text[1], sizeof text[1], number ? "fd00::%x/128" : "fd00::/64", number);
	for (int i = 0; i < 2; i++) {
		struct prefix prefix;
		must(prefix_parse(text[i], &prefix) == ERR_OK, "no prefix");
		must(trie_insert(device->allowed_ips, &prefix, peer) == ERR_OK, "no prefix");
		if (number)
			peer->control.addresses[peer->control.address_count++] = prefix;
	}
}

static struct mighty_peer *add(struct device *device, const struct record *record) {
	struct mighty_psk psk;
	psk_of(record->psk, &psk);
	struct mighty_peer *peer =
		mighty_peer_new(&psk, (uint16_t)(record->psk % engine_shards(device->engine)));
	must(peer && key_table_add(&device->directory, peer->psk.id, peer) == ERR_OK, "no peer");
	peer->news.device.box = &device->news;
	list_append(&device->peers, &peer->control.link);
	allow(device, peer, record->number);
	publish(device);
	struct mighty_peer_change change = {
		.peer = peer,
		.interface = device->interface,
		.changes = MIGHTY_CHANGE_ATTACH | MIGHTY_CHANGE_ENDPOINTS | MIGHTY_CHANGE_ADDRESSES,
		.endpoint_count = record->endpoint_count,
		.address_count = peer->control.address_count,
	};
	memcpy(change.endpoints, record->endpoints, sizeof change.endpoints);
	memcpy(change.addresses, peer->control.addresses, sizeof change.addresses);
	post(device, &change);
	save(device, record);
	return peer;
}

static struct mighty_peer *find(const struct device *device, mighty_sim_psk number) {
	struct mighty_psk psk;
	psk_of(number, &psk);
	return key_table_find(&device->directory, psk.id);
}

static void set_endpoints(struct device *device, const struct record *record) {
	struct mighty_peer_change change = {
		.peer = find(device, record->psk),
		.interface = device->interface,
		.changes = MIGHTY_CHANGE_ENDPOINTS,
		.endpoint_count = record->endpoint_count,
	};
	memcpy(change.endpoints, record->endpoints, sizeof change.endpoints);
	post(device, &change);
	save(device, record);
}

static void set_times(struct device *device, const struct record *record) {
	struct mighty_peer_change change = {
		.peer = find(device, record->psk),
		.interface = device->interface,
		.changes = MIGHTY_CHANGE_TIMES,
		.time_count = record->time != 0,
		.claimed = record->claimed,
	};
	memcpy(change.times[0].instance, record->instance, MIGHTY_INSTANCE_SIZE);
	change.times[0].time = record->time;
	if (change.peer)
		post(device, &change);
}

static enum err device_restore(struct device *device, struct slice data) {
	struct record record;
	memcpy(&record, data.data, sizeof record);
	switch (record.kind) {
	case RECORD_CONFIG:
		device->config = record.config;
		publish(device);
		break;
	case RECORD_PEER:
		(void)add(device, &record);
		break;
	case RECORD_ENDPOINTS:
		set_endpoints(device, &record);
		break;
	case RECORD_TIMES:
		set_times(device, &record);
		break;
	}
	return ERR_OK;
}

static uint64_t device_run(struct device *device, uint64_t now) {
	uint64_t next = device_newsbox_run(&device->news, now);
	if (device_sockets_run(&device->sockets, now))
		publish(device);
	if (engine_collect(device->engine) && now + CLOCK_MILLISECOND < next)
		next = now + CLOCK_MILLISECOND;
	return next;
}

static const struct device_ops ops = {
	.name = "mighty",
	.new = device_new,
	.free = device_free,
	.link = device_link,
	.network = device_network,
	.restore = device_restore,
	.run = device_run,
};

struct node *mighty_sim_add(struct world *world, enum mighty_role role,
							const struct node_options *options) {
	struct node_options with_ops = options ? *options : (struct node_options){.shards = 1};
	with_ops.ops = &ops;
	struct node *node = world_add_node(world, &with_ops);
	struct mighty_config *config = mighty_sim_config(node);
	config->role = role;
	memset(config->instance, node->number, sizeof config->instance);
	mighty_sim_commit(node);
	return node;
}

struct mighty_config *mighty_sim_config(struct node *node) {
	return &node->device->config;
}

void mighty_sim_commit(struct node *node) {
	const struct record record = {.kind = RECORD_CONFIG, .config = node->device->config};
	publish(node->device);
	save(node->device, &record);
	node->dirty = true;
}

struct mighty_peer *mighty_sim_add_client(struct node *node, mighty_sim_psk psk, uint8_t number) {
	const struct record record = {.kind = RECORD_PEER, .psk = psk, .number = number};
	node->dirty = true;
	return add(node->device, &record);
}

static struct record record_of(enum record_kind kind, mighty_sim_psk psk,
							   const struct endpoint *endpoints, size_t count) {
	struct record record = {.kind = kind, .psk = psk, .endpoint_count = count};
	memcpy(record.endpoints, endpoints, count * sizeof *endpoints);
	return record;
}

struct mighty_peer *mighty_sim_add_server(struct node *node, mighty_sim_psk psk,
										  const struct endpoint *endpoints, size_t count) {
	const struct record record = record_of(RECORD_PEER, psk, endpoints, count);
	node->dirty = true;
	return add(node->device, &record);
}

void mighty_sim_set_endpoints(struct node *node, struct mighty_peer *peer,
							  const struct endpoint *endpoints, size_t count) {
	const struct record record =
		record_of(RECORD_ENDPOINTS, number_of(&peer->psk), endpoints, count);
	node->dirty = true;
	set_endpoints(node->device, &record);
}

void mighty_sim_set_policy(struct node *node, struct mighty_peer *peer,
						   const struct packet_policy *policy) {
	const struct mighty_peer_change change = {.peer = peer,
											  .interface = node->device->interface,
											  .changes = MIGHTY_CHANGE_POLICY,
											  .policy = policy};
	node->dirty = true;
	post(node->device, &change);
}

static void free_peer(void *pointer) {
	struct mighty_peer *peer = pointer;
	device_news_forget(&peer->news.device);
	mighty_peer_free(peer);
}

void mighty_sim_remove(struct node *node, struct mighty_peer *peer) {
	struct device *device = node->device;
	const struct mighty_peer_change change = {
		.peer = peer, .interface = device->interface, .changes = MIGHTY_CHANGE_DETACH};
	key_table_remove(&device->directory, peer->psk.id);
	for (size_t i = 0; i < peer->control.address_count; i++)
		must(trie_remove(device->allowed_ips, &peer->control.addresses[i]) == ERR_OK, "no prefix");
	list_remove(&peer->control.link);
	peer->news.device.removed = true;
	publish(device);
	post(device, &change);
	engine_retire(device->engine, free_peer, peer);
	node->dirty = true;
}

void mighty_sim_forget_times(struct node *node) {
	size_t kept = 0;
	for (size_t i = 0; i < node->record_count; i++) {
		struct record record;
		memcpy(&record, node->records[i].data, sizeof record);
		if (record.kind == RECORD_TIMES)
			free(node->records[i].data);
		else
			node->records[kept++] = node->records[i];
	}
	node->record_count = kept;
}

struct mighty_peer *mighty_sim_peer(const struct node *node, mighty_sim_psk psk) {
	return find(node->device, psk);
}

bool mighty_sim_is_connected(const struct mighty_peer *peer) {
	return atomic_load_explicit(&peer->news.connected, memory_order_relaxed);
}

void mighty_pair_refresh(struct mighty_pair *pair) {
	pair->server_peer = mighty_sim_peer(pair->server, MIGHTY_PAIR_PSK);
	pair->client_peer = mighty_sim_peer(pair->client, MIGHTY_PAIR_PSK);
}

struct mighty_pair mighty_pair_new(uint64_t seed, const struct node_options *options) {
	struct mighty_pair pair = {.world = world_new(world_seed(seed))};
	const struct sim_link link = {.delay = MIGHTY_PAIR_DELAY};
	world_set_link(pair.world, &link);
	pair.server = mighty_sim_add(pair.world, MIGHTY_SERVER, options);
	pair.client = mighty_sim_add(pair.world, MIGHTY_CLIENT, options);
	const struct endpoint endpoint = node_endpoint(pair.server);
	(void)mighty_sim_add_client(pair.server, MIGHTY_PAIR_PSK, pair.client->number);
	(void)mighty_sim_add_server(pair.client, MIGHTY_PAIR_PSK, &endpoint, 1);
	mighty_pair_refresh(&pair);
	world_run(pair.world, 0);
	return pair;
}

struct mighty_pair mighty_pair_up(uint64_t seed, const struct node_options *options) {
	struct mighty_pair pair = mighty_pair_new(seed, options);
	node_link(pair.server, true);
	world_run(pair.world, 0);
	node_link(pair.client, true);
	world_run(pair.world, CLOCK_SECOND);
	must(mighty_sim_is_connected(pair.server_peer) && mighty_sim_is_connected(pair.client_peer),
		 "no session");
	return pair;
}

void mighty_pair_free(struct mighty_pair *pair) {
	world_free(pair->world);
	*pair = (struct mighty_pair){.world = NULL};
}
