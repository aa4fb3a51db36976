#include "proto/mighty_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/wipe.h"
#include "proto/device_lines.h"
#include "proto/device_record.h"
#include "proto/mighty_command.h"
#include "proto/mighty_control.h"
#include "proto/mighty_limits.h"
#include "proto/mighty_protocol.h"
#include "proto/mighty_record.h"

/* Memory that waits for the shards' turns is looked at so often. */
#define COLLECT_INTERVAL (10 * CLOCK_MILLISECOND)
/* That clients take over each other's sessions is told so often. */
#define TAKEOVER_INTERVAL (60 * CLOCK_SECOND)

enum {
	REKEY_SECONDS = 600,
	REKEY_PACKETS = 1 << 24,
	KEEPALIVE_SECONDS = 10,
	SHORT_KEY = 8, /* characters that show which peer is meant */
};

static void warn(const struct device *device, const char *text) {
	device->host->warn(device->host->context, text);
}

static void save(const struct device *device, const uint8_t *record, size_t size) {
	device->host->save(device->host->context, slice_of(record, size));
}

static void save_hello(const struct device *device, const struct mighty_peer *peer,
					   const struct mighty_hello_time *time) {
	struct mighty_record_hello state = {.time = time->time};
	uint8_t record[MIGHTY_RECORD_HELLO_SIZE];
	memcpy(state.identity, peer->psk.identity, sizeof state.identity);
	memcpy(state.instance, time->instance, sizeof state.instance);
	mighty_record_encode_hello(&state, record);
	save(device, record, sizeof record);
}

static void save_peer(const struct device *device, struct mighty_peer *peer, bool always) {
	struct mighty_peer_control *control = &peer->control;
	struct mighty_record_peer state = {
		.last_handshake =
			atomic_load_explicit(&peer->peer.published.last_handshake, memory_order_relaxed),
		.claimed = atomic_load_explicit(&peer->news.claimed, memory_order_relaxed),
	};
	uint32_t sequence;
	bool known = peer_read_endpoint(&peer->peer, &state.endpoint, &sequence);
	if (!always && sequence == control->saved_endpoint &&
		state.last_handshake == control->saved_handshake && state.claimed == control->saved_claimed)
		return;
	control->saved_endpoint = sequence;
	control->saved_handshake = state.last_handshake;
	control->saved_claimed = state.claimed;
	if (!known && state.last_handshake == 0 && state.claimed == 0)
		return;
	memcpy(state.identity, peer->psk.identity, sizeof state.identity);
	uint8_t record[MIGHTY_RECORD_PEER_SIZE];
	mighty_record_encode_peer(&state, record);
	save(device, record, sizeof record);
}

/* Whether the instance's time is a new one: then it is remembered, in place of the oldest. */
static bool remember(struct mighty_peer *peer, const struct mighty_hello_time *hello) {
	struct mighty_peer_control *control = &peer->control;
	struct mighty_hello_time *place = NULL;
	for (size_t i = 0; i < control->time_count && !place; i++)
		if (memcmp(control->times[i].instance, hello->instance, sizeof hello->instance) == 0)
			place = &control->times[i];
	if (place && place->time >= hello->time)
		return false;
	if (!place && control->time_count < TIME_ORDER_GROUP_MAX) {
		place = &control->times[control->time_count++];
	} else if (!place) {
		place = &control->times[0];
		for (size_t i = 1; i < TIME_ORDER_GROUP_MAX; i++)
			if (control->times[i].time < place->time)
				place = &control->times[i];
	}
	*place = *hello;
	return true;
}

static void tell_settings(const struct device *device, struct mighty_peer *peer) {
	struct parameters *told = mighty_news_take_told(peer);
	if (told && device->host->settings)
		device->host->settings(device->host->context, peer->psk.identity, &told->interface);
	free(told);
}

static void tell_takeover(struct device *device, struct mighty_peer *peer) {
	const struct engine_clock *clock = engine_get_options(device->engine)->clock;
	uint64_t now = clock->now(clock->context);
	uint32_t count = atomic_load_explicit(&peer->news.take_overs, memory_order_relaxed);
	char key[TEXT_KEY_BASE64_SIZE], text[160];
	if (count == peer->control.told_take_overs || now < device->next_takeover_told)
		return;
	peer->control.told_take_overs = count;
	device->next_takeover_told = now + TAKEOVER_INTERVAL;
	text_key_encode(peer->psk.identity, key);
	(void)snprintf(text, sizeof text,
				   "peer %.*s: two clients have its pre-shared key and take over each other's "
				   "session; each needs one of its own",
				   SHORT_KEY, key);
	warn(device, text);
}

static void look_at_news(void *context, struct device_news *news) {
	struct device *device = context;
	struct mighty_peer *peer = list_item(news, struct mighty_peer, news.device);
	struct mighty_hello_time hello;
	if (mighty_news_read_hello(peer, hello.instance, &hello.time) && remember(peer, &hello))
		save_hello(device, peer, &hello);
	save_peer(device, peer, false);
	/* The handshake that ends this is told of as one that connects. */
	if (!atomic_load_explicit(&peer->news.connected, memory_order_relaxed))
		news->is_apart = true;
	tell_settings(device, peer);
	tell_takeover(device, peer);
}

static void device_free(struct device *device) {
	if (!device)
		return;
	/* Frees lanes, and with them the shards' part of every peer. */
	interface_free(device->interface);
	engine_collect_all(device->engine);
	list_for_each (link, &device->peers) {
		struct mighty_peer *peer = list_item(link, struct mighty_peer, control.link);
		device_prefixes_disallow_all(&device->prefixes, &peer->control.allowed_ips);
		mighty_control_free_peer(peer);
	}
	list_for_each (gone, &device->removed)
		mighty_control_free_peer(list_item(gone, struct mighty_peer, control.link));
	if (device->snapshot) {
		trie_view_release(device->prefixes.peers, device->snapshot->snapshot.allowed_ips);
		free((void *)(uintptr_t)device->snapshot->config.directory);
		free(device->snapshot);
	}
	device_prefixes_done(&device->prefixes);
	key_table_done(&device->directory);
	free(device);
}

static enum err init_state(struct device *device) {
	const struct random_source *random = engine_get_options(device->engine)->random;
	device->config = (struct mighty_config){
		.role = MIGHTY_SERVER,
		.cipher_count = MIGHTY_CIPHERS_KNOWN,
		.ciphers = {MIGHTY_AES_256_GCM, MIGHTY_CHACHA20_POLY1305},
		.rekey_seconds = REKEY_SECONDS,
		.rekey_packets = REKEY_PACKETS,
		.keepalive = KEEPALIVE_SECONDS,
	};
	key_table_init(&device->directory, random, MIGHTY_PSK_ID_SIZE);
	return device_prefixes_init(&device->prefixes) ?: mighty_control_first_snapshot(device);
}

static void close_queues(const struct device_options *options) {
	for (uint16_t i = 0; i < engine_shards(options->engine); i++)
		tun_queue_done(&options->queues[i]);
}

/* So long after a handshake its keys are dead at either end. */
static uint64_t apart_after(const struct device *device) {
	return device->config.rekey_seconds * CLOCK_SECOND + MIGHTY_REJECT_GRACE;
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
	list_init(&device->peers);
	list_init(&device->changed);
	list_init(&device->removed);
	device_newsbox_init(&device->news);
	device->news.engine = options->engine;
	device->news.host = options->host;
	device->news.save = look_at_news;
	device->news.context = device;
	enum err error = init_state(device);
	if (error) {
		close_queues(options);
		device_free(device);
		return error;
	}
	device->news.apart = apart_after(device);
	const struct interface_options interface_options = {
		.protocol = &mighty_protocol,
		.device = device,
		.mtu = options->mtu,
		.coalesce = options->coalesce,
		.snapshot = &device->snapshot->snapshot,
	};
	error = interface_new(options->engine, &interface_options, options->queues, &device->interface);
	if (error) {
		device_free(device);
		return error;
	}
	device->sockets.interface = device->interface;
	*out_device = device;
	return ERR_OK;
}

/* Who is not told finds out when no keepalive comes. */
static void device_part(struct device *device) {
	if (mighty_command_farewell(device->engine, device->interface))
		warn(device, "out of memory: peers are not told that the tunnel ends");
}

/* What was restored is with the shards before any of them may answer anybody. */
static void device_link(struct device *device, uint32_t mtu, bool up) {
	if (!up && device->sockets.link_up)
		device_part(device);
	if (mighty_control_commit(device) ||
		(device_sockets_link(&device->sockets, mtu, up) && mighty_control_commit(device)))
		warn(device, "out of memory: the link's change is delayed");
}

static void device_network(struct device *device) {
	if (mighty_command_network(device->engine, device->interface))
		warn(device, "out of memory: peers find out later that the network changed");
}

/* Behind the text that left the choice to us, as servers know this client by it. */
static void save_instance(struct device *device) {
	if (!device->instance_drawn)
		return;
	device->instance_drawn = false;
	struct uapi_text text = {.data = NULL};
	mighty_uapi_put_instance(&device->config, &text);
	device_record_save_dump(device->host, &text);
	uapi_text_done(&text);
}

static int device_set(struct device *device, struct slice text) {
	int failed = mighty_set(device, text);
	if (!failed)
		device_record_save_set(device->host, text);
	save_instance(device);
	device_sockets_save_port(&device->sockets);
	device->news.apart = apart_after(device);
	engine_settle(device->engine);
	return failed;
}

static enum err restore_set(struct device *device, struct slice lines) {
	device->sockets.restoring = true;
	int failed = mighty_set(device, lines);
	device->sockets.restoring = false;
	device->news.apart = apart_after(device);
	return failed ? ERR_MALFORMED : ERR_OK;
}

/* Nobody else writes the published part: the peer is on no shard that is up yet. */
static enum err restore_peer(struct device *device, struct slice record) {
	struct mighty_record_peer saved;
	enum err error = mighty_record_decode_peer(record, &saved);
	if (error)
		return error;
	struct mighty_peer *peer = mighty_control_find(device, saved.identity);
	if (!peer)
		return ERR_OK; /* removed since */
	unsigned changes = MIGHTY_CHANGE_TIMES;
	if (device->config.role == MIGHTY_SERVER && saved.endpoint.address.family != ADDRESS_NONE) {
		peer->control.learnt = saved.endpoint;
		changes |= MIGHTY_CHANGE_ENDPOINTS;
	}
	atomic_store_explicit(&peer->news.claimed, saved.claimed, memory_order_relaxed);
	atomic_store_explicit(&peer->peer.published.last_handshake, saved.last_handshake,
						  memory_order_relaxed);
	peer->news.device.known_handshake = saved.last_handshake;
	mighty_control_change(device, peer, changes);
	return ERR_OK;
}

static enum err restore_hello(struct device *device, struct slice record) {
	struct mighty_record_hello saved;
	struct mighty_hello_time hello;
	enum err error = mighty_record_decode_hello(record, &saved);
	if (error)
		return error;
	struct mighty_peer *peer = mighty_control_find(device, saved.identity);
	if (!peer)
		return ERR_OK; /* removed since */
	memcpy(hello.instance, saved.instance, sizeof hello.instance);
	hello.time = saved.time;
	if (remember(peer, &hello))
		mighty_control_change(device, peer, MIGHTY_CHANGE_TIMES);
	return ERR_OK;
}

static enum err device_restore(struct device *device, struct slice record) {
	/* Each record may publish a copy of the directory: a long journal must not pile them up. */
	(void)engine_collect(device->engine);
	struct slice lines;
	if (device_record_is_set(record, &lines))
		return restore_set(device, lines);
	switch (mighty_record_kind(record)) {
	case MIGHTY_RECORD_PEER:
		return restore_peer(device, record);
	case MIGHTY_RECORD_HELLO:
		return restore_hello(device, record);
	}
	return ERR_UNSUPPORTED;
}

static void device_save_all(struct device *device) {
	struct uapi_text text = {.data = NULL};
	mighty_uapi_dump(device, &text);
	device_record_save_dump(device->host, &text);
	uapi_text_done(&text);
	list_for_each (link, &device->peers) {
		struct mighty_peer *peer = list_item(link, struct mighty_peer, control.link);
		save_peer(device, peer, true);
		for (size_t i = 0; i < peer->control.time_count; i++)
			save_hello(device, peer, &peer->control.times[i]);
	}
}

static uint64_t device_run(struct device *device, uint64_t now) {
	uint64_t next = device_newsbox_run(&device->news, now);
	if (device_sockets_run(&device->sockets, now) && mighty_control_commit(device))
		warn(device, "out of memory: going up is delayed");
	if (device->sockets.next_listen < next)
		next = device->sockets.next_listen;
	if (engine_collect(device->engine) && now + COLLECT_INTERVAL < next)
		next = now + COLLECT_INTERVAL;
	return next;
}

const struct device_ops mighty_device_ops = {
	.name = "mighty",
	.new = device_new,
	.part = device_part,
	.free = device_free,
	.link = device_link,
	.network = device_network,
	.set = device_set,
	.of_peers = device_lines_of_peers,
	.get = mighty_uapi_get,
	.status = mighty_uapi_status,
	.restore = device_restore,
	.save_all = device_save_all,
	.run = device_run,
};
