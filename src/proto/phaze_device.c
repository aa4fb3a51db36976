#include "proto/phaze_device.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wipe.h"
#include "proto/device_lines.h"
#include "proto/device_record.h"
#include "proto/phaze_connections.h"
#include "proto/phaze_control.h"
#include "proto/phaze_dial.h"
#include "proto/phaze_gate.h"
#include "proto/phaze_protocol.h"
#include "proto/phaze_record.h"
#include "proto/phaze_sessions.h"
#include "proto/phaze_tickets.h"

/* Memory that waits for the shards' turns is looked at so often. */
#define COLLECT_INTERVAL (10 * CLOCK_MILLISECOND)

enum {
	REKEY_SECONDS = 120,
	REKEY_PACKETS = 1 << 30,
	KEEPALIVE_SECONDS = 10,
};

static void warn(const struct device *device, const char *text) {
	device->host->warn(device->host->context, text);
}

/* A peer's sessions come with news of their own; what is left has nothing to be saved. */
static void save_nothing(void *context, struct device_news *news) {
	(void)context;
	(void)news;
}

static void device_free(struct device *device) {
	if (!device)
		return;
	/* Frees lanes, and with them the shards' part of every peer. */
	interface_free(device->interface);
	engine_collect_all(device->engine);
	phaze_gate_free(device->gate);
	phaze_connections_done(device);
	phaze_sessions_done(device);
	list_for_each (link, &device->members) {
		struct phaze_member *member = list_item(link, struct phaze_member, link);
		device_prefixes_disallow_all(&device->prefixes, &member->allowed_ips);
		phaze_control_free(member);
	}
	list_for_each (gone, &device->removed)
		phaze_control_free(list_item(gone, struct phaze_member, link));
	if (device->snapshot) {
		trie_view_release(device->prefixes.peers, device->snapshot->snapshot.allowed_ips);
		free(device->snapshot);
	}
	phaze_newsbox_done(&device->box);
	device_prefixes_done(&device->prefixes);
	key_table_done(&device->by_identity);
	key_table_done(&device->by_ticket);
	phaze_dial_free(device->dial);
	phaze_trust_release(device->trust);
	for (size_t i = 0; i < PHAZE_TEXTS; i++)
		uapi_text_done(&device->texts[i]);
	wipe(device, sizeof *device);
	free(device);
}

static void init_settings(struct phaze_settings *settings) {
	*settings = (struct phaze_settings){
		.role = PHAZE_SERVER,
		.cipher_count = PHAZE_CIPHERS_KNOWN,
		.ciphers = {PHAZE_CHACHA20_POLY1305, PHAZE_AES_256_GCM},
		.rekey_seconds = REKEY_SECONDS,
		.rekey_packets = REKEY_PACKETS,
		.keepalive = KEEPALIVE_SECONDS,
		.transports = PHAZE_OVER_UDP,
		.demands = PHAZE_BY_PASSWORD,
		.ticket_seconds = PHAZE_PASS_AGE_MAX,
	};
}

static void init_lists(struct device *device) {
	const struct random_source *random = engine_get_options(device->engine)->random;
	list_init(&device->members);
	list_init(&device->changed);
	list_init(&device->removed);
	list_init(&device->offers);
	phaze_connections_init(device);
	key_table_init(&device->by_identity, random, HASH_SIZE);
	key_table_init(&device->by_ticket, random, HASH_SIZE);
	phaze_newsbox_init(&device->box, device->engine);
	device_newsbox_init(&device->news);
	device->news.engine = device->engine;
	device->news.host = device->host;
	device->news.save = save_nothing;
	device->news.context = device;
	/* No time is so long: sessions are told of as they come. */
	device->news.apart = UINT64_MAX / 2;
	device->next_sweep = device->next_tell = device->next_ticket = CLOCK_NEVER;
	device->telling = 1;
}

static enum err init_state(struct device *device) {
	return device_prefixes_init(&device->prefixes)
			   ?: phaze_set_trust(device, &device->settings, device->texts, &device->trust)
			   ?: phaze_gate_new(device, &device->gate)
			   ?: phaze_dial_new(&device->dial)
			   ?: phaze_control_first_snapshot(device);
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
	init_settings(&device->settings);
	init_lists(device);
	enum err error = init_state(device);
	if (error) {
		close_queues(options);
		device_free(device);
		return error;
	}
	const struct interface_options interface_options = {
		.protocol = &phaze_protocol,
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
	const enum phaze_close_code code =
		device->settings.role == PHAZE_SERVER ? PHAZE_CLOSE_GOING_AWAY : PHAZE_CLOSE_DONE;
	phaze_gate_close(device);
	phaze_dial_stop(device);
	if (phaze_command_farewell(device->engine, device->interface, code))
		warn(device, "out of memory: the other end is not told that the tunnel ends");
}

/* What was restored is with the shards before any of them may answer anybody. */
static void device_link(struct device *device, uint32_t mtu, bool up) {
	const bool was_up = device->sockets.link_up;
	if (!up && was_up)
		device_part(device);
	if (phaze_control_commit(device) ||
		(device_sockets_link(&device->sockets, mtu, up) && phaze_control_commit(device)))
		warn(device, "out of memory: the link's change is delayed");
	if (up && !was_up)
		phaze_dial_changed(device);
	engine_notify(device->engine);
}

static void device_network(struct device *device) {
	if (phaze_command_network(device->engine, device->interface))
		warn(device, "out of memory: the other end finds out later that the network changed");
	phaze_dial_changed(device);
	engine_notify(device->engine);
}

static int device_set(struct device *device, struct slice text) {
	bool is_login;
	int failed = phaze_set(device, text, &is_login);
	if (!failed && !is_login)
		device_record_save_set(device->host, text);
	device_sockets_save_port(&device->sockets);
	engine_settle(device->engine);
	engine_notify(device->engine); /* what is due may be so sooner now */
	return failed;
}

static enum err restore_set(struct device *device, struct slice lines) {
	device->sockets.restoring = true;
	bool is_login;
	int failed = phaze_set(device, lines, &is_login);
	device->sockets.restoring = false;
	return failed ? ERR_MALFORMED : ERR_OK;
}

static enum err device_restore(struct device *device, struct slice record) {
	/* Each record may publish a snapshot: a long journal must not pile them up. */
	(void)engine_collect(device->engine);
	struct slice lines;
	if (device_record_is_set(record, &lines))
		return restore_set(device, lines);
	if (phaze_record_kind(record) == PHAZE_RECORD_TICKET)
		return phaze_tickets_restore(device, record);
	return ERR_UNSUPPORTED;
}

static void device_save_all(struct device *device) {
	struct uapi_text text = {.data = NULL};
	phaze_uapi_dump(device, &text);
	device_record_save_dump(device->host, &text);
	uapi_text_done(&text);
	list_for_each (link, &device->members)
		phaze_tickets_save(device, list_item(link, struct phaze_member, link));
}

static void device_verdict(struct device *device, const struct device_verdict *verdict) {
	phaze_gate_verdict(device, phaze_control_now(device), verdict);
	engine_notify(device->engine);
}

static void take_news(struct device *device, uint64_t now) {
	struct phaze_news *next;
	for (struct phaze_news *news = phaze_newsbox_take(&device->box); news; news = next) {
		next = phaze_news_next(news);
		if (news->kind != PHAZE_NEWS_DATAGRAM)
			phaze_sessions_news(device, (const struct phaze_news_session *)(const void *)news);
		else if (!device_sockets_are_up(&device->sockets) ||
				 !(device->settings.transports & PHAZE_OVER_UDP))
			; /* of before, or not wanted */
		else if (device->settings.role == PHAZE_SERVER)
			(void)phaze_gate_receive(device, now,
									 (const struct phaze_news_datagram *)(const void *)news);
		else
			phaze_dial_receive(device, now, (const struct phaze_news_datagram *)(const void *)news);
		phaze_news_free(&device->box, news);
	}
}

static uint64_t earlier(uint64_t left, uint64_t right) {
	return left < right ? left : right;
}

static uint64_t device_run(struct device *device, uint64_t now) {
	take_news(device, now);
	const char *problem = phaze_trust_news(device->trust);
	if (problem)
		warn(device, problem);
	uint64_t next = device_newsbox_run(&device->news, now);
	if (device_sockets_run(&device->sockets, now)) {
		if (phaze_control_commit(device))
			warn(device, "out of memory: going up is delayed");
		phaze_dial_changed(device);
	}
	next = earlier(next, device->sockets.next_listen);
	next = earlier(next, phaze_sessions_run(device, now));
	next = earlier(next, phaze_tickets_run(device, now));
	next = earlier(next, phaze_gate_run(device, now));
	next = earlier(next, phaze_connections_run(device, now));
	next = earlier(next, phaze_dial_run(device, now));
	/* What those changed. */
	if (phaze_control_commit(device))
		warn(device, "out of memory: changes are delayed");
	if (engine_collect(device->engine))
		next = earlier(next, now + COLLECT_INTERVAL);
	return next;
}

const struct device_ops phaze_device_ops = {
	.name = "phaze",
	.new = device_new,
	.part = device_part,
	.free = device_free,
	.link = device_link,
	.network = device_network,
	.set = device_set,
	.of_peers = device_lines_of_peers,
	.get = phaze_uapi_get,
	.status = phaze_uapi_status,
	.restore = device_restore,
	.save_all = device_save_all,
	.verdict = device_verdict,
	.received = phaze_connections_received,
	.ended = phaze_connections_ended,
	.waits = phaze_gate_waits,
	.run = device_run,
};
