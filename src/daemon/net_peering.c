#include "daemon/net_peering.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* So that one who asks a lot does not hold up the others. */
enum { MESSAGES_PER_TURN = 16 };

struct waiting {
	struct list link;
	struct process_message message;
	int descriptor; /* -1: none */
};

void net_peering_init(struct net_peering *peering, struct loop *loop,
					  void (*request)(void *context, struct channel_message *message),
					  void *context) {
	*peering = (struct net_peering){.loop = loop,
									.request = request,
									.context = context,
									.descriptor = -1,
									.reply_descriptor = -1};
	list_init(&peering->waiting);
}

static void drop_reply(struct net_peering *peering) {
	if (peering->reply_descriptor >= 0)
		(void)close(peering->reply_descriptor);
	peering->reply_descriptor = -1;
	peering->answering = false;
}

static void close_if_any(int descriptor) {
	if (descriptor >= 0)
		(void)close(descriptor);
}

static void drop_first(struct net_peering *peering) {
	struct waiting *first = list_item(list_take_first(&peering->waiting), struct waiting, link);
	peering->waiting_count--;
	close_if_any(first->descriptor);
	free(first);
}

void net_peering_done(struct net_peering *peering) {
	drop_reply(peering);
	while (peering->waiting_count > 0)
		drop_first(peering);
	if (peering->descriptor < 0)
		return;
	loop_remove(peering->loop, peering->descriptor);
	(void)close(peering->descriptor);
	peering->descriptor = -1;
}

/* False when there is no room yet. */
static bool send_reply(struct net_peering *peering) {
	const int *descriptor = &peering->reply_descriptor;
	enum err error =
		channel_send(peering->descriptor, &peering->reply, descriptor, *descriptor >= 0 ? 1 : 0);
	if (error == ERR_AGAIN)
		return false;
	if (error && error != ERR_CLOSED)
		log_error("answer to the control process: %s", err_text(error));
	drop_reply(peering);
	return true;
}

static bool is_expected(enum process_type type) {
	return type == PROCESS_SET || type == PROCESS_GET || type == PROCESS_RESOLVED ||
		   type == PROCESS_VERDICT;
}

static void read_requests(struct net_peering *peering) {
	struct channel_message message;
	for (unsigned i = 0; i < MESSAGES_PER_TURN && !peering->answering; i++) {
		enum err error = channel_receive(peering->descriptor, &message);
		if (error == ERR_AGAIN)
			return;
		bool known = !error && is_expected(message.message.type);
		if (known)
			peering->request(peering->context, &message);
		if (!error)
			channel_message_done(&message);
		/* What a message brought about may have cost the channel. */
		if (peering->descriptor < 0)
			return;
		if (known)
			continue;
		if (error != ERR_CLOSED)
			log_error("message of the control process: %s", error ? err_text(error) : "unexpected");
		net_peering_done(peering);
		return;
	}
}

static enum err transmit(const struct net_peering *peering, const struct process_message *message,
						 int descriptor) {
	return channel_send(peering->descriptor, message, &descriptor, descriptor >= 0);
}

/* The reply first: somebody waits for it. What is wrong with the channel the reader finds. */
static void flush(struct net_peering *peering) {
	if (peering->answering && !send_reply(peering))
		return;
	while (peering->waiting_count > 0) {
		const struct waiting *first = list_item(peering->waiting.next, struct waiting, link);
		if (transmit(peering, &first->message, first->descriptor) == ERR_AGAIN)
			return;
		drop_first(peering);
	}
}

/* Waits for what there is to be done; no request is read that could not be answered. */
static void watch(struct net_peering *peering) {
	uint32_t events = (peering->answering ? 0U : (uint32_t)EPOLLIN) |
					  (peering->answering || peering->waiting_count > 0 ? (uint32_t)EPOLLOUT : 0U);
	if (peering->descriptor < 0 || events == peering->watched)
		return;
	peering->watched = events;
	if (loop_change(peering->loop, peering->descriptor, events))
		net_peering_done(peering);
}

static void readable_or_writable(void *context, uint32_t events) {
	struct net_peering *peering = context;
	flush(peering);
	if (!peering->answering)
		read_requests(peering);
	else if (events & (EPOLLHUP | EPOLLERR))
		net_peering_done(peering); /* nobody will make room any more */
	watch(peering);
}

enum err net_peering_send(struct net_peering *peering, const struct process_message *message,
						  int descriptor) {
	enum err error = ERR_CLOSED;
	if (peering->descriptor >= 0)
		error = peering->waiting_count > 0 ? ERR_AGAIN : transmit(peering, message, descriptor);
	if (error != ERR_AGAIN) {
		close_if_any(descriptor);
		return error;
	}
	struct waiting *waiting =
		peering->waiting_count < NET_PEERING_WAITING_MAX ? malloc(sizeof *waiting) : NULL;
	if (!waiting) {
		close_if_any(descriptor);
		return peering->waiting_count < NET_PEERING_WAITING_MAX ? ERR_NO_MEMORY : ERR_LIMIT;
	}
	*waiting = (struct waiting){.message = *message, .descriptor = descriptor};
	list_append(&peering->waiting, &waiting->link);
	peering->waiting_count++;
	watch(peering);
	return ERR_OK;
}

void net_peering_take(struct net_peering *peering, int descriptor) {
	net_peering_done(peering);
	peering->source = (struct loop_source){.ready = readable_or_writable, .context = peering};
	enum err error = loop_add(peering->loop, descriptor, EPOLLIN, &peering->source);
	if (error) {
		log_error("the control process cannot be served: %s", err_text(error));
		(void)close(descriptor);
		return;
	}
	peering->descriptor = descriptor;
	peering->watched = EPOLLIN;
}

void net_peering_answer(struct net_peering *peering, const struct process_message *reply,
						int descriptor) {
	drop_reply(peering);
	peering->reply = *reply;
	peering->reply_descriptor = descriptor;
	peering->answering = true;
	(void)send_reply(peering);
}

/* Nobody would ask about it again; and what follows one that waits waits behind it. */
static bool must_arrive(const struct net_peering *peering, enum process_event kind) {
	return kind == PROCESS_EVENT_ENDED || kind == PROCESS_EVENT_REFUSED ||
		   peering->waiting_count > 0;
}

void net_peering_event(struct net_peering *peering, uint16_t slot, const struct net_event *event) {
	if (peering->descriptor < 0)
		return;
	struct process_message message = {.type = PROCESS_EVENT, .tunnel = slot};
	const struct endpoint *endpoint = &event->endpoint;
	message.event.kind = (uint8_t)event->kind;
	memcpy(message.event.public_key, event->public_key, PROCESS_KEY_SIZE);
	message.event.family = endpoint->address.family;
	memcpy(message.event.address, endpoint->address.bytes, sizeof message.event.address);
	message.event.port = endpoint->port;
	message.event.scope = endpoint->scope_id;
	message.event.count = event->count;
	(void)snprintf(message.event.text, sizeof message.event.text, "%s",
				   event->text ? event->text : "");
	enum err error = must_arrive(peering, event->kind)
						 ? net_peering_send(peering, &message, -1)
						 : channel_send(peering->descriptor, &message, NULL, 0);
	if (error == ERR_AGAIN)
		log_limited(&peering->dropped, LOG_WARNING,
					"the control process does not keep up: an event was dropped");
	else if (error && error != ERR_CLOSED)
		log_limited(&peering->dropped, LOG_WARNING, "an event was dropped: %s", err_text(error));
}
