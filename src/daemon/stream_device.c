#include "daemon/stream_device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/net_journal.h"
#include "daemon/stream_core.h"
#include "daemon/stream_surroundings.h"
#include "daemon/stream_thread.h"
#include "loop/loop.h"
#include "proto/stream_protocol.h"

/*
 *   main thread:  set, get, link, network ──jobs──▶ stream_core ─▶ server or client
 *                 stream_device            ◀─outbox─ stream_surroundings ◀─┘     its own thread
 *                  │   ▲
 *                  ▼   │ sockets, addresses
 *                 privileged, control
 *
 * The journal has the set operations, as they came, on the main thread.
 */

/*
 * Who stops a tunnel waits for it: a transfer that is nearly done may end, and what is left then is
 * closed in order, for which a few round trips are enough.
 */
#define DRAIN_PEACE (2 * CLOCK_SECOND)
#define DRAIN_END (2500 * CLOCK_MILLISECOND)
#define DRAIN_LOOK (10 * CLOCK_MILLISECOND)

/* Until the channel has room again. */
#define SEND_RETRY (20 * CLOCK_MILLISECOND)

struct net_device {
	struct net_start start;
	struct stream_thread *thread;
	struct stream_outbox outbox;
	struct stream_surroundings *surroundings; /* the thread's, as the next one is */
	struct stream_core *core;
	struct net_journal journal;
	uint64_t drain_at; /* when it was begun; 0: it was not */
};

static void wake(void *context) {
	struct net_device *device = context;
	loop_wake(device->start.loop);
}

/* The beginning and the end, on the thread: */

struct opening {
	struct net_device *device;
	enum err error;
};

static enum err open_core(struct net_device *device) {
	const struct net_start *start = &device->start;
	const struct stream_core_start core = {
		.host = stream_surroundings_host(device->surroundings),
		.protocol = stream_protocol_find(start->protocol),
		.server = &stream_server_ops,
		.client = &stream_client_ops,
		.listeners = start->streams,
		.listener_count = start->stream_count,
		.queue = start->shards > 0 ? start->queues[0] : -1,
		.header = start->offloads & PROCESS_OFFLOAD_HEADER,
		.tcp = start->offloads & PROCESS_OFFLOAD_TCP,
		.udp = start->offloads & PROCESS_OFFLOAD_UDP,
	};
	return core.protocol ? stream_core_new(&core, &device->core) : ERR_UNSUPPORTED;
}

static void open_on_thread(void *context) {
	struct opening *opening = context;
	struct net_device *device = opening->device;
	opening->error =
		stream_surroundings_new(stream_thread_loop(device->thread), &device->outbox,
								device->start.aead, device->start.prefix, &device->surroundings);
	if (!opening->error)
		opening->error = open_core(device);
}

static void close_on_thread(void *context) {
	struct net_device *device = context;
	stream_core_free(device->core);
	stream_surroundings_free(device->surroundings);
}

struct draining {
	struct net_device *device;
	bool begins, ends, is_drained;
};

static void drain_on_thread(void *context) {
	struct draining *draining = context;
	struct stream_core *core = draining->device->core;
	if (draining->begins || draining->ends)
		stream_core_drain(core, draining->ends);
	draining->is_drained = stream_core_is_drained(core);
}

static uint64_t device_drain(struct net_device *device, uint64_t now) {
	struct draining draining = {.device = device, .begins = device->drain_at == 0};
	if (draining.begins)
		device->drain_at = now;
	draining.ends = now >= device->drain_at + DRAIN_PEACE;
	stream_thread_call(device->thread, drain_on_thread, &draining);
	if (draining.is_drained || now >= device->drain_at + DRAIN_END)
		return CLOCK_NEVER;
	return now + DRAIN_LOOK;
}

static void device_free(struct net_device *device) {
	if (!device)
		return;
	if (device->thread)
		stream_thread_call(device->thread, close_on_thread, device);
	stream_thread_free(device->thread);
	stream_outbox_done(&device->outbox);
	net_journal_done(&device->journal);
	free(device);
}

/* Set operations: */

struct setting {
	struct net_device *device;
	struct slice text;
	int number;
};

static void set_on_thread(void *context) {
	struct setting *setting = context;
	/* Sockets that nobody has yet may be the wrong ones. */
	if (stream_options_are_there(setting->text))
		stream_surroundings_forget_sockets(setting->device->surroundings);
	setting->number = stream_core_set(setting->device->core, setting->text);
}

static int set(struct net_device *device, struct slice text) {
	struct setting setting = {.device = device, .text = text};
	stream_thread_call(device->thread, set_on_thread, &setting);
	return setting.number;
}

static int device_set(struct net_device *device, struct slice text) {
	int number = text.size > 0 ? set(device, text) : 0;
	if (number || text.size == 0 || stream_core_is_recollection(text))
		return number;
	/* It holds all the same, for as long as this process. */
	(void)!net_journal_append(&device->journal, text);
	return 0;
}

static bool device_of_peers(const struct net_device *device, struct slice text) {
	return !stream_options_are_there(text);
}

/* The journal: */

static const char *replay(void *context, struct slice record) {
	int number = set(context, record);
	return number ? strerror(number) : NULL;
}

struct saving {
	struct net_device *device;
	struct uapi_text text;
};

static void save_on_thread(void *context) {
	struct saving *saving = context;
	stream_core_save(saving->device->core, &saving->text);
}

/* All that counts in one record. */
static bool save_all(void *context) {
	struct net_device *device = context;
	struct saving saving = {.device = device};
	stream_thread_call(device->thread, save_on_thread, &saving);
	const struct uapi_text *text = &saving.text;
	enum err error = text->error;
	if (!error && text->size > 0)
		error = net_journal_append(&device->journal, slice_of(text->data, text->size));
	uapi_text_done(&saving.text);
	return !error;
}

/* Out to other processes: */

/* Nobody will answer: the thread hears so at once. */
static void fail_question(struct net_device *device, uint32_t id, enum err error);

static void pass_on(struct net_device *device, const struct stream_notice *notice) {
	const struct net_callbacks *callbacks = &device->start.callbacks;
	struct process_message message;
	enum err error = ERR_OK;
	switch (notice->kind) {
	case STREAM_NOTICE_RESOLVE:
		message = (struct process_message){.type = PROCESS_RESOLVE, .resolve = notice->resolve};
		error = callbacks->tell(callbacks->context, &message, -1);
		if (error)
			fail_question(device, notice->resolve.id, error);
		break;
	case STREAM_NOTICE_STRANGER:
		/* The other end sees that this one was closed. */
		message = (struct process_message){.type = PROCESS_STRANGER, .stranger = notice->stranger};
		error = callbacks->tell(callbacks->context, &message, notice->descriptor);
		if (error)
			log_debug("%snobody serves a stranger: %s", device->start.prefix, err_text(error));
		break;
	case STREAM_NOTICE_EVENT:
		callbacks->event(callbacks->context, &notice->event);
		break;
	}
}

/* When to try again. */
static uint64_t ask_for_sockets(struct net_device *device, uint64_t now) {
	const struct net_callbacks *callbacks = &device->start.callbacks;
	for (uint8_t kind = 0; kind < PROCESS_SOCKET_KINDS; kind++) {
		uint8_t count = stream_outbox_take_wanted(&device->outbox, kind);
		if (count == 0 || callbacks->sockets(callbacks->context, kind, count) != ERR_AGAIN)
			continue;
		stream_outbox_want_again(&device->outbox, kind, count);
		return now + SEND_RETRY;
	}
	return CLOCK_NEVER;
}

static uint64_t device_run(struct net_device *device, uint64_t now) {
	for (struct stream_notice *notice; (notice = stream_outbox_take(&device->outbox)) != NULL;) {
		pass_on(device, notice);
		free(notice);
	}
	net_journal_compact(&device->journal, save_all, device);
	return ask_for_sockets(device, now);
}

/* And in: */

struct given {
	struct stream_job job;
	struct net_device *device;
	struct process_sockets answer;
	int descriptors[PROCESS_SOCKETS_MAX];
	size_t count;
};

static void give_on_thread(struct stream_job *job) {
	struct given *given = list_item(job, struct given, job);
	stream_surroundings_sockets(given->device->surroundings, &given->answer, given->descriptors,
								given->count);
	free(given);
}

static void device_sockets(struct net_device *device, const struct process_sockets *answer,
						   const int *descriptors, size_t count) {
	struct given *given = calloc(1, sizeof *given);
	if (!given) {
		/* Whoever waits goes on waiting, as where the answer is late. */
		for (size_t i = 0; i < count; i++)
			(void)close(descriptors[i]);
		return;
	}
	*given = (struct given){
		.job = {.run = give_on_thread}, .device = device, .answer = *answer, .count = count};
	memcpy(given->descriptors, descriptors, count * sizeof *descriptors);
	stream_thread_post(device->thread, &given->job);
}

struct found {
	struct stream_job job;
	struct net_device *device;
	struct process_resolved answer;
};

static void find_on_thread(struct stream_job *job) {
	struct found *found = list_item(job, struct found, job);
	stream_surroundings_resolved(found->device->surroundings, &found->answer);
	free(found);
}

static void device_resolved(struct net_device *device, const struct process_resolved *answer) {
	struct found *found = malloc(sizeof *found);
	if (!found)
		return; /* whoever waits has a deadline */
	*found = (struct found){.job = {.run = find_on_thread}, .device = device, .answer = *answer};
	stream_thread_post(device->thread, &found->job);
}

static void fail_question(struct net_device *device, uint32_t id, enum err error) {
	const struct process_resolved answer = {
		.id = id, .result = error == ERR_LIMIT ? PROCESS_FOUND_LIMIT : PROCESS_FOUND_UNANSWERED};
	device_resolved(device, &answer);
}

static void link_on_thread(void *context) {
	const struct net_device *device = context;
	stream_core_link(device->core);
}

static void device_link(struct net_device *device, uint32_t mtu, bool up) {
	stream_thread_call(device->thread, link_on_thread, device);
}

static void network_on_thread(void *context) {
	const struct net_device *device = context;
	stream_core_network(device->core);
}

static void device_network(struct net_device *device) {
	stream_thread_call(device->thread, network_on_thread, device);
}

struct asking {
	struct net_device *device;
	struct uapi_text *text;
};

static void status_on_thread(void *context) {
	const struct asking *asking = context;
	stream_core_status(asking->device->core, asking->text);
}

static int device_status(struct net_device *device, struct uapi_text *out_text) {
	struct asking asking = {.device = device, .text = out_text};
	stream_thread_call(device->thread, status_on_thread, &asking);
	return out_text->error ? ENOMEM : 0;
}

static enum err device_new(const struct net_start *start, struct net_device **out_device) {
	if (start->shards > 1)
		return ERR_UNSUPPORTED;
	struct net_device *device = calloc(1, sizeof *device);
	if (!device)
		return ERR_NO_MEMORY;
	device->start = *start;
	stream_outbox_init(&device->outbox, wake, device);
	struct opening opening = {.device = device};
	enum err error = net_journal_open(&device->journal, &device->start);
	if (!error)
		error = stream_thread_new(start->name, &device->thread);
	if (!error) {
		stream_thread_call(device->thread, open_on_thread, &opening);
		error = opening.error;
	}
	if (error) {
		device_free(device);
		return error;
	}
	(void)close(start->journal);
	net_journal_replay(&device->journal, replay, device);
	*out_device = device;
	return ERR_OK;
}

const struct net_device_ops stream_device_ops = {
	.new = device_new,
	.free = device_free,
	.drain = device_drain,
	.link = device_link,
	.network = device_network,
	.set = device_set,
	.of_peers = device_of_peers,
	.get = device_status,
	.status = device_status,
	.run = device_run,
	.sockets = device_sockets,
	.resolved = device_resolved,
};
