#include "sim/phaze.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trie.h"
#include "proto/device_sockets.h"
#include "proto/phaze_ids.h"
#include "proto/phaze_protocol.h"

enum { NEWS_MAX = 256 };

struct sim_snapshot {
	struct snapshot snapshot; /* first */
	struct phaze_config config;
	struct trie *allowed_ips;
};

struct sim_peer {
	struct phaze_peer peer; /* first */
	struct list link;
	size_t prefix_count;
	struct prefix prefixes[2];
};

struct device {
	struct engine *engine;
	struct interface *interface;
	const struct device_host *host;
	struct device_sockets sockets;
	struct device_newsbox news;
	struct phaze_newsbox box;
	struct phaze_config config;
	struct trie *allowed_ips;
	struct sim_snapshot *snapshot;
	struct list peers;
	size_t told_count;
	struct phaze_news_session told[NEWS_MAX];
	size_t datagram_count;
	struct phaze_news_datagram *datagram;
};

const struct phaze_login phaze_login = {
	.rekey_seconds = 120, .rekey_packets = 1 << 30, .keepalive = 10};

static void must(bool is_so, const char *what) {
	if (is_so)
		return;
	fprintf(stderr, "simulator: %s\n", what);
	abort();
}

static void save_news(void *context, struct device_news *news) {
	(void)context;
	(void)news;
}

static struct sim_snapshot *make_snapshot(struct device *device) {
	struct sim_snapshot *snapshot = calloc(1, sizeof *snapshot);
	must(snapshot, "out of memory");
	snapshot->config = device->config;
	snapshot->allowed_ips = device->allowed_ips;
	snapshot->snapshot.up = device_sockets_are_up(&device->sockets);
	snapshot->snapshot.protocol_config = &snapshot->config;
	must(trie_publish(device->allowed_ips, &snapshot->snapshot.allowed_ips) == ERR_OK,
		 "out of memory");
	return snapshot;
}

static void free_snapshot(void *pointer) {
	struct sim_snapshot *snapshot = pointer;
	trie_view_release(snapshot->allowed_ips, snapshot->snapshot.allowed_ips);
	free(snapshot);
}

static void publish(struct device *device) {
	struct sim_snapshot *before = device->snapshot;
	device->sockets.changed = false;
	device->snapshot = make_snapshot(device);
	engine_publish(device->engine, device->interface, &device->snapshot->snapshot);
	engine_retire(device->engine, free_snapshot, before);
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
	device->news.save = save_news;
	phaze_newsbox_init(&device->box, options->engine);
	device->config.box = &device->box;
	must(trie_new(&device->allowed_ips) == ERR_OK, "out of memory");
	device->snapshot = make_snapshot(device);
	const struct interface_options interface_options = {
		.protocol = &phaze_protocol,
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

static void free_peer(void *pointer) {
	struct sim_peer *peer = pointer;
	device_news_forget(&peer->peer.news);
	phaze_peer_done(&peer->peer);
	free(peer);
}

static void device_free(struct device *device) {
	interface_free(device->interface);
	engine_collect_all(device->engine);
	list_for_each (link, &device->peers)
		free_peer(list_item(link, struct sim_peer, link));
	phaze_newsbox_done(&device->box);
	free_snapshot(device->snapshot);
	trie_free(device->allowed_ips);
	free(device->datagram);
	free(device);
}

static void device_link(struct device *device, uint32_t mtu, bool up) {
	const enum phaze_close_code code =
		device->config.role == PHAZE_SERVER ? PHAZE_CLOSE_GOING_AWAY : PHAZE_CLOSE_DONE;
	if (!up)
		must(phaze_command_farewell(device->engine, device->interface, code) == ERR_OK,
			 "no command");
	if (device_sockets_link(&device->sockets, mtu, up))
		publish(device);
}

static void device_network(struct device *device) {
	must(phaze_command_network(device->engine, device->interface) == ERR_OK, "no command");
}

static void take_news(struct device *device) {
	struct phaze_news *next;
	for (struct phaze_news *news = phaze_newsbox_take(&device->box); news; news = next) {
		next = phaze_news_next(news);
		if (news->kind == PHAZE_NEWS_DATAGRAM) {
			const struct phaze_news_datagram *datagram = (struct phaze_news_datagram *)news;
			free(device->datagram);
			device->datagram = malloc(sizeof *datagram + datagram->size);
			must(device->datagram, "out of memory");
			memcpy(device->datagram, datagram, sizeof *datagram + datagram->size);
			device->datagram_count++;
		} else {
			must(device->told_count < NEWS_MAX, "too much news");
			memcpy(&device->told[device->told_count++], news, sizeof device->told[0]);
		}
		phaze_news_free(&device->box, news);
	}
}

static uint64_t device_run(struct device *device, uint64_t now) {
	take_news(device);
	uint64_t next = device_newsbox_run(&device->news, now);
	if (device_sockets_run(&device->sockets, now))
		publish(device);
	if (engine_collect(device->engine) && now + CLOCK_MILLISECOND < next)
		next = now + CLOCK_MILLISECOND;
	return next;
}

static const struct device_ops ops = {
	.name = "phaze",
	.new = device_new,
	.free = device_free,
	.link = device_link,
	.network = device_network,
	.run = device_run,
};

struct node *phaze_sim_add(struct world *world, enum phaze_role role,
						   const struct node_options *options) {
	struct node_options with_ops = options ? *options : (struct node_options){.shards = 1};
	with_ops.ops = &ops;
	struct node *node = world_add_node(world, &with_ops);
	phaze_sim_config(node)->role = role;
	phaze_sim_commit(node);
	return node;
}

struct phaze_config *phaze_sim_config(struct node *node) {
	return &node->device->config;
}

void phaze_sim_commit(struct node *node) {
	publish(node->device);
	node->dirty = true;
}

static void allow(struct device *device, struct sim_peer *peer, uint8_t number) {
	char text[2][64];
	(void)snprintf(text[0], sizeof text[0], number ? "10.0.0.%u/32" : "10.0.0.0/24", number);
	(void)snprintf(text[1], sizeof text[1], number ? "fd00::%x/128" : "fd00::/64", number);
	for (int i = 0; i < 2; i++) {
		struct prefix *prefix = &peer->prefixes[peer->prefix_count++];
		must(prefix_parse(text[i], prefix) == ERR_OK, "no prefix");
		must(trie_insert(device->allowed_ips, prefix, peer) == ERR_OK, "no prefix");
	}
}

struct phaze_peer *phaze_sim_add_peer(struct node *node, uint8_t number, uint16_t owner) {
	struct device *device = node->device;
	const uint8_t identity[HASH_SIZE] = {node->number, number, 1};
	struct sim_peer *peer = calloc(1, sizeof *peer);
	must(peer, "out of memory");
	phaze_peer_init(&peer->peer, identity, owner, &device->box);
	peer->peer.news.box = &device->news;
	list_append(&device->peers, &peer->link);
	allow(device, peer, number);
	publish(device);
	phaze_sim_change(node, &peer->peer, (struct phaze_peer_change){.changes = PHAZE_CHANGE_ATTACH});
	return &peer->peer;
}

void phaze_sim_change(struct node *node, struct phaze_peer *peer, struct phaze_peer_change change) {
	change.peer = peer;
	change.interface = node->device->interface;
	must(phaze_command_change(node->device->engine, &change) == ERR_OK, "no command");
	node->dirty = true;
}

void phaze_sim_session(struct node *node, struct phaze_peer *peer, struct phaze_new_session offer) {
	offer.peer = peer;
	offer.interface = node->device->interface;
	must(phaze_command_session(node->device->engine, &offer) == ERR_OK, "no command");
	node->dirty = true;
}

void phaze_sim_remove(struct node *node, struct phaze_peer *base) {
	struct device *device = node->device;
	struct sim_peer *peer = (struct sim_peer *)base;
	for (size_t i = 0; i < peer->prefix_count; i++)
		must(trie_remove(device->allowed_ips, &peer->prefixes[i]) == ERR_OK, "no prefix");
	list_remove(&peer->link);
	peer->peer.news.removed = true;
	publish(device);
	phaze_sim_change(node, base, (struct phaze_peer_change){.changes = PHAZE_CHANGE_DETACH});
	engine_retire(device->engine, free_peer, peer);
}

void phaze_sim_send(struct node *node, const struct phaze_way *way, struct slice data) {
	must(phaze_command_send(node->device->engine, node->device->interface, way, data.data,
							data.size) == ERR_OK,
		 "no command");
	node->dirty = true;
}

size_t phaze_sim_news_count(const struct node *node) {
	return node->device->told_count;
}

const struct phaze_news_session *phaze_sim_news(const struct node *node, size_t index) {
	return index < node->device->told_count ? &node->device->told[index] : NULL;
}

const struct phaze_news_session *phaze_sim_told(const struct node *node, enum phaze_news_kind kind,
												uint64_t number) {
	const struct phaze_news_session *found = NULL;
	for (size_t i = 0; i < node->device->told_count; i++) {
		const struct phaze_news_session *news = &node->device->told[i];
		if (news->news.kind != kind || news->number != number)
			continue;
		must(!found, "something was told twice");
		found = news;
	}
	return found;
}

size_t phaze_sim_datagrams(const struct node *node) {
	return node->device->datagram_count;
}

const struct phaze_news_datagram *phaze_sim_datagram(const struct node *node) {
	return node->device->datagram;
}

enum phaze_type phaze_sim_type(struct slice datagram) {
	struct phaze_header header;
	return phaze_packet_decode(datagram.data, datagram.size, &header) == ERR_OK ? header.type : 0;
}

size_t phaze_sim_sent(const struct world *world, const struct node *from, enum phaze_type type) {
	size_t count = 0;
	for (size_t i = 0; i < world->tap.count; i++) {
		const struct tap_record *record = world->tap.records[i];
		count += address_equal(&record->from.address, &from->v4) &&
				 phaze_sim_type(slice_of(record->data, record->size)) == type;
	}
	return count;
}

struct phaze_pair phaze_pair_new(uint64_t seed, const struct node_options *options) {
	struct phaze_pair pair = {.world = world_new(world_seed(seed))};
	const struct sim_link link = {.delay = PHAZE_PAIR_DELAY};
	const uint16_t last = options ? (uint16_t)(options->shards - 1) : 0;
	world_set_link(pair.world, &link);
	pair.server = phaze_sim_add(pair.world, PHAZE_SERVER, options);
	pair.client = phaze_sim_add(pair.world, PHAZE_CLIENT, options);
	pair.server_peer = phaze_sim_add_peer(pair.server, pair.client->number, last);
	pair.client_peer = phaze_sim_add_peer(pair.client, 0, last);
	node_link(pair.server, true);
	node_link(pair.client, true);
	world_run(pair.world, CLOCK_MILLISECOND);
	return pair;
}

uint64_t phaze_pair_login(struct phaze_pair *pair, const struct phaze_login *login) {
	const struct random_source *random = sim_random(pair->world->network);
	struct phaze_new_session offer = {
		.number = ++pair->number,
		.resumed = login->resumed,
		.algorithm = AEAD_CHACHA20_POLY1305,
		.client_id = phaze_ids_draw(random, pair->client_peer->peer.owner),
		.server_id = phaze_ids_draw(random, login->id_shard),
		.rekey_seconds = login->rekey_seconds,
		.rekey_packets = login->rekey_packets,
		.keepalive = login->keepalive,
		.to = node_endpoint(pair->client),
	};
	memset(offer.used, login->used, sizeof offer.used);
	memset(offer.fresh, login->fresh, sizeof offer.fresh);
	random_fill(random, &offer.keys, sizeof offer.keys);
	phaze_sim_session(pair->server, pair->server_peer, offer);
	offer.to = node_endpoint(pair->server);
	if (!login->server_alone)
		phaze_sim_session(pair->client, pair->client_peer, offer);
	return offer.number;
}

struct phaze_pair phaze_pair_up(uint64_t seed, const struct node_options *options) {
	struct phaze_pair pair = phaze_pair_new(seed, options);
	struct phaze_login login = phaze_login;
	login.id_shard = pair.server_peer->peer.owner;
	(void)phaze_pair_login(&pair, &login);
	world_run(pair.world, CLOCK_SECOND);
	must(pair.server_peer->current && pair.client_peer->current, "no session");
	return pair;
}

void phaze_pair_free(struct phaze_pair *pair) {
	world_free(pair->world);
	*pair = (struct phaze_pair){.world = NULL};
}
