#include "proto/wireguard_device.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "proto/device_record.h"
#include "proto/wireguard_control.h"
#include "proto/wireguard_limits.h"
#include "proto/wireguard_network.h"
#include "proto/wireguard_protocol.h"
#include "proto/wireguard_record.h"
#include "wire/cursor.h"

/* Memory that waits for the shards' turns is looked at so often. */
#define COLLECT_INTERVAL (10 * CLOCK_MILLISECOND)

static void save_peer(const struct device *device, struct wireguard_peer *peer, bool always) {
	struct wireguard_record_peer state = {
		.last_handshake =
			atomic_load_explicit(&peer->peer.published.last_handshake, memory_order_relaxed),
	};
	uint32_t sequence;
	bool known = peer_read_endpoint(&peer->peer, &state.endpoint, &sequence);
	wireguard_claims_read_timestamp(&peer->claims, state.timestamp);
	state.claimed = atomic_load_explicit(&peer->claims.claimed, memory_order_relaxed);
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

/* News of shards: saved where endpoint, handshake or timestamp changed since the last record. */
static void save_news(void *context, struct device_news *news) {
	save_peer(context, list_item(news, struct wireguard_peer, news), false);
}

static void device_free(struct device *device) {
	if (!device)
		return;
	/* Frees lanes, and with them the shards' part of every peer. */
	interface_free(device->interface);
	engine_collect_all(device->engine);
	list_for_each (link, &device->peers) {
		struct wireguard_peer *peer = list_item(link, struct wireguard_peer, control.link);
		device_prefixes_disallow_all(&device->prefixes, &peer->control.allowed_ips);
		wireguard_peer_free(peer);
	}
	list_for_each (gone, &device->removed)
		wireguard_peer_free(list_item(gone, struct wireguard_peer, control.link));
	if (device->snapshot) {
		trie_view_release(device->prefixes.peers, device->snapshot->snapshot.allowed_ips);
		free((void *)(uintptr_t)device->snapshot->config.directory);
		free(device->snapshot);
	}
	device_prefixes_done(&device->prefixes);
	key_table_done(&device->directory);
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
	device->identity = calloc(1, sizeof *device->identity);
	key_table_init(&device->directory, random, X25519_KEY_SIZE);
	if (!device->identity)
		return ERR_NO_MEMORY;
	enum err error = wireguard_identity_init(device->identity, no_key);
	if (error == ERR_OK)
		error = device_prefixes_init(&device->prefixes);
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
	device_sockets_init(&device->sockets, options);
	device->generation = 1;
	list_init(&device->peers);
	list_init(&device->changed);
	list_init(&device->removed);
	device_newsbox_init(&device->news);
	device->news.engine = options->engine;
	device->news.host = options->host;
	device->news.apart = WIREGUARD_REJECT_AFTER_TIME;
	device->news.save = save_news;
	device->news.context = device;
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
	device->sockets.interface = device->interface;
	*out_device = device;
	return ERR_OK;
}

static void device_link(struct device *device, uint32_t mtu, bool up) {
	if (device_sockets_link(&device->sockets, mtu, up) && wireguard_control_commit(device))
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
		device_record_save_set(device->host, text);
	device_sockets_save_port(&device->sockets);
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
	atomic_store_explicit(&peer->claims.timestamp_high, reader_u64_be(&reader),
						  memory_order_relaxed);
	atomic_store_explicit(&peer->claims.timestamp_low, reader_u32_be(&reader),
						  memory_order_relaxed);
	atomic_store_explicit(&peer->claims.claimed, saved.claimed, memory_order_relaxed);
	wireguard_control_change(device, peer, changes | WIREGUARD_CHANGE_TIMES);
	atomic_store_explicit(&peer->peer.published.last_handshake, saved.last_handshake,
						  memory_order_relaxed);
	peer->news.known_handshake = saved.last_handshake;
	return wireguard_control_commit(device);
}

static enum err device_restore(struct device *device, struct slice record) {
	/* Each record may publish a copy of the directory: a long journal must not pile them up. */
	(void)engine_collect(device->engine);
	struct slice lines;
	if (device_record_is_set(record, &lines)) {
		device->sockets.restoring = true;
		int failed = wireguard_uapi_set(device, lines);
		device->sockets.restoring = false;
		return failed ? ERR_MALFORMED : ERR_OK;
	}
	if (wireguard_record_is_peer(record))
		return restore_peer(device, record);
	return ERR_UNSUPPORTED;
}

static void device_save_all(struct device *device) {
	struct uapi_text text = {.data = NULL};
	wireguard_uapi_dump(device, &text);
	device_record_save_dump(device->host, &text);
	uapi_text_done(&text);
	list_for_each (link, &device->peers)
		save_peer(device, list_item(link, struct wireguard_peer, control.link), true);
}

static uint64_t device_run(struct device *device, uint64_t now) {
	uint64_t next = device_newsbox_run(&device->news, now);
	if (device_sockets_run(&device->sockets, now) && wireguard_control_commit(device))
		device->host->warn(device->host->context, "out of memory: going up is delayed");
	if (device->sockets.next_listen < next)
		next = device->sockets.next_listen;
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
