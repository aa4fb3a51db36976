#include "daemon/net_tunnels.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wipe.h"
#include "daemon/connections.h"
#include "daemon/shared_text.h"

struct net_tunnel {
	struct net_channel_tunnel channel; /* context of the device's callbacks */
	struct net_tunnels *tunnels;
	char prefix[PROCESS_NAME_SIZE + 2];
	const struct net_device_ops *ops;
	struct net_device *device;       /* NULL while it is being made */
	struct connections *connections; /* NULL before the first one */
	uint64_t drain_at;               /* when the device is to be asked again; 0: it was not */
	bool is_detached;                /* by this message: */
	struct process_message detach;
};

static void log_event(const struct net_tunnel *tunnel, const struct net_event *event) {
	char key[TEXT_KEY_BASE64_SIZE], endpoint[ENDPOINT_TEXT_SIZE];
	text_key_encode(event->public_key, key);
	endpoint_format(&event->endpoint, endpoint);
	switch (event->kind) {
	case PROCESS_EVENT_CONNECTED:
		log_debug("%speer %.8s: handshake done, at %s", tunnel->prefix, key, endpoint);
		break;
	case PROCESS_EVENT_MOVED:
		log_debug("%speer %.8s: moved to %s", tunnel->prefix, key, endpoint);
		break;
	case PROCESS_EVENT_UNANSWERED:
		log_debug("%speer %.8s: no answer from %s, attempts: %u", tunnel->prefix, key, endpoint,
				  event->count);
		break;
	case PROCESS_EVENT_UNREACHABLE:
		log_debug("%speer %.8s: no route to %s", tunnel->prefix, key, endpoint);
		break;
	case PROCESS_EVENT_ENDED:
		log_debug("%speer %.8s: session ended, code %u", tunnel->prefix, key, event->count);
		break;
	case PROCESS_EVENT_REFUSED:
		log_debug("%speer %.8s: login %s: %s", tunnel->prefix, key,
				  event->count ? "refused" : "given up by this end", event->text);
		break;
	}
}

static void tell_event(void *context, const struct net_event *event) {
	const struct net_tunnel *tunnel = list_item(context, struct net_tunnel, channel);
	if (log_current_level() >= LOG_DEBUG)
		log_event(tunnel, event);
	net_peering_event(tunnel->tunnels->peering, tunnel->channel.slot, event);
}

static enum err tell_control(void *context, struct process_message *message, int descriptor) {
	const struct net_tunnel *tunnel = list_item(context, struct net_tunnel, channel);
	message->tunnel = tunnel->channel.slot;
	return net_peering_send(tunnel->tunnels->peering, message, descriptor);
}

static void release(struct net_tunnels *tunnels, uint16_t slot) {
	struct net_tunnel *tunnel = tunnels->items[slot];
	if (!tunnel)
		return;
	tunnels->items[slot] = NULL;
	connections_free(tunnel->connections);
	if (tunnel->device)
		tunnel->ops->free(tunnel->device);
	free(tunnel);
}

void net_tunnels_done(struct net_tunnels *tunnels) {
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++)
		release(tunnels, slot);
}

static enum err make_device(struct net_tunnels *tunnels, struct net_tunnel *tunnel,
							struct channel_message *message) {
	struct net_start start = tunnels->defaults;
	start.slot = message->message.tunnel;
	memcpy(start.name, message->message.attach.name, sizeof start.name);
	start.mtu = message->message.attach.mtu;
	start.up = message->message.attach.up;
	start.shards = message->message.attach.shards;
	start.queues = message->descriptors + 1;
	memcpy(start.protocol, message->message.attach.protocol, sizeof start.protocol);
	start.stream_count = message->message.attach.streams;
	start.streams = start.queues + start.shards;
	start.offloads = message->message.attach.offloads;
	/* wg(8) waits for the answer; the configuration's ports are tried until they are free. */
	start.listen_at_once = !tunnels->shared_log;
	start.journal = message->descriptors[0];
	start.callbacks = net_channel_callbacks(&tunnel->channel);
	start.callbacks.event = tell_event;
	start.callbacks.tell = tell_control;
	if (tunnels->shared_log)
		(void)snprintf(tunnel->prefix, sizeof tunnel->prefix, "%s: ", start.name);
	memcpy(start.prefix, tunnel->prefix, sizeof start.prefix);
	enum err error = tunnel->ops->new (&start, &tunnel->device);
	if (!error)
		message->count = 0; /* taken over */
	return error;
}

static enum err attach(struct net_tunnels *tunnels, struct channel_message *message) {
	uint16_t slot = message->message.tunnel;
	const struct process_message *body = &message->message;
	if (message->count != 1U + body->attach.shards + body->attach.streams)
		return ERR_MALFORMED;
	if (tunnels->items[slot])
		return ERR_EXISTS;
	const struct net_device_ops *ops = tunnels->find(body->attach.protocol);
	if (!ops)
		return ERR_UNSUPPORTED;
	struct net_tunnel *tunnel = calloc(1, sizeof *tunnel);
	if (!tunnel)
		return ERR_NO_MEMORY;
	tunnel->channel = (struct net_channel_tunnel){.channel = tunnels->channel, .slot = slot};
	tunnel->tunnels = tunnels;
	tunnel->ops = ops;
	tunnels->items[slot] = tunnel;
	enum err error = make_device(tunnels, tunnel, message);
	if (error)
		release(tunnels, slot);
	return error;
}

void net_tunnels_attach(struct net_tunnels *tunnels, struct channel_message *message) {
	char text[PROCESS_TEXT_SIZE] = "";
	enum err error = attach(tunnels, message);
	if (error)
		(void)snprintf(text, sizeof text, "starting the data path with the AEAD back end %s: %s",
					   tunnels->defaults.aead, err_text(error));
	net_channel_answer(tunnels->channel, &message->message, error ? EIO : 0, text);
}

/* Its end goes on until the time is CLOCK_NEVER. */
static void drain(struct net_tunnel *tunnel, uint64_t now) {
	tunnel->drain_at = tunnel->ops->drain ? tunnel->ops->drain(tunnel->device, now) : CLOCK_NEVER;
}

static void detach(struct net_tunnels *tunnels, uint16_t slot) {
	const struct process_message message = tunnels->items[slot]->detach;
	release(tunnels, slot);
	net_channel_answer(tunnels->channel, &message, 0, "");
}

void net_tunnels_detach(struct net_tunnels *tunnels, const struct process_message *message) {
	struct net_tunnel *tunnel = tunnels->items[message->tunnel];
	if (!tunnel) {
		net_channel_answer(tunnels->channel, message, ENODEV, "");
		return;
	}
	tunnel->is_detached = true;
	tunnel->detach = *message;
	drain(tunnel, clock_now());
	if (tunnel->drain_at == CLOCK_NEVER)
		detach(tunnels, message->tunnel);
}

void net_tunnels_drain(struct net_tunnels *tunnels) {
	uint64_t now = clock_now();
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++)
		if (tunnels->items[slot])
			drain(tunnels->items[slot], now);
}

bool net_tunnels_are_drained(const struct net_tunnels *tunnels) {
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++)
		if (tunnels->items[slot] && tunnels->items[slot]->drain_at != CLOCK_NEVER)
			return false;
	return true;
}

/* True: it is gone. */
static bool drain_on(struct net_tunnels *tunnels, struct net_tunnel *tunnel, uint64_t now) {
	if (tunnel->drain_at == 0 || now < tunnel->drain_at)
		return false;
	drain(tunnel, now);
	if (tunnel->drain_at != CLOCK_NEVER || !tunnel->is_detached)
		return false;
	detach(tunnels, tunnel->channel.slot);
	return true;
}

void net_tunnels_link(struct net_tunnels *tunnels, const struct process_message *message) {
	const struct net_tunnel *tunnel = tunnels->items[message->tunnel];
	if (tunnel)
		tunnel->ops->link(tunnel->device, message->link.mtu, message->link.up);
}

void net_tunnels_network(struct net_tunnels *tunnels) {
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++) {
		const struct net_tunnel *tunnel = tunnels->items[slot];
		if (tunnel && tunnel->ops->network)
			tunnel->ops->network(tunnel->device);
	}
}

void net_tunnels_sockets(struct net_tunnels *tunnels, struct channel_message *message) {
	const struct net_tunnel *tunnel = tunnels->items[message->message.tunnel];
	struct process_sockets answer = message->message.sockets;
	if (!tunnel || !tunnel->ops->sockets)
		return;
	/* Those that are missing found no place in this process; who waits for them is told. */
	if (message->count != answer.count) {
		channel_message_done(message);
		answer = (struct process_sockets){.kind = answer.kind, .error = EMFILE};
	}
	tunnel->ops->sockets(tunnel->device, &answer, message->descriptors, message->count);
	message->count = 0;
}

void net_tunnels_resolved(struct net_tunnels *tunnels, const struct process_message *message) {
	const struct net_tunnel *tunnel = tunnels->items[message->tunnel];
	if (tunnel && tunnel->ops->resolved)
		tunnel->ops->resolved(tunnel->device, &message->resolved);
}

void net_tunnels_verdict(struct net_tunnels *tunnels, const struct process_message *message) {
	const struct net_tunnel *tunnel = tunnels->items[message->tunnel];
	if (tunnel && tunnel->ops->verdict)
		tunnel->ops->verdict(tunnel->device, &message->verdict);
}

void net_tunnels_connection(struct net_tunnels *tunnels, struct channel_message *message) {
	struct net_tunnel *tunnel = tunnels->items[message->message.tunnel];
	if (!tunnel || message->count != 1)
		return;
	if (!tunnel->connections) {
		enum err error = connections_new(tunnels->defaults.loop, tunnel->ops, tunnel->device,
										 &tunnel->connections);
		if (error) {
			log_error("%sa configuration connection was closed: %s", tunnel->prefix,
					  err_text(error));
			return;
		}
	}
	connections_add(tunnel->connections, channel_message_take(message, 0));
}

int net_tunnels_set(struct net_tunnels *tunnels, const struct channel_message *message,
					bool peers_alone) {
	const struct net_tunnel *tunnel = tunnels->items[message->message.tunnel];
	if (!tunnel)
		return ENODEV;
	if (message->count == 0)
		return EMFILE;
	char *text;
	size_t size;
	enum err error =
		message->count == 1 ? shared_text_read(message->descriptors[0], &text, &size) : ERR_INVALID;
	if (error)
		return error == ERR_LIMIT ? E2BIG : error == ERR_NO_MEMORY ? ENOMEM : EINVAL;
	bool allowed = !peers_alone || tunnel->ops->of_peers(tunnel->device, slice_of(text, size));
	int number = allowed ? tunnel->ops->set(tunnel->device, slice_of(text, size)) : EPERM;
	wipe(text, size);
	free(text);
	return number;
}

int net_tunnels_get(struct net_tunnels *tunnels, uint16_t slot, int *out_descriptor) {
	const struct net_tunnel *tunnel = tunnels->items[slot];
	if (!tunnel)
		return ENODEV;
	struct uapi_text text = {.data = NULL};
	int number = tunnel->ops->status(tunnel->device, &text);
	if (!number && shared_text_new(slice_of(text.data, text.size), out_descriptor))
		number = ENOMEM;
	uapi_text_done(&text);
	return number;
}

uint64_t net_tunnels_run(struct net_tunnels *tunnels, uint64_t now) {
	uint64_t next = CLOCK_NEVER;
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++) {
		struct net_tunnel *tunnel = tunnels->items[slot];
		if (!tunnel || drain_on(tunnels, tunnel, now))
			continue;
		if (tunnel->drain_at > 0 && tunnel->drain_at < next)
			next = tunnel->drain_at;
		if (!tunnel->ops->run)
			continue;
		uint64_t wanted = tunnel->ops->run(tunnel->device, now);
		next = wanted < next ? wanted : next;
	}
	return next;
}
