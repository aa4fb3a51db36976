#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/net.h"
#include "daemon/privileged_parts.h"

/* Connections of streams end in peace before it does (stream_device.c). */
#define STOP_TIMEOUT (5 * CLOCK_SECOND)

enum { MESSAGES_PER_TURN = 64 };

/* No more requests to it; what it wrote can still be read. */
static void forget_net(struct privileged *privileged) {
	privileged->net.ready = false;
	if (privileged->net.channel >= 0)
		loop_remove(privileged->loop, privileged->net.channel);
	for (uint16_t slot = 0; slot < PROCESS_TUNNELS_MAX; slot++)
		if (privileged->attachments[slot])
			attachment_listen_stop(privileged->attachments[slot]);
}

void privileged_give_up_net(struct privileged *privileged) {
	forget_net(privileged);
	privileged->net_given_up = true;
	supervisor_kill(&privileged->net);
}

static void net_is_ready(struct privileged *privileged) {
	struct supervisor *net = &privileged->net;
	if (net->ready)
		return;
	bool first = !net->was_ready;
	net->ready = net->was_ready = true;
	privileged->restarted = !first;
	privileged_attach_all(privileged);
	privileged->ops->net_ready(privileged, first);
}

static void keep_journal(struct privileged *privileged, struct channel_message *message) {
	struct attachment *attachment = privileged->attachments[message->message.tunnel];
	if (!attachment)
		return;
	if (attachment->journal >= 0)
		(void)close(attachment->journal);
	attachment->journal = channel_message_take(message, 0);
}

static bool brings_memory(enum process_type type) {
	return type == PROCESS_JOURNAL || type == PROCESS_SETTINGS;
}

/* False for what this process does not take. */
static bool handle(struct privileged *privileged, struct channel_message *message) {
	bool is_dead = privileged->net.pid == 0;
	if (message->count != (brings_memory(message->message.type) ? 1U : 0U))
		return false;
	if (is_dead && message->message.type != PROCESS_JOURNAL)
		return true;
	switch (message->message.type) {
	case PROCESS_READY:
		net_is_ready(privileged);
		return true;
	case PROCESS_LISTEN:
		privileged_answer_listen(privileged, &message->message);
		return true;
	case PROCESS_MARK:
		privileged_answer_mark(privileged, &message->message);
		return true;
	case PROCESS_SOCKETS:
		privileged_answer_streams(privileged, &message->message);
		return true;
	case PROCESS_UNLISTEN:
		privileged_unlisten(privileged, message->message.tunnel);
		return true;
	case PROCESS_JOURNAL:
		keep_journal(privileged, message);
		return true;
	case PROCESS_SETTINGS:
		return privileged_take_settings(privileged, message);
	case PROCESS_RESULT:
		return privileged_take_result(privileged, &message->message);
	default:
		return false;
	}
}

static void net_readable(void *context, uint32_t events) {
	struct privileged *privileged = context;
	struct channel_message message;
	for (unsigned i = 0; i < MESSAGES_PER_TURN && !privileged->ending; i++) {
		/* Only what it wrote last counts, once it is dead. */
		if (privileged->net_given_up && privileged->net.pid != 0)
			return;
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
		privileged_give_up_net(privileged);
		return;
	}
}

static enum err send_start(const struct privileged *privileged) {
	const struct privileged_options *options = &privileged->options;
	struct process_message message = {.type = PROCESS_START};
	if (options->interface)
		(void)snprintf(message.start.name, sizeof message.start.name, "%s", options->interface);
	message.start.log_level = (uint8_t)options->log_level;
	message.start.log_json = options->log_json;
	return channel_send(privileged->net.channel, &message, NULL, 0);
}

static enum err spawn(struct privileged *privileged, uint64_t now) {
	const struct privileged_options *options = &privileged->options;
	const char *log = options->foreground    ? NET_LOG_STDERR
					  : privileged->detached ? NET_LOG_SYSLOG
											 : NET_LOG_LATER;
	char texts[5][PRIVILEGED_ARGUMENT_SIZE], list[OPTIONS_LIST_SIZE];
	options_format_offloads(options->no_offload, list);
	(void)snprintf(texts[0], sizeof texts[0], NET_LOG_ARGUMENT "%s", log);
	(void)snprintf(texts[1], sizeof texts[1], "--aead=%s", options->aead);
	(void)snprintf(texts[2], sizeof texts[2], "--no-offload=%s", list);
	char sandbox[SANDBOX_TEXT_SIZE];
	sandbox_format(&options->sandbox, sandbox);
	(void)snprintf(texts[4], sizeof texts[4], SANDBOX_ARGUMENT "%s", sandbox);
	(void)snprintf(texts[3], sizeof texts[3], NET_INTERFACE_ARGUMENT "%s",
				   options->interface ? options->interface : "");
	char program[] = "umbrad", process[] = NET_ARGUMENT, streams[] = NET_STREAMS_ARGUMENT;
	char *arguments[PRIVILEGED_ARGUMENTS_MAX] = {program,  process,  texts[0],
												 texts[1], texts[2], texts[4]};
	size_t count = 6;
	if (options->interface)
		arguments[count++] = texts[3];
	if (options->streams)
		arguments[count++] = streams;
	privileged->net_given_up = false;
	privileged->no_room_since = 0;
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
	privileged->ready_by = now + PRIVILEGED_READY_TIMEOUT;
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
	if (WIFSIGNALED(status) || privileged->options.log_level == LOG_SILENT)
		log_error("the net process ended with %s during the start", text);
}

static void tell_end(const struct privileged *privileged, int status, uint64_t now) {
	char text[SUPERVISOR_STATUS_SIZE];
	supervisor_format_status(status, text);
	uint64_t restart_at = privileged->net.restart_at;
	if (privileged->ending)
		log_error("the net process ended with %s", text);
	else if (restart_at <= now)
		log_error("the net process ended with %s; it is started again", text);
	else
		log_error("the net process ended with %s; it is started again in %u ms", text,
				  (unsigned)((restart_at - now) / CLOCK_MILLISECOND));
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
	privileged->restarted = false;
	privileged_fail_asked(privileged);
	privileged_net_ended(privileged);
	if (privileged->net.was_ready) {
		tell_end(privileged, status, now);
		return;
	}
	tell_failed_start(privileged, status);
	privileged->ending = true;
	privileged->status = EXIT_FAILURE;
}

void privileged_stop_net(struct privileged *privileged) {
	if (privileged->net.channel >= 0) {
		struct process_message message = {.type = PROCESS_STOP};
		if (channel_send(privileged->net.channel, &message, NULL, 0))
			supervisor_kill(&privileged->net);
	}
	forget_net(privileged);
	supervisor_wait(&privileged->net, clock_now() + STOP_TIMEOUT);
	privileged_forget_asked(privileged);
}
