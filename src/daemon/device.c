#include "daemon/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/device_connections.h"
#include "daemon/device_engine.h"
#include "daemon/device_logins.h"
#include "daemon/device_port.h"
#include "daemon/net.h"
#include "daemon/net_journal.h"
#include "engine/engine.h"
#include "proto/registry.h"

struct net_device {
	struct net_start start;
	struct device_engine *engine;
	struct device_port port;
	struct device_connections *connections; /* NULL: the protocol has none */
	const struct device_ops *ops;
	struct device *device;
	struct device_host host;
	struct net_journal journal;
	bool restoring;   /* what is replayed is in the journal already */
	bool save_failed; /* something of the last full state is missing */
};

static void close_all(const int *descriptors, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (descriptors[i] >= 0)
			(void)close(descriptors[i]);
}

static int host_listen(void *context, struct interface *interface, uint16_t port, uint32_t mark,
					   uint16_t *out_port) {
	struct net_device *device = context;
	return device_port_open(&device->port, &device->engine->ports, &device->start, interface, port,
							mark, out_port);
}

static int host_mark(void *context, uint32_t mark) {
	const struct net_device *device = context;
	return device->start.callbacks.mark(device->start.callbacks.context, mark);
}

static void host_closed(void *context) {
	struct net_device *device = context;
	device_port_close(&device->port);
	engine_settle(device->engine->engine);
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
		[DEVICE_EVENT_ENDED] = PROCESS_EVENT_ENDED,
		[DEVICE_EVENT_REFUSED] = PROCESS_EVENT_REFUSED,
	};
	const struct net_device *device = context;
	struct net_event news = {
		.kind = kinds[event->kind],
		.endpoint = event->endpoint,
		.count = event->count,
		.text = event->text,
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

static enum err host_login(void *context, const struct device_login *login) {
	const struct net_device *device = context;
	return device_logins_ask(&device->start.callbacks, login);
}

static void host_abandon(void *context, uint64_t id) {
	const struct net_device *device = context;
	device_logins_abandon(&device->start.callbacks, id);
}

static enum err host_ticket(void *context, const struct device_ticket *ticket) {
	const struct net_device *device = context;
	return device_logins_ticket(&device->start, ticket);
}

static enum err host_used(void *context, const uint8_t public_key[static X25519_KEY_SIZE],
						  uint64_t bytes) {
	const struct net_device *device = context;
	return device_logins_used(&device->start, public_key, bytes);
}

static enum err host_connect(void *context, const struct endpoint *to, uint64_t *out_connection) {
	const struct net_device *device = context;
	return device_connections_connect(device->connections, to, out_connection);
}

static enum err host_write(void *context, uint64_t connection, struct slice data) {
	const struct net_device *device = context;
	return device_connections_write(device->connections, connection, data);
}

static void host_close(void *context, uint64_t connection) {
	const struct net_device *device = context;
	device_connections_close(device->connections, connection);
}

static enum err host_hand_over(void *context, uint64_t connection,
							   struct stream_transport *out_transport) {
	const struct net_device *device = context;
	return device_connections_hand_over(device->connections, connection, out_transport);
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
		.engine = device->engine->engine,
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
	device_port_close(&device->port);
	if (device->device)
		device->ops->free(device->device);
	device_connections_free(device->connections);
	device_engine_release(device->engine);
	net_journal_done(&device->journal);
	free(device);
}

static void device_link(struct net_device *device, uint32_t mtu, bool up) {
	log_debug("%sinterface is %s, MTU %u", device->start.prefix, up ? "up" : "down", mtu);
	device->ops->link(device->device, mtu, up);
}

static enum err device_new(const struct net_start *start, struct net_device **out_device) {
	const struct device_ops *ops = registry_find(start->protocol);
	/* Packets take an interface; what listens besides is a protocol's that has connections. */
	if (start->shards == 0 || !ops || (start->stream_count > 0 && !ops->received))
		return ERR_UNSUPPORTED;
	struct net_device *device = calloc(1, sizeof *device);
	if (!device)
		return ERR_NO_MEMORY;
	device->start = *start;
	device_port_init(&device->port);
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
		.login = host_login,
		.abandon = host_abandon,
		.ticket = host_ticket,
		.used = host_used,
		.connect = host_connect,
		.write = host_write,
		.close = host_close,
		.hand_over = host_hand_over,
	};
	enum err error = net_journal_open(&device->journal, &device->start);
	if (error == ERR_OK)
		error = device_engine_take(start, &device->engine);
	if (error == ERR_OK)
		error = open_device(device);
	if (error == ERR_OK && ops->received)
		error = device_connections_new(&device->start, ops, device->device, &device->connections);
	if (error != ERR_OK) {
		device_free(device);
		return error;
	}
	close_all(start->queues, start->shards);
	close_all(start->streams, start->stream_count);
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

static void device_verdict(struct net_device *device, const struct process_verdict *verdict) {
	if (device->ops->verdict)
		device_logins_judge(device->ops, device->device, verdict);
}

static void device_sockets(struct net_device *device, const struct process_sockets *answer,
						   const int *descriptors, size_t count) {
	if (device->connections)
		device_connections_sockets(device->connections, answer, descriptors, count);
	else
		close_all(descriptors, count);
}

static uint64_t device_run(struct net_device *device, uint64_t now) {
	const uint64_t accept =
		device->connections ? device_connections_run(device->connections, now) : CLOCK_NEVER;
	uint64_t next = device->ops->run(device->device, now);
	next = accept < next ? accept : next;
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
	.verdict = device_verdict,
	.sockets = device_sockets,
};
