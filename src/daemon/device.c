#include "daemon/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/csprng.h"
#include "daemon/net.h"
#include "daemon/net_journal.h"
#include "engine/engine.h"
#include "loop/loop.h"
#include "proto/registry.h"
#include "transport/udp/udp_transport.h"

struct net_device {
	struct net_start start;
	struct engine *engine;
	const struct device_ops *ops;
	struct device *device;
	struct device_host host;
	struct net_journal journal;
	bool restoring;   /* what is replayed is in the journal already */
	bool save_failed; /* something of the last full state is missing */
};

static uint64_t clock_of(void *context) {
	(void)context;
	return clock_now();
}

static uint64_t wall_clock_of(void *context) {
	(void)context;
	return clock_wall_now();
}

static const struct engine_clock system_clock = {.now = clock_of, .wall_now = wall_clock_of};

static void wake(void *context) {
	struct net_device *device = context;
	loop_wake(device->start.loop);
}

static void close_all(const int *descriptors, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (descriptors[i] >= 0)
			(void)close(descriptors[i]);
}

/* The descriptor is gone either way. */
static enum err open_transport(const struct net_device *device, int descriptor,
							   struct transport *out_transport) {
	const struct udp_options options = {
		.no_segmentation = device->start.no_udp_segmentation,
		.no_coalescing = device->start.no_udp_coalescing,
	};
	struct udp_socket *socket;
	enum err error = udp_socket_new(descriptor, &options, &socket);
	if (error != ERR_OK) {
		(void)close(descriptor);
		return error;
	}
	*out_transport = (struct transport){.ops = &udp_transport_ops, .context = socket};
	return ERR_OK;
}

static int host_listen(void *context, uint16_t port, uint32_t mark,
					   struct transport out_v4[static INTERFACE_SHARDS_MAX],
					   struct transport out_v6[static INTERFACE_SHARDS_MAX], uint16_t *out_port) {
	struct net_device *device = context;
	const struct net_callbacks *callbacks = &device->start.callbacks;
	int v4[PROCESS_SHARDS_MAX], v6[PROCESS_SHARDS_MAX];
	bool has_v4, has_v6;
	uint16_t bound;
	uint8_t shards = device->start.shards;
	int failed =
		callbacks->listen(callbacks->context, port, mark, shards, v4, v6, &has_v4, &has_v6, &bound);
	if (failed)
		return failed;
	enum err error = ERR_OK;
	for (uint8_t i = 0; i < INTERFACE_SHARDS_MAX; i++)
		out_v4[i] = out_v6[i] = (struct transport){.ops = NULL};
	uint8_t done_v4 = 0, done_v6 = 0;
	for (; has_v4 && done_v4 < shards && error == ERR_OK; done_v4++)
		error = open_transport(device, v4[done_v4], &out_v4[done_v4]);
	for (; has_v6 && done_v6 < shards && error == ERR_OK; done_v6++)
		error = open_transport(device, v6[done_v6], &out_v6[done_v6]);
	if (error == ERR_OK) {
		*out_port = bound;
		return 0;
	}
	for (uint8_t i = 0; i < shards; i++) {
		transport_done(&out_v4[i]);
		transport_done(&out_v6[i]);
	}
	if (has_v4)
		close_all(v4 + done_v4, (size_t)(shards - done_v4));
	if (has_v6)
		close_all(v6 + done_v6, (size_t)(shards - done_v6));
	log_error("%sUDP sockets: %s", device->start.prefix, err_text(error));
	return EIO;
}

static int host_mark(void *context, uint32_t mark) {
	const struct net_device *device = context;
	return device->start.callbacks.mark(device->start.callbacks.context, mark);
}

static void host_closed(void *context) {
	const struct net_device *device = context;
	engine_settle(device->engine);
	device->start.callbacks.close_sockets(device->start.callbacks.context);
}

static void host_save(void *context, struct slice record) {
	struct net_device *device = context;
	if (!device->restoring && net_journal_append(&device->journal, record))
		device->save_failed = true;
}

static void host_warn(void *context, const char *text) {
	struct net_device *device = context;
	device->save_failed = true; /* an incomplete journal must not replace a complete one */
	log_error("%s%s", device->start.prefix, text);
}

static void host_event(void *context, const struct device_event *event) {
	static const enum process_event kinds[] = {
		[DEVICE_EVENT_CONNECTED] = PROCESS_EVENT_CONNECTED,
		[DEVICE_EVENT_MOVED] = PROCESS_EVENT_MOVED,
		[DEVICE_EVENT_UNANSWERED] = PROCESS_EVENT_UNANSWERED,
		[DEVICE_EVENT_UNREACHABLE] = PROCESS_EVENT_UNREACHABLE,
	};
	const struct net_device *device = context;
	struct net_event news = {
		.kind = kinds[event->kind],
		.endpoint = event->endpoint,
		.count = event->count,
	};
	memcpy(news.public_key, event->public_key, sizeof news.public_key);
	device->start.callbacks.event(device->start.callbacks.context, &news);
}

static void host_settings(void *context, const uint8_t public_key[static X25519_KEY_SIZE],
						  const struct interface_settings *settings) {
	const struct net_device *device = context;
	const struct net_callbacks *callbacks = &device->start.callbacks;
	int failed = callbacks->settings(callbacks->context, public_key, settings);
	if (failed)
		log_error("%swhat the server says of the interface: %s", device->start.prefix,
				  strerror(failed));
}

static bool save_all(void *context) {
	struct net_device *device = context;
	device->save_failed = false;
	device->ops->save_all(device->device);
	return !device->save_failed;
}

static const char *replay(void *context, struct slice record) {
	struct net_device *device = context;
	enum err error = device->ops->restore(device->device, record);
	return error ? err_text(error) : NULL;
}

static void restore(struct net_device *device) {
	device->restoring = true;
	net_journal_replay(&device->journal, replay, device);
	device->restoring = false;
}

static enum err open_engine(struct net_device *device) {
	const struct net_start *start = &device->start;
	const struct aead_backend *backend = aead_backend_find(start->aead);
	if (!backend)
		return ERR_UNSUPPORTED;
	const struct engine_options options = {
		.shards = start->shards,
		.backend = backend,
		.random = &csprng,
		.clock = &system_clock,
		.notify = wake,
		.notify_context = device,
	};
	enum err error = engine_new(&options, &device->engine);
	if (error == ERR_OK)
		log_debug("%s%u shard%s, AEAD by %s", start->prefix, start->shards,
				  start->shards == 1 ? "" : "s", aead_backend_name(backend));
	return error;
}

/* On failure the descriptors are as before: queues are duplicated until all is well. */
static enum err open_device(struct net_device *device) {
	const struct net_start *start = &device->start;
	struct tun_queue queues[PROCESS_SHARDS_MAX] = {{.ops = NULL}};
	enum err error = ERR_OK;
	for (uint8_t i = 0; i < start->shards && error == ERR_OK; i++) {
		int copy = fcntl(start->queues[i], F_DUPFD_CLOEXEC, 0);
		error = copy < 0
					? err_from_errno(errno)
					: tun_queue_open(copy, start->offloads & PROCESS_OFFLOAD_HEADER, &queues[i]);
		if (error != ERR_OK && copy >= 0)
			(void)close(copy);
	}
	if (error != ERR_OK) {
		for (uint8_t i = 0; i < start->shards; i++)
			tun_queue_done(&queues[i]);
		return error;
	}
	const struct device_options options = {
		.engine = device->engine,
		.queues = queues,
		.coalesce = {.tcp = start->offloads & PROCESS_OFFLOAD_TCP,
					 .udp = start->offloads & PROCESS_OFFLOAD_UDP},
		.mtu = start->mtu,
		.listen_at_once = start->listen_at_once,
		.host = &device->host,
	};
	return device->ops->new (&options, &device->device);
}

static void device_free(struct net_device *device) {
	if (!device)
		return;
	if (device->device && device->ops->part)
		device->ops->part(device->device);
	if (device->engine)
		engine_stop(device->engine);
	if (device->device)
		device->ops->free(device->device);
	engine_free(device->engine);
	net_journal_done(&device->journal);
	free(device);
}

static void device_link(struct net_device *device, uint32_t mtu, bool up) {
	log_debug("%sinterface is %s, MTU %u", device->start.prefix, up ? "up" : "down", mtu);
	device->ops->link(device->device, mtu, up);
}

static enum err device_new(const struct net_start *start, struct net_device **out_device) {
	if (start->shards == 0 || start->stream_count > 0)
		return ERR_UNSUPPORTED; /* packets take an interface, and nothing else */
	const struct device_ops *ops = registry_find(start->protocol);
	if (!ops)
		return ERR_UNSUPPORTED;
	struct net_device *device = calloc(1, sizeof *device);
	if (!device)
		return ERR_NO_MEMORY;
	device->start = *start;
	device->ops = ops;
	device->host = (struct device_host){
		.context = device,
		.listen = host_listen,
		.mark = host_mark,
		.closed = host_closed,
		.save = host_save,
		.warn = host_warn,
		.event = host_event,
		.settings = host_settings,
	};
	enum err error = net_journal_open(&device->journal, &device->start);
	if (error == ERR_OK)
		error = open_engine(device);
	if (error == ERR_OK)
		error = open_device(device);
	if (error == ERR_OK)
		error = engine_start(device->engine);
	if (error != ERR_OK) {
		device_free(device);
		return error;
	}
	close_all(start->queues, start->shards);
	(void)close(start->journal);
	restore(device);
	device_link(device, start->mtu, start->up);
	*out_device = device;
	return ERR_OK;
}

static void device_network(struct net_device *device) {
	device->ops->network(device->device);
}

static int device_set(struct net_device *device, struct slice text) {
	return device->ops->set(device->device, text);
}

static bool device_of_peers(const struct net_device *device, struct slice text) {
	return device->ops->of_peers(text);
}

static int device_get(struct net_device *device, struct uapi_text *out_text) {
	device->ops->get(device->device, out_text);
	return out_text->error == ERR_OK ? 0 : ENOMEM;
}

static int device_status(struct net_device *device, struct uapi_text *out_text) {
	device->ops->status(device->device, out_text);
	return out_text->error == ERR_OK ? 0 : ENOMEM;
}

static uint64_t device_run(struct net_device *device, uint64_t now) {
	uint64_t next = device->ops->run(device->device, now);
	net_journal_compact(&device->journal, save_all, device);
	return next;
}

const struct net_device_ops device_ops = {
	.new = device_new,
	.free = device_free,
	.link = device_link,
	.network = device_network,
	.set = device_set,
	.of_peers = device_of_peers,
	.get = device_get,
	.status = device_status,
	.run = device_run,
};
