#include "proto/wireguard_device.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "proto/wireguard_control.h"
#include "proto/wireguard_limits.h"
#include "proto/wireguard_network.h"
#include "proto/wireguard_protocol.h"
#include "proto/wireguard_record.h"
#include "wire/cursor.h"

/* News of shards (endpoints, handshakes) are saved, and told to the host, at most so often. */
#define SAVE_INTERVAL (200 * CLOCK_MILLISECOND)
/* A port in use is tried again so often. */
#define LISTEN_INTERVAL (5 * CLOCK_SECOND)
/* Memory that waits for the shards' turns is looked at so often. */
#define COLLECT_INTERVAL (10 * CLOCK_MILLISECOND)

static void device_free(struct device *device) {
	if (!device)
		return;
	/* Frees lanes, and with them the shards' part of every peer. */
	interface_free(device->interface);
	engine_collect_all(device->engine);
	list_for_each (link, &device->peers) {
		struct wireguard_peer *peer = list_item(link, struct wireguard_peer, control.link);
		wireguard_control_disallow_all(device, peer);
		wireguard_peer_free(peer);
	}
	list_for_each (gone, &device->removed)
		wireguard_peer_free(list_item(gone, struct wireguard_peer, control.link));
	if (device->snapshot) {
		trie_view_release(device->allowed_ips, device->snapshot->snapshot.allowed_ips);
		free((void *)(uintptr_t)device->snapshot->config.directory);
		free(device->snapshot);
	}
	trie_free(device->allowed_ips);
	trie_free(device->prefixes);
	free(device->directory);
	if (device->old_identity)
		wipe(device->old_identity, sizeof *device->old_identity);
	free(device->old_identity);
	if (device->identity)
		wipe(device->identity, sizeof *device->identity);
	free(device->identity);
	free(device);
}

static enum err init_state(struct device *device) {
	static const uint8_t no_key[X25519_KEY_SIZE];
	const struct random_source *random = engine_get_options(device->engine)->random;
	random_fill(random, &device->hash_key, sizeof device->hash_key);
	device->identity = calloc(1, sizeof *device->identity);
	device->directory = wireguard_directory_new(&device->hash_key, 0);
	if (!device->identity || !device->directory)
		return ERR_NO_MEMORY;
	enum err error = wireguard_identity_init(device->identity, no_key);
	if (error == ERR_OK)
		error = trie_new(&device->allowed_ips);
	if (error == ERR_OK)
		error = trie_new(&device->prefixes);
	if (error == ERR_OK)
		error = wireguard_control_first_snapshot(device);
	return error;
}

static void close_queues(const struct device_options *options) {
	for (uint16_t i = 0; i < engine_shards(options->engine); i++)
		tun_queue_done(&options->queues[i]);
}

static enum err device_new(const struct device_options *options, struct device **out_device) {
	struct device *device = calloc(1, sizeof *device);
	if (!device) {
		close_queues(options);
		return ERR_NO_MEMORY;
	}
	device->engine = options->engine;
	device->host = options->host;
	device->listen_at_once = options->listen_at_once;
	device->generation = 1;
	device->next_save = device->next_listen = CLOCK_NEVER;
	list_init(&device->peers);
	list_init(&device->changed);
	list_init(&device->removed);
	wireguard_newsbox_init(&device->news);
	enum err error = init_state(device);
	if (error != ERR_OK) {
		close_queues(options);
		device_free(device);
		return error;
	}
	const struct interface_options interface_options = {
		.protocol = &wireguard_protocol,
		.device = device,
		.mtu = options->mtu,
		.coalesce = options->coalesce,
		.snapshot = &device->snapshot->snapshot,
	};
	error = interface_new(options->engine, &interface_options, options->queues, &device->interface);
	if (error != ERR_OK) {
		device_free(device);
		return error;
	}
	*out_device = device;
	return ERR_OK;
}

static void save_set(const struct device *device, struct slice lines) {
	uint8_t *record = malloc(lines.size + 1);
	if (!record) {
		device->host->warn(device->host->context, "out of memory: a change will not survive");
		return;
	}
	record[0] = WIREGUARD_RECORD_SET;
	memcpy(record + 1, lines.data, lines.size);
	device->host->save(device->host->context, slice_of(record, lines.size + 1));
	wipe(record, lines.size + 1);
	free(record);
}

/* The system's choice is kept, as peers have learnt it: behind the text that left it the choice. */
static void save_port(struct device *device) {
	if (!device->port_chosen)
		return;
	device->port_chosen = false;
	struct uapi_text text = {.data = NULL};
	uapi_put_number(&text, "listen_port", device->port);
	if (text.error == ERR_OK)
		save_set(device, slice_of(text.data, text.size));
	uapi_text_done(&text);
}

static int open_transports(struct device *device, uint16_t port) {
	struct transport v4[INTERFACE_SHARDS_MAX], v6[INTERFACE_SHARDS_MAX];
	uint16_t bound;
	int failed = device->host->listen(device->host->context, port, device->mark, v4, v6, &bound);
	if (failed)
		return failed;
	if (interface_set_transports(device->interface, v4, v6) != ERR_OK)
		device->host->warn(device->host->context, "out of memory: sockets were not replaced");
	device->port = bound;
	device->listening = true;
	device->next_listen = CLOCK_NEVER;
	device->port_chosen = bound != port;
	return 0;
}

static void close_transports(struct device *device) {
	device->listening = false;
	if (interface_set_transports(device->interface, NULL, NULL) != ERR_OK)
		device->host->warn(device->host->context, "out of memory: sockets stay open");
	device->host->closed(device->host->context);
}

int wireguard_device_set_port(struct device *device, uint16_t port) {
	if (!device->link_up && (device->restoring || !device->listen_at_once)) {
		device->port = port;
		return 0;
	}
	bool was_listening = device->listening;
	int failed = open_transports(device, port);
	if (!failed && !was_listening)
		device->up_changed = true;
	return failed;
}

int wireguard_device_set_mark(struct device *device, uint32_t mark) {
	int failed = device->listening ? device->host->mark(device->host->context, mark) : 0;
	if (!failed)
		device->mark = mark;
	return failed;
}

/* After a failure it is tried again: who took the port may give it back. */
static void start_listening(struct device *device, bool first) {
	const struct engine_clock *clock = engine_get_options(device->engine)->clock;
	if (open_transports(device, device->port) == 0) {
		device->up_changed = true;
		return;
	}
	device->next_listen = clock->now(clock->context) + LISTEN_INTERVAL;
	if (first)
		device->host->warn(device->host->context,
						   "cannot listen: is the port in use? It is tried again; `wg set` may set "
						   "another");
}

static void device_link(struct device *device, uint32_t mtu, bool up) {
	interface_set_mtu(device->interface, mtu);
	bool listen = up || device->listen_at_once;
	bool settled = device->listening == listen || device->next_listen != CLOCK_NEVER;
	if (up == device->link_up && settled)
		return;
	device->link_up = up;
	device->up_changed = true;
	device->next_listen = CLOCK_NEVER;
	if (listen && !device->listening)
		start_listening(device, true);
	else if (!listen && device->listening)
		close_transports(device);
	save_port(device);
	if (wireguard_control_commit(device) != ERR_OK)
		device->host->warn(device->host->context, "out of memory: the link's change is delayed");
}

static void device_network(struct device *device) {
	if (wireguard_network_post(device->engine, device->interface) != ERR_OK)
		device->host->warn(device->host->context,
						   "out of memory: peers find out later that the network changed");
}

static int device_set(struct device *device, struct slice text) {
	int failed = wireguard_uapi_set(device, text);
	if (!failed)
		save_set(device, text);
	save_port(device);
	engine_settle(device->engine);
	return failed;
}

static enum err restore_peer(struct device *device, struct slice record) {
	struct wireguard_record_peer saved;
	enum err error = wireguard_record_decode_peer(record, &saved);
	if (error != ERR_OK)
		return error;
	struct wireguard_peer *peer = wireguard_control_find(device, saved.public_key);
	if (!peer)
		return ERR_OK; /* removed since */
	const struct engine_clock *clock = engine_get_options(device->engine)->clock;
	uint64_t now = clock->wall_now(clock->context);
	unsigned changes = 0;
	if (saved.endpoint.address.family != ADDRESS_NONE) {
		peer->control.endpoint = saved.endpoint;
		changes |= WIREGUARD_CHANGE_ENDPOINT | WIREGUARD_CHANGE_LEARNT;
		if (saved.last_handshake > 0 && now < saved.last_handshake + WIREGUARD_REJECT_AFTER_TIME)
			changes |= WIREGUARD_CHANGE_RESUME;
	}
	/* Nobody else writes them: the peer is on no shard that is up yet. */
	struct reader reader = reader_of(saved.timestamp, sizeof saved.timestamp);
	atomic_store_explicit(&peer->news.timestamp_high, reader_u64_be(&reader), memory_order_relaxed);
	atomic_store_explicit(&peer->news.timestamp_low, reader_u32_be(&reader), memory_order_relaxed);
	atomic_store_explicit(&peer->news.claimed, saved.claimed, memory_order_relaxed);
	wireguard_control_change(device, peer, changes | WIREGUARD_CHANGE_TIMES);
	atomic_store_explicit(&peer->peer.published.last_handshake, saved.last_handshake,
						  memory_order_relaxed);
	peer->control.known_handshake = saved.last_handshake;
	return wireguard_control_commit(device);
}

static enum err device_restore(struct device *device, struct slice record) {
	/* Each record may publish a copy of the directory: a long journal must not pile them up. */
	(void)engine_collect(device->engine);
	switch (wireguard_record_kind(record)) {
	case WIREGUARD_RECORD_SET: {
		device->restoring = true;
		int failed = wireguard_uapi_set(device, slice_of(record.data + 1, record.size - 1));
		device->restoring = false;
		return failed ? ERR_MALFORMED : ERR_OK;
	}
	case WIREGUARD_RECORD_PEER:
		return restore_peer(device, record);
	}
	return ERR_UNSUPPORTED;
}

static void save_peer(const struct device *device, struct wireguard_peer *peer, bool always) {
	struct wireguard_record_peer state = {
		.last_handshake =
			atomic_load_explicit(&peer->peer.published.last_handshake, memory_order_relaxed),
	};
	uint32_t sequence;
	bool known = peer_read_endpoint(&peer->peer, &state.endpoint, &sequence);
	wireguard_news_read_timestamp(peer, state.timestamp);
	state.claimed = atomic_load_explicit(&peer->news.claimed, memory_order_relaxed);
	if (!always && sequence == peer->control.saved_endpoint &&
		state.last_handshake == peer->control.saved_handshake &&
		memcmp(state.timestamp, peer->control.saved_timestamp, sizeof state.timestamp) == 0)
		return;
	memcpy(peer->control.saved_timestamp, state.timestamp, sizeof state.timestamp);
	peer->control.saved_endpoint = sequence;
	peer->control.saved_handshake = state.last_handshake;
	if (!known && state.last_handshake == 0)
		return;
	memcpy(state.public_key, peer->control.public_key, X25519_KEY_SIZE);
	uint8_t record[WIREGUARD_RECORD_PEER_SIZE];
	wireguard_record_encode_peer(&state, record);
	device->host->save(device->host->context, slice_of(record, sizeof record));
}

void wireguard_device_save_peer(const struct device *device, struct wireguard_peer *peer) {
	save_peer(device, peer, false);
}

static void device_save_all(struct device *device) {
	struct uapi_text text = {.data = NULL};
	wireguard_uapi_dump(device, &text);
	if (text.error == ERR_OK)
		save_set(device, slice_of(text.data, text.size));
	else
		device->host->warn(device->host->context, "out of memory: the state was not saved");
	uapi_text_done(&text);
	list_for_each (link, &device->peers)
		save_peer(device, list_item(link, struct wireguard_peer, control.link), true);
}

static uint64_t device_run(struct device *device, uint64_t now) {
	uint64_t next = CLOCK_NEVER;
	if (engine_take_news(device->engine) && device->next_save == CLOCK_NEVER)
		device->next_save = now + SAVE_INTERVAL;
	if (device->next_save <= now) {
		wireguard_news_deliver(device);
		device->next_save = CLOCK_NEVER;
	}
	if (device->next_listen <= now) {
		start_listening(device, false);
		if (wireguard_control_commit(device) != ERR_OK)
			device->host->warn(device->host->context, "out of memory: going up is delayed");
	}
	next = device->next_save < device->next_listen ? device->next_save : device->next_listen;
	if (engine_collect(device->engine) && now + COLLECT_INTERVAL < next)
		next = now + COLLECT_INTERVAL;
	return next;
}

const struct device_ops wireguard_device_ops = {
	.name = "wireguard",
	.new = device_new,
	.free = device_free,
	.link = device_link,
	.network = device_network,
	.set = device_set,
	.of_peers = wireguard_uapi_of_peers,
	.get = wireguard_uapi_get,
	.status = wireguard_uapi_status,
	.restore = device_restore,
	.save_all = device_save_all,
	.run = device_run,
};
