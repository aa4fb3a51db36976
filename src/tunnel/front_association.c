#include "tunnel/front_association.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/wipe.h"
#include "loop/control_loop.h"
#include "proxy/association.h"
#include "tunnel/datagram_flow.h"
#include "tunnel/datagram_socket.h"
#include "tunnel/front_setup.h"
#include "tunnel/stream_host.h"

struct flow {
	struct front_association *owner;
	uint32_t number;
	struct datagram_flow *flow; /* NULL: there is none at this place */
};

struct front_association {
	struct front_association_options options;
	struct association *association;
	struct stream_socket_wish wish;
	struct datagram_socket *socket;
	struct control_timer *timer; /* of flows that expire */
	struct flow flows[ASSOCIATION_FLOWS_MAX];
};

static struct flow *flow_at(struct front_association *association, uint32_t number) {
	return &association->flows[number % ASSOCIATION_FLOWS_MAX];
}

static uint64_t now_of(const struct front_association *association) {
	return stream_host_now(association->options.setup->host);
}

static void due(void *context) {
	struct front_association *association = context;
	uint64_t now = now_of(association), next = association_run(association->association, now);
	if (next != CLOCK_NEVER)
		control_timer_set(association->timer, next > now ? next - now : 0);
}

/* What the flows have to say */

static void flow_received(void *context, struct slice datagram) {
	const struct flow *flow = context;
	struct front_association *owner = flow->owner;
	association_answer(owner->association, now_of(owner), flow->number, datagram);
}

static void flow_ended(void *context) {
	struct flow *flow = context;
	struct datagram_flow *ended = flow->flow;
	flow->flow = NULL;
	association_ended(flow->owner->association, flow->number);
	datagram_flow_free(ended);
}

/* What the association has to say */

static void open_flow(void *context, uint32_t number, const struct target *target) {
	struct front_association *association = context;
	struct flow *flow = flow_at(association, number);
	const struct datagram_flow_options options = {
		.setup = association->options.setup,
		.target = *target,
		.received = flow_received,
		.ended = flow_ended,
		.context = flow,
	};
	flow->number = number;
	if (datagram_flow_new(&options, &flow->flow)) {
		flow->flow = NULL;
		association_ended(association->association, number);
		return;
	}
	datagram_flow_begin(flow->flow);
}

static void send_to_flow(void *context, uint32_t number, struct slice payload) {
	struct flow *flow = flow_at(context, number);
	if (flow->flow)
		datagram_flow_send(flow->flow, payload);
}

static void close_flow(void *context, uint32_t number) {
	struct flow *flow = flow_at(context, number);
	datagram_flow_free(flow->flow);
	flow->flow = NULL;
}

static void answer(void *context, const struct endpoint *client, struct slice header,
				   struct slice payload) {
	struct front_association *association = context;
	datagram_socket_send(association->socket, client, header, payload);
}

static const struct association_ops association_ops = {
	.open = open_flow,
	.send = send_to_flow,
	.close = close_flow,
	.answer = answer,
};

/* The socket */

static void received(void *context, const struct endpoint *from, struct slice datagram) {
	struct front_association *association = context;
	association_put(association->association, now_of(association), from, datagram.data,
					datagram.size);
}

static enum err take_socket(struct front_association *association, int descriptor) {
	const struct datagram_socket_options options = {
		.loop = association->options.setup->host->loop,
		.descriptor = descriptor,
		.received = received,
		.context = association,
	};
	enum err error = datagram_socket_new(&options, &association->socket);
	if (error)
		return error;
	due(association);
	control_timer_set(association->timer, ASSOCIATION_IDLE_TIMEOUT);
	return ERR_OK;
}

static void given(struct stream_socket_wish *wish, int descriptor, int number) {
	(void)number;
	struct front_association *association = list_item(wish, struct front_association, wish);
	const struct front_association_options *options = &association->options;
	if (descriptor < 0 || take_socket(association, descriptor)) {
		options->failed(options->context, REFUSAL_INTERNAL);
		return;
	}
	struct endpoint bound = datagram_socket_at(association->socket);
	if (wipe_is_zero(bound.address.bytes, sizeof bound.address.bytes))
		bound.address = options->local;
	options->ready(options->context, &bound);
}

enum err front_association_new(const struct front_association_options *options,
							   struct front_association **out_association) {
	struct front_association *association = calloc(1, sizeof *association);
	if (!association)
		return ERR_NO_MEMORY;
	association->options = *options;
	association->wish.given = given;
	list_init(&association->wish.link);
	for (size_t i = 0; i < ASSOCIATION_FLOWS_MAX; i++)
		association->flows[i].owner = association;
	const struct association_options made = {
		.ops = &association_ops,
		.context = association,
		.client = options->client,
		.port = options->port,
	};
	enum err error = association_new(&made, &association->association);
	if (!error)
		error =
			control_timer_new(options->setup->host->loop, due, association, &association->timer);
	if (error) {
		front_association_free(association);
		return error;
	}
	*out_association = association;
	return ERR_OK;
}

void front_association_begin(struct front_association *association) {
	stream_host_socket(association->options.setup->host, STREAM_SOCKET_ASSOCIATION,
					   &association->wish);
}

void front_association_free(struct front_association *association) {
	if (!association)
		return;
	stream_host_cancel_socket(association->options.setup->host, &association->wish);
	for (size_t i = 0; i < ASSOCIATION_FLOWS_MAX; i++)
		datagram_flow_free(association->flows[i].flow);
	datagram_socket_free(association->socket);
	control_timer_free(association->timer);
	association_free(association->association);
	free(association);
}
