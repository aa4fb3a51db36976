#include "daemon/control_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/control_loop.h"

/* Less than the tool waits for its own answer. */
#define REPLY_TIMEOUT (25 * CLOCK_SECOND)

enum { MESSAGES_PER_TURN = 64 };

struct outgoing {
	struct list link;
	struct process_message message;
	int descriptor; /* -1: none */
};

void control_channel_init(struct control_channel *channel,
						  const struct control_channel_options *options) {
	*channel = (struct control_channel){.options = *options, .descriptor = -1};
	list_init(&channel->queue);
}

static void outgoing_free(struct control_channel *channel, struct outgoing *outgoing) {
	list_remove(&outgoing->link);
	channel->queued--;
	if (outgoing->descriptor >= 0)
		(void)close(outgoing->descriptor);
	free(outgoing);
}

static enum err transmit(const struct control_channel *channel,
						 const struct process_message *message, int descriptor) {
	return channel_send(channel->descriptor, message, descriptor >= 0 ? &descriptor : NULL,
						descriptor >= 0);
}

/* An error but ERR_AGAIN costs that message; what is wrong with the channel the reader finds. */
static void flush(struct control_channel *channel) {
	while (!list_is_empty(&channel->queue)) {
		struct outgoing *first = list_item(channel->queue.next, struct outgoing, link);
		if (transmit(channel, &first->message, first->descriptor) == ERR_AGAIN)
			return;
		outgoing_free(channel, first);
	}
	(void)control_watch_change(channel->watch, EPOLLIN);
}

static void dispatch(struct control_channel *channel, struct channel_message *message) {
	const struct process_message *body = &message->message;
	if ((body->type != PROCESS_RESULT && body->type != PROCESS_TEXT) || body->request == 0) {
		channel->options.receive(channel->options.context, message);
		return;
	}
	const struct control_reply reply = {
		.number = (int)body->result.error,
		.text = body->result.text,
		.descriptor = message->count > 0 ? message->descriptors[0] : -1,
	};
	control_pending_answer(&channel->pending, body->type, body->request, &reply);
}

static void receive_some(struct control_channel *channel) {
	uint64_t run = channel->run;
	struct channel_message message;
	for (int i = 0; i < MESSAGES_PER_TURN; i++) {
		/* What a message brought about may have closed the channel. */
		if (channel->descriptor < 0 || channel->run != run)
			return;
		enum err error = channel_receive(channel->descriptor, &message);
		if (error == ERR_AGAIN)
			return;
		if (error) {
			control_channel_close(channel);
			channel->options.lost(channel->options.context, error);
			return;
		}
		dispatch(channel, &message);
		channel_message_done(&message);
	}
}

static void ready(void *context, uint32_t events) {
	struct control_channel *channel = context;
	if (events & EPOLLOUT)
		flush(channel);
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		receive_some(channel);
	channel->options.settled(channel->options.context);
}

enum err control_channel_open(struct control_channel *channel, int descriptor) {
	control_channel_close(channel);
	enum err error = control_watch_new(channel->options.loop, descriptor, EPOLLIN, ready, channel,
									   &channel->watch);
	if (error) {
		(void)close(descriptor);
		return error;
	}
	channel->descriptor = descriptor;
	channel->run++;
	return ERR_OK;
}

void control_channel_close(struct control_channel *channel) {
	if (channel->descriptor < 0)
		return;
	control_watch_free(channel->watch);
	channel->watch = NULL;
	(void)close(channel->descriptor);
	channel->descriptor = -1;
	list_for_each (link, &channel->queue)
		outgoing_free(channel, list_item(link, struct outgoing, link));
	control_pending_fail(&channel->pending, EPIPE, "the other process ended");
}

static enum err enqueue(struct control_channel *channel, const struct process_message *message,
						int descriptor) {
	if (channel->queued >= CONTROL_QUEUE_MAX)
		return ERR_LIMIT;
	struct outgoing *outgoing = malloc(sizeof *outgoing);
	if (!outgoing)
		return ERR_NO_MEMORY;
	*outgoing = (struct outgoing){.message = *message, .descriptor = -1};
	if (descriptor >= 0) {
		outgoing->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
		if (outgoing->descriptor < 0) {
			free(outgoing);
			return err_from_errno(errno);
		}
	}
	list_append(&channel->queue, &outgoing->link);
	channel->queued++;
	return control_watch_change(channel->watch, EPOLLIN | EPOLLOUT);
}

enum err control_channel_send(struct control_channel *channel,
							  const struct process_message *message, int descriptor) {
	if (channel->descriptor < 0)
		return ERR_CLOSED;
	enum err error = channel->queued > 0 ? ERR_AGAIN : transmit(channel, message, descriptor);
	return error == ERR_AGAIN ? enqueue(channel, message, descriptor) : error;
}

enum err control_channel_ask(struct control_channel *channel, struct process_message *message,
							 int descriptor, enum process_type type,
							 void (*done)(void *context, const struct control_reply *reply),
							 void *context) {
	if (channel->descriptor < 0)
		return ERR_CLOSED;
	const struct control_asked asked = {
		.type = type,
		.deadline = clock_now() + REPLY_TIMEOUT,
		.done = done,
		.context = context,
	};
	enum err error = control_pending_add(&channel->pending, &asked, &message->request);
	if (error)
		return error;
	error = control_channel_send(channel, message, descriptor);
	if (error)
		control_pending_forget(&channel->pending, message->request);
	return error;
}
