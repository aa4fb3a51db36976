#include "tunnel/forward_tcp.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/list.h"
#include "stream/mux.h"
#include "transport/tcp/tcp_acceptor.h"
#include "transport/tcp/tcp_reset.h"
#include "tunnel/farewell.h"
#include "tunnel/front_setup.h"
#include "tunnel/relay.h"
#include "tunnel/stream_host.h"
#include "tunnel/stream_user.h"
#include "tunnel/uplink.h"

struct forward_tcp {
	struct forward_tcp_options options;
	struct tcp_acceptor *acceptor;
	struct list connections;
	size_t count;
};

struct connection {
	struct list link;
	struct forward_tcp *forward;
	struct uplink_wish wish;
	struct stream_user nobody; /* the stream's first owner; nothing comes before the relay */
	int descriptor;            /* -1: the relay's */
	struct relay *relay;       /* NULL: waiting for the uplink */
};

static void reset_descriptor(int descriptor) {
	tcp_reset(descriptor);
	(void)close(descriptor);
}

static void connection_free(struct connection *connection) {
	struct forward_tcp *forward = connection->forward;
	const struct front_setup *setup = forward->options.setup;
	if (connection->relay) {
		struct relay_figures figures = relay_figures(connection->relay);
		setup->figures->received += figures.received;
		setup->figures->sent += figures.sent;
		relay_free(connection->relay);
	} else {
		uplink_cancel(setup->uplink, &connection->wish);
	}
	if (connection->descriptor >= 0)
		reset_descriptor(connection->descriptor);
	setup->figures->open_connections--;
	forward->count--;
	list_remove(&connection->link);
	free(connection);
}

static void ended(void *context, bool in_peace) {
	(void)in_peace;
	connection_free(context);
}

static struct connection *of_wish(struct uplink_wish *wish) {
	return list_item(wish, struct connection, wish);
}

static void opened(struct uplink_wish *wish, struct carrier *carrier, struct mux_stream *stream) {
	struct connection *connection = of_wish(wish);
	const struct front_setup *setup = connection->forward->options.setup;
	const struct relay_options options = {
		.host = setup->host,
		.carrier = carrier,
		.stream = stream,
		.descriptor = connection->descriptor,
		.farewell = setup->farewell,
		.ended = ended,
		.context = connection,
	};
	connection->descriptor = -1;
	if (relay_new(&options, &connection->relay)) {
		farewell_reset(setup->farewell, carrier, stream);
		connection_free(connection);
	}
}

static void refused(struct uplink_wish *wish, enum refusal refusal) {
	(void)refusal;
	struct connection *connection = of_wish(wish);
	connection->forward->options.setup->figures->refused++;
	connection_free(connection);
}

static void nothing(struct stream_user *user) {
	(void)user;
}

static void nothing_closed(struct stream_user *user, uint32_t error) {
	(void)user;
	(void)error;
}

static const struct stream_user_ops nobody = {
	.readable = nothing,
	.writable = nothing,
	.closed = nothing_closed,
};

static void accepted(void *context, int descriptor, const struct endpoint *from) {
	(void)from;
	struct forward_tcp *forward = context;
	struct front_figures *figures = forward->options.setup->figures;
	struct connection *connection = NULL;
	if (forward->count < FORWARD_TCP_CONNECTIONS_MAX)
		connection = calloc(1, sizeof *connection);
	if (!connection) {
		figures->declined++;
		reset_descriptor(descriptor);
		return;
	}
	*connection = (struct connection){
		.forward = forward,
		.descriptor = descriptor,
		.nobody.ops = &nobody,
		.wish = {.target = forward->options.target,
				 .user = &connection->nobody,
				 .opened = opened,
				 .refused = refused},
	};
	list_init(&connection->wish.link);
	list_append(&forward->connections, &connection->link);
	forward->count++;
	figures->connections++;
	figures->open_connections++;
	uplink_open(forward->options.setup->uplink, &connection->wish);
}

enum err forward_tcp_new(const struct forward_tcp_options *options,
						 struct forward_tcp **out_forward) {
	struct forward_tcp *forward = calloc(1, sizeof *forward);
	if (!forward) {
		(void)close(options->descriptor);
		return ERR_NO_MEMORY;
	}
	forward->options = *options;
	list_init(&forward->connections);
	const struct tcp_acceptor_options made = {
		.loop = options->setup->host->loop,
		.descriptor = options->descriptor,
		.accepted = accepted,
		.context = forward,
	};
	enum err error = tcp_acceptor_new(&made, &forward->acceptor);
	if (error) {
		free(forward);
		return error;
	}
	*out_forward = forward;
	return ERR_OK;
}

void forward_tcp_free(struct forward_tcp *forward) {
	if (!forward)
		return;
	tcp_acceptor_free(forward->acceptor);
	list_for_each (link, &forward->connections)
		connection_free(list_item(link, struct connection, link));
	free(forward);
}
