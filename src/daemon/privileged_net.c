#include "daemon/privileged.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/net.h"
#include "host/steering.h"

#define READY_TIMEOUT (30 * CLOCK_SECOND)
#define STOP_TIMEOUT (2 * CLOCK_SECOND)
/* A net process that reads nothing for so long gets no reply. */
#define REPLY_TIMEOUT (200 * CLOCK_MILLISECOND)

enum { MESSAGES_PER_TURN = 64 };

/*
 * Datagrams that carry the index of their receiver: the low bits of its first byte name the shard.
 * A first word of 2 is followed by the sender's index and then the receiver's, 3 and 4 by the
 * receiver's; all numbers are little-endian.
 */
static const struct steering steering = {
	.rules =
		{
			{.first_word = UINT32_C(2) << 24, .offset = 8},
			{.first_word = UINT32_C(3) << 24, .offset = 4},
			{.first_word = UINT32_C(4) << 24, .offset = 4},
		},
	.count = 3,
	.mask = PROCESS_SHARDS_MAX - 1,
};

static void forget_net(struct privileged *privileged) {
	if (privileged->net.channel >= 0)
		loop_remove(privileged->loop, privileged->net.channel);
	if (privileged->listening)
		loop_remove(privileged->loop, privileged->listener.descriptor);
	privileged->listening = false;
	privileged->listen_again = CLOCK_NEVER;
}

static void reply(struct privileged *privileged, const struct process_message *message,
				  const int *descriptors, size_t count) {
	enum err error = channel_send_until(privileged->net.channel, message, descriptors, count,
										clock_now() + REPLY_TIMEOUT);
	if (error && error != ERR_CLOSED)
		log_error("reply to the net process: %s", err_text(error));
}

static void send_sockets(struct privileged *privileged, uint16_t request) {
	const struct listen *sockets = &privileged->sockets;
	struct process_message message = {.type = PROCESS_LISTENING, .request = request};
	int descriptors[2 * LISTEN_SHARDS_MAX];
	size_t count = 0, size = sockets->shards * sizeof(int);
	if (sockets->has_v4) {
		memcpy(descriptors, sockets->v4, size);
		message.listening.v4 = (uint8_t)sockets->shards;
		count += sockets->shards;
	}
	if (sockets->has_v6) {
		memcpy(descriptors + count, sockets->v6, size);
		message.listening.v6 = (uint8_t)sockets->shards;
		count += sockets->shards;
	}
	message.listening.port = sockets->port;
	reply(privileged, &message, descriptors, count);
}

/* The sockets open now, when they are what is asked for; otherwise new ones. */
static int open_sockets(struct privileged *privileged, const struct process_message *message) {
	struct listen *present = &privileged->sockets;
	const struct listen_request request = {
		.port = message->listen.port,
		.mark = message->listen.mark,
		.shards = message->listen.shards,
		.steering = &steering,
	};
	if (present->shards == request.shards && present->port == request.port)
		return present->mark == request.mark ? 0 : listen_mark(present, request.mark);
	struct listen opened;
	int number = listen_open(&request, &opened);
	if (number)
		return number;
	listen_done(present);
	*present = opened;
	return 0;
}

static void answer_listen(struct privileged *privileged, const struct process_message *message) {
	int number = open_sockets(privileged, message);
	if (number == 0) {
		send_sockets(privileged, message->request);
		return;
	}
	struct process_message failure = {.type = PROCESS_LISTENING, .request = message->request};
	failure.listening.error = (uint32_t)number;
	log_error("UDP port %u could not be opened: %s", message->listen.port, strerror(number));
	reply(privileged, &failure, NULL, 0);
}

static void answer_mark(struct privileged *privileged, const struct process_message *message) {
	struct process_message done = {.type = PROCESS_MARKED, .request = message->request};
	done.marked.error = (uint32_t)listen_mark(&privileged->sockets, message->mark.mark);
	reply(privileged, &done, NULL, 0);
}

static void net_is_ready(struct privileged *privileged) {
	struct supervisor *net = &privileged->net;
	if (net->ready)
		return;
	bool first = !net->was_ready;
	net->ready = net->was_ready = true;
	privileged->ready_by = CLOCK_NEVER;
	enum err error = loop_add(privileged->loop, privileged->listener.descriptor, EPOLLIN,
							  &privileged->listener_source);
	privileged->listening = !error;
	if (error)
		log_error("the configuration socket cannot be served: %s", err_text(error));
	if (first)
		privileged_ready(privileged);
	else
		log_warning("the net process is ready again");
}

/* False for what this process does not take. */
static bool handle(struct privileged *privileged, struct channel_message *message) {
	bool is_dead = privileged->net.pid == 0;
	if (is_dead && message->message.type != PROCESS_JOURNAL)
		return true;
	switch (message->message.type) {
	case PROCESS_READY:
		net_is_ready(privileged);
		return true;
	case PROCESS_LISTEN:
		answer_listen(privileged, &message->message);
		return true;
	case PROCESS_MARK:
		answer_mark(privileged, &message->message);
		return true;
	case PROCESS_UNLISTEN:
		listen_done(&privileged->sockets);
		return true;
	case PROCESS_JOURNAL:
		if (message->count != 1)
			return false;
		(void)close(privileged->journal);
		privileged->journal = channel_message_take(message, 0);
		return true;
	default:
		return false;
	}
}

static void net_readable(void *context, uint32_t events) {
	struct privileged *privileged = context;
	struct channel_message message;
	for (unsigned i = 0; i < MESSAGES_PER_TURN && !privileged->ending; i++) {
		enum err error = channel_receive(privileged->net.channel, &message);
		if (error == ERR_AGAIN)
			return;
		bool taken = false;
		if (!error) {
			taken = handle(privileged, &message);
			channel_message_done(&message);
		}
		if (taken)
			continue;
		/* Closed: it is ending, or its end is as good as. Anything else is a fault in it. */
		if (error != ERR_CLOSED)
			log_error("message of the net process: %s", error ? err_text(error) : "unexpected");
		forget_net(privileged);
		supervisor_kill(&privileged->net);
		return;
	}
}

static enum err send_start(struct privileged *privileged) {
	const struct tun *tun = &privileged->tun;
	struct process_message message = {.type = PROCESS_START};
	memcpy(message.start.name, privileged->options->name, sizeof message.start.name);
	message.start.mtu = privileged->state.mtu;
	message.start.shards = (uint8_t)tun->count;
	message.start.log_level = (uint8_t)privileged->options->log_level;
	message.start.up = privileged->state.up;
	message.start.offloads =
		(uint8_t)((tun->header ? PROCESS_OFFLOAD_HEADER : 0) |
				  (tun->tcp ? PROCESS_OFFLOAD_TCP : 0) | (tun->udp ? PROCESS_OFFLOAD_UDP : 0));
	int descriptors[1 + TUN_QUEUES_MAX] = {privileged->journal};
	memcpy(descriptors + 1, tun->queues, tun->count * sizeof(int));
	privileged->state_unsent = false;
	return channel_send(privileged->net.channel, &message, descriptors, 1U + tun->count);
}

static enum err spawn(struct privileged *privileged, uint64_t now) {
	const struct options *options = privileged->options;
	const char *log = options->foreground    ? NET_LOG_STDERR
					  : privileged->detached ? NET_LOG_SYSLOG
											 : NET_LOG_LATER;
	char texts[4][PRIVILEGED_ARGUMENT_SIZE], list[OPTIONS_LIST_SIZE];
	options_format_offloads(options->no_offload, list);
	(void)snprintf(texts[0], sizeof texts[0], NET_LOG_ARGUMENT "%s", log);
	(void)snprintf(texts[1], sizeof texts[1], "--aead=%s", options->aead);
	(void)snprintf(texts[2], sizeof texts[2], "--no-offload=%s", list);
	(void)snprintf(texts[3], sizeof texts[3], NET_INTERFACE_ARGUMENT "%s", options->name);
	char program[] = "umbrad", process[] = NET_ARGUMENT;
	char *const arguments[PRIVILEGED_ARGUMENTS_MAX] = {program,  process,  texts[0], texts[1],
													   texts[2], texts[3], NULL};
	enum err error = supervisor_start(&privileged->net, arguments, now);
	if (!error)
		error =
			loop_add(privileged->loop, privileged->net.channel, EPOLLIN, &privileged->net_source);
	if (!error)
		error = send_start(privileged);
	return error;
}

void privileged_start_net(struct privileged *privileged, uint64_t now) {
	privileged->net_source = (struct loop_source){.ready = net_readable, .context = privileged};
	privileged->ready_by = now + READY_TIMEOUT;
	privileged->net.restart_at = CLOCK_NEVER;
	enum err error = spawn(privileged, now);
	if (!error)
		return;
	log_error("the net process could not be started: %s", err_text(error));
	supervisor_kill(&privileged->net);
	if (privileged->net.pid == 0)
		privileged->net.restart_at = now + BACKOFF_MAX;
	if (!privileged->net.was_ready) {
		privileged->ending = true;
		privileged->status = EXIT_FAILURE;
	}
}

static void tell_failed_start(const struct privileged *privileged, int status) {
	char text[SUPERVISOR_STATUS_SIZE];
	supervisor_format_status(status, text);
	/* Otherwise it has told why. */
	if (WIFSIGNALED(status) || privileged->options->log_level == LOG_SILENT)
		log_error("the net process ended with %s during the start", text);
}

void privileged_reap_net(struct privileged *privileged, uint64_t now) {
	int status;
	if (!supervisor_reap(&privileged->net, now, &status))
		return;
	/* The last it wrote may be a journal. */
	if (privileged->net.channel >= 0)
		net_readable(privileged, 0);
	forget_net(privileged);
	supervisor_close(&privileged->net);
	privileged->ready_by = CLOCK_NEVER;
	/* Its successor asks for sockets of its own. */
	listen_done(&privileged->sockets);
	if (!privileged->net.was_ready) {
		tell_failed_start(privileged, status);
		privileged->ending = true;
		privileged->status = EXIT_FAILURE;
		return;
	}
	char text[SUPERVISOR_STATUS_SIZE];
	supervisor_format_status(status, text);
	if (privileged->net.restart_at <= now)
		log_error("the net process ended with %s; it is started again", text);
	else
		log_error("the net process ended with %s; it is started again in %u ms", text,
				  (unsigned)((privileged->net.restart_at - now) / CLOCK_MILLISECOND));
}

void privileged_stop_net(struct privileged *privileged) {
	if (privileged->net.channel >= 0) {
		struct process_message message = {.type = PROCESS_STOP};
		if (channel_send(privileged->net.channel, &message, NULL, 0))
			supervisor_kill(&privileged->net);
	}
	forget_net(privileged);
	supervisor_wait(&privileged->net, clock_now() + STOP_TIMEOUT);
}
