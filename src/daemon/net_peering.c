#include "daemon/net_peering.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* So that one who asks a lot does not hold up the others. */
enum { MESSAGES_PER_TURN = 16 };

void net_peering_init(struct net_peering *peering, struct loop *loop,
					  void (*request)(void *context, struct channel_message *message),
					  void *context) {
	*peering = (struct net_peering){.loop = loop,
									.request = request,
									.context = context,
									.descriptor = -1,
									.reply_descriptor = -1};
}

static void drop_reply(struct net_peering *peering) {
	if (peering->reply_descriptor >= 0)
		(void)close(peering->reply_descriptor);
	peering->reply_descriptor = -1;
	peering->answering = false;
}

void net_peering_done(struct net_peering *peering) {
	drop_reply(peering);
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

static void read_requests(struct net_peering *peering) {
	struct channel_message message;
	for (unsigned i = 0; i < MESSAGES_PER_TURN && !peering->answering; i++) {
		enum err error = channel_receive(peering->descriptor, &message);
		if (error == ERR_AGAIN)
			return;
		bool known =
			!error && (message.message.type == PROCESS_SET || message.message.type == PROCESS_GET);
		if (known)
			peering->request(peering->context, &message);
		if (!error)
			channel_message_done(&message);
		if (known)
			continue;
		if (error != ERR_CLOSED)
			log_error("message of the control process: %s", error ? err_text(error) : "unexpected");
		net_peering_done(peering);
		return;
	}
}

static void readable_or_writable(void *context, uint32_t events) {
	struct net_peering *peering = context;
	bool was_answering = peering->answering;
	if (was_answering && !send_reply(peering)) {
		/* Nobody will make room any more. */
		if (events & (EPOLLHUP | EPOLLERR))
			net_peering_done(peering);
		return;
	}
	read_requests(peering);
	if (peering->descriptor < 0 || was_answering == peering->answering)
		return;
	if (loop_change(peering->loop, peering->descriptor, peering->answering ? EPOLLOUT : EPOLLIN))
		net_peering_done(peering);
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
}

void net_peering_answer(struct net_peering *peering, const struct process_message *reply,
						int descriptor) {
	drop_reply(peering);
	peering->reply = *reply;
	peering->reply_descriptor = descriptor;
	peering->answering = true;
	(void)send_reply(peering);
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
	enum err error = channel_send(peering->descriptor, &message, NULL, 0);
	if (error == ERR_AGAIN)
		log_limited(&peering->dropped, LOG_WARNING,
					"the control process does not keep up: an event was dropped");
	else if (error && error != ERR_CLOSED)
		log_limited(&peering->dropped, LOG_WARNING, "an event was dropped: %s", err_text(error));
}
