#include "daemon/node_sockets.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/node_core.h"
#include "tunnel/plan.h"

enum { REQUESTS_PER_TURN = 16 };

/*
 * Questions must not go into a tunnel that is to be reached by the answer. With a kill switch only
 * one mark lets them pass, and only to the resolvers of the configuration. 0: no mark.
 */
static uint32_t mark_of(const struct node *node) {
	if (node->kill.up)
		return PLAN_MARK_RESOLVER;
	for (size_t i = 0; i < PROCESS_TUNNELS_MAX; i++) {
		const struct node_tunnel *tunnel = &node->tunnels[i];
		bool is_up = tunnel->used && tunnel->config && tunnel->state == PROCESS_STATE_UP;
		uint32_t mark = is_up ? plan_mark(tunnel->config, tunnel->slot) : 0;
		if (mark)
			return mark;
	}
	return 0;
}

/* Returns errno. */
static int open_socket(const struct node *node, const struct process_message *message,
					   int *out_descriptor) {
	int family = message->socket.family == 4 ? AF_INET : AF_INET6;
	int type = message->socket.stream ? SOCK_STREAM : SOCK_DGRAM;
	int descriptor = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return errno;
	uint32_t mark = mark_of(node);
	if (mark && setsockopt(descriptor, SOL_SOCKET, SO_MARK, &mark, sizeof mark)) {
		int number = errno;
		(void)close(descriptor);
		return number;
	}
	*out_descriptor = descriptor;
	return 0;
}

/* A process that asks without reading the answers gets no more. */
static enum err answer(struct node *node, const struct process_message *message) {
	int descriptor = -1;
	int number = open_socket(node, message, &descriptor);
	struct process_message reply = {.type = PROCESS_RESULT, .request = message->request};
	reply.result.error = (uint32_t)number;
	enum err error = channel_send(node->sockets.channel, &reply, &descriptor, descriptor >= 0);
	if (descriptor >= 0)
		(void)close(descriptor);
	return error;
}

static void readable(void *context, uint32_t events) {
	struct node *node = context;
	struct channel_message message;
	for (unsigned i = 0; i < REQUESTS_PER_TURN; i++) {
		enum err error = channel_receive(node->sockets.channel, &message);
		if (error == ERR_AGAIN)
			return;
		if (!error) {
			bool good = message.message.type == PROCESS_SOCKET && message.count == 0;
			channel_message_done(&message);
			error = good ? answer(node, &message.message) : ERR_MALFORMED;
		}
		if (!error)
			continue;
		if (error != ERR_CLOSED)
			log_error("request of the control process for a socket: %s", err_text(error));
		node_sockets_close(node);
		return;
	}
}

void node_sockets_init(struct node_sockets *sockets) {
	*sockets = (struct node_sockets){.channel = -1};
}

enum err node_sockets_open(struct node *node, int *out_end) {
	struct node_sockets *sockets = &node->sockets;
	int ends[2];
	node_sockets_close(node);
	enum err error = channel_pair(ends);
	if (error)
		return error;
	sockets->source = (struct loop_source){.ready = readable, .context = node};
	error = loop_add(node->privileged.loop, ends[0], EPOLLIN, &sockets->source);
	if (error) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		return error;
	}
	sockets->channel = ends[0];
	*out_end = ends[1];
	return ERR_OK;
}

void node_sockets_close(struct node *node) {
	struct node_sockets *sockets = &node->sockets;
	if (sockets->channel < 0)
		return;
	loop_remove(node->privileged.loop, sockets->channel);
	(void)close(sockets->channel);
	sockets->channel = -1;
}
