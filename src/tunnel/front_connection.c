#include "tunnel/front_connection.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/byte_queue.h"
#include "base/list.h"
#include "base/wipe.h"
#include "host/socket_name.h"
#include "proxy/front.h"
#include "stream/mux.h"
#include "transport/tcp/tcp_connection.h"
#include "tunnel/carrier.h"
#include "tunnel/farewell.h"
#include "tunnel/front_association.h"
#include "tunnel/front_setup.h"
#include "tunnel/relay.h"
#include "tunnel/stream_host.h"
#include "tunnel/stream_user.h"
#include "tunnel/uplink.h"

_Static_assert((int)FRONT_CONNECTION_INPUT_MAX <= (int)MUX_TURN_MAX, "a new stream has the room");

enum closing {
	CLOSING_NOT,
	CLOSING_WANTED,    /* the front has said so; something may wait for the client */
	CLOSING_LINGERING, /* all is sent, and our end; what he sends is thrown away */
};

struct front_connection {
	struct front_connection_options options;
	struct tcp_connection *client; /* NULL: the relay's, or gone */
	struct address local;
	struct front *front;     /* NULL: a relay has taken over */
	struct byte_queue input; /* of the client, that the front has no use for yet */
	bool is_full;            /* the client's socket: writable() follows */
	bool has_ended;          /* he sends no more, ... */
	bool is_end_told;        /* which the front knows */
	bool is_relaying;        /* the front has said so */
	bool is_over;            /* to be told at the end of the call that is under way */
	enum closing closing;
	uint64_t closing_until;
	unsigned depth; /* of calls that are under way */
	struct relay *relay;
	struct front_association *association;
	/* The stream, if there is one: */
	struct stream_user user;
	struct uplink_wish wish;
	bool is_waiting; /* for the uplink */
	struct carrier *carrier;
	struct mux_stream *stream; /* NULL: none */
	bool is_connected;         /* the target is */
	bool is_target_end_told;
};

static uint64_t now_of(const struct front_connection *connection) {
	return stream_host_now(connection->options.setup->host);
}

/*
 * Everything that happens is between these two: what the front says is done at the end of the
 * outermost call, when nothing of it is under way. After leave() the connection may be gone.
 */
static void settle(struct front_connection *connection);

static void enter(struct front_connection *connection) {
	connection->depth++;
}

static void leave(struct front_connection *connection) {
	if (connection->depth == 1)
		settle(connection);
	connection->depth--;
	if (connection->depth == 0 && connection->is_over)
		connection->options.ended(connection->options.context);
}

/* The stream, or the wish for one, is not needed any more. */
static void drop_stream(struct front_connection *connection, bool at_once) {
	const struct front_setup *setup = connection->options.setup;
	struct mux_stream *stream = connection->stream;
	connection->stream = NULL;
	if (connection->is_waiting)
		uplink_cancel(setup->uplink, &connection->wish);
	connection->is_waiting = false;
	if (stream && at_once)
		farewell_reset(setup->farewell, connection->carrier, stream);
	else if (stream)
		farewell_end(setup->farewell, connection->carrier, stream);
}

static void refuse(struct front_connection *connection, enum refusal refusal) {
	connection->options.setup->figures->refused++;
	front_refused(connection->front, now_of(connection), refusal);
}

/* The stream's news */

static struct front_connection *of_user(struct stream_user *user) {
	return list_item(user, struct front_connection, user);
}

static void target_connected(struct front_connection *connection) {
	if (connection->is_connected)
		return;
	connection->is_connected = true;
	front_opened(connection->front, now_of(connection));
}

static void stream_connected(struct stream_user *user) {
	struct front_connection *connection = of_user(user);
	enter(connection);
	target_connected(connection);
	leave(connection);
}

static void stream_readable(struct stream_user *user) {
	struct front_connection *connection = of_user(user);
	enter(connection);
	if (mux_stream_peek(connection->stream).size > 0)
		target_connected(connection); /* data says so as well */
	leave(connection);
}

static void stream_writable(struct stream_user *user) {
	struct front_connection *connection = of_user(user);
	enter(connection);
	leave(connection);
}

static void stream_closed(struct stream_user *user, uint32_t error) {
	struct front_connection *connection = of_user(user);
	enter(connection);
	connection->stream = NULL;
	enum refusal refusal = refusal_of_stream(error);
	if (connection->is_connected && refusal != REFUSAL_CARRIER)
		refusal = REFUSAL_TARGET;
	refuse(connection, refusal);
	leave(connection);
}

static const struct stream_user_ops user_ops = {
	.connected = stream_connected,
	.readable = stream_readable,
	.writable = stream_writable,
	.closed = stream_closed,
};

static struct front_connection *of_wish(struct uplink_wish *wish) {
	return list_item(wish, struct front_connection, wish);
}

static void wish_opened(struct uplink_wish *wish, struct carrier *carrier,
						struct mux_stream *stream) {
	struct front_connection *connection = of_wish(wish);
	connection->is_waiting = false;
	connection->carrier = carrier;
	connection->stream = stream;
}

static void wish_refused(struct uplink_wish *wish, enum refusal refusal) {
	struct front_connection *connection = of_wish(wish);
	enter(connection);
	connection->is_waiting = false;
	refuse(connection, refusal);
	leave(connection);
}

/* The association's */

static void associated(void *context, const struct endpoint *bound) {
	struct front_connection *connection = context;
	enter(connection);
	front_associated(connection->front, now_of(connection), bound);
	leave(connection);
}

static void not_associated(void *context, enum refusal refusal) {
	struct front_connection *connection = context;
	enter(connection);
	refuse(connection, refusal);
	leave(connection);
}

/* The front's, which come from inside a call of ours */

static void on_open(void *context, const struct target *target) {
	struct front_connection *connection = context;
	connection->wish = (struct uplink_wish){
		.target = *target,
		.user = &connection->user,
		.opened = wish_opened,
		.refused = wish_refused,
	};
	list_init(&connection->wish.link);
	connection->is_connected = connection->is_target_end_told = false;
	connection->is_waiting = true;
	uplink_open(connection->options.setup->uplink, &connection->wish);
}

static void on_associate(void *context, const struct target *hint) {
	struct front_connection *connection = context;
	const struct front_association_options options = {
		.setup = connection->options.setup,
		.client = connection->options.from.address,
		.port = hint->port,
		.local = connection->local,
		.ready = associated,
		.failed = not_associated,
		.context = connection,
	};
	if (front_association_new(&options, &connection->association))
		refuse(connection, REFUSAL_INTERNAL);
	else
		front_association_begin(connection->association);
}

static void on_relay(void *context) {
	struct front_connection *connection = context;
	connection->is_relaying = true;
}

static void on_release(void *context) {
	struct front_connection *connection = context;
	drop_stream(connection, false);
	front_association_free(connection->association);
	connection->association = NULL;
}

static void on_close(void *context) {
	struct front_connection *connection = context;
	connection->closing = CLOSING_WANTED;
	connection->closing_until = now_of(connection) + FRONT_CONNECTION_FLUSH;
}

static const struct front_ops front_ops = {
	.open = on_open,
	.associate = on_associate,
	.relay = on_relay,
	.release = on_release,
	.close = on_close,
};

/* The bytes' ways. Each says whether anything went. */

static bool to_client(struct front_connection *connection) {
	struct slice waiting = front_waiting(connection->front, FRONT_CLIENT);
	if (waiting.size == 0 || connection->is_full)
		return false;
	struct iovec piece = {.iov_base = (void *)(uintptr_t)waiting.data, .iov_len = waiting.size};
	size_t sent = tcp_connection_send(connection->client, &piece, 1);
	front_sent(connection->front, FRONT_CLIENT, sent);
	connection->is_full = sent < waiting.size;
	return sent > 0;
}

/* There may be passwords in what the front has read. */
static void forget_input(struct front_connection *connection) {
	wipe(connection->input.bytes, connection->input.room);
	byte_queue_done(&connection->input);
}

static bool from_client(struct front_connection *connection) {
	struct slice input = byte_queue_view(&connection->input);
	if (connection->closing) {
		forget_input(connection);
		return false;
	}
	size_t taken = 0;
	if (input.size > 0) {
		taken =
			front_put(connection->front, now_of(connection), FRONT_CLIENT, input.data, input.size);
		byte_queue_drop(&connection->input, taken);
	}
	if (taken > 0 && byte_queue_size(&connection->input) == 0)
		forget_input(connection);
	if (taken > 0 || byte_queue_size(&connection->input) > 0 || !connection->has_ended ||
		connection->is_end_told)
		return taken > 0;
	connection->is_end_told = true;
	front_end(connection->front, now_of(connection), FRONT_CLIENT);
	return true;
}

static bool to_target(struct front_connection *connection) {
	if (!connection->stream)
		return false;
	struct slice waiting = front_waiting(connection->front, FRONT_TARGET);
	if (waiting.size == 0)
		return false;
	size_t taken = mux_stream_write(connection->stream, waiting.data, waiting.size);
	front_sent(connection->front, FRONT_TARGET, taken);
	connection->options.setup->figures->received += taken;
	carrier_touch(connection->carrier);
	return taken > 0;
}

static bool from_target(struct front_connection *connection) {
	struct mux_stream *stream = connection->stream;
	if (!stream)
		return false;
	struct slice part = mux_stream_peek(stream);
	if (part.size > 0) {
		size_t taken =
			front_put(connection->front, now_of(connection), FRONT_TARGET, part.data, part.size);
		/* In between the answer's end may have made it leave the stream. */
		if (connection->stream == stream && taken > 0) {
			mux_stream_consume(stream, taken);
			carrier_touch(connection->carrier);
		}
		connection->options.setup->figures->sent += taken;
		return taken > 0;
	}
	if (!mux_stream_is_at_end(stream) || connection->is_target_end_told)
		return false;
	connection->is_target_end_told = true;
	front_end(connection->front, now_of(connection), FRONT_TARGET);
	return true;
}

static void relay_ended(void *context, bool in_peace) {
	(void)in_peace;
	struct front_connection *connection = context;
	enter(connection);
	connection->is_over = true;
	leave(connection);
}

/* The front's work is done. */
static void begin_relay(struct front_connection *connection) {
	const struct front_setup *setup = connection->options.setup;
	const struct relay_options options = {
		.host = setup->host,
		.carrier = connection->carrier,
		.stream = connection->stream,
		.connection = connection->client,
		.is_finished = connection->has_ended,
		.to_stream = byte_queue_view(&connection->input),
		.to_connection = front_waiting(connection->front, FRONT_CLIENT),
		.farewell = setup->farewell,
		.ended = relay_ended,
		.context = connection,
	};
	connection->client = NULL;
	enum err error = relay_new(&options, &connection->relay);
	if (error)
		drop_stream(connection, true);
	connection->stream = NULL;
	connection->is_over = error != ERR_OK;
	forget_input(connection);
	front_free(connection->front);
	connection->front = NULL;
	connection->options.deadline(connection->options.context, CLOCK_NEVER);
}

static void go_on_closing(struct front_connection *connection) {
	if (connection->closing)
		on_release(connection);
	if (connection->closing == CLOSING_WANTED &&
		front_waiting(connection->front, FRONT_CLIENT).size == 0) {
		tcp_connection_finish(connection->client);
		connection->closing = CLOSING_LINGERING;
		connection->closing_until = now_of(connection) + FRONT_CONNECTION_LINGER;
	}
	if (connection->closing == CLOSING_LINGERING && connection->has_ended)
		connection->is_over = true;
}

static void settle(struct front_connection *connection) {
	if (connection->is_over || !connection->front)
		return;
	(void)front_run(connection->front, now_of(connection));
	bool moves = true;
	while (moves && !connection->is_relaying) {
		moves = to_client(connection);
		moves = to_target(connection) || moves;
		moves = from_client(connection) || moves;
		moves = from_target(connection) || moves;
	}
	if (connection->is_relaying) {
		begin_relay(connection);
		return;
	}
	go_on_closing(connection);
	if (connection->is_over)
		return;
	uint64_t at = front_run(connection->front, now_of(connection));
	connection->options.deadline(connection->options.context,
								 connection->closing ? connection->closing_until : at);
	if (byte_queue_size(&connection->input) == 0 && !connection->has_ended)
		tcp_connection_resume(connection->client);
}

/* The client's socket */

static size_t client_room(void *context) {
	const struct front_connection *connection = context;
	return byte_queue_size(&connection->input) > 0 ? 0 : FRONT_CONNECTION_INPUT_MAX;
}

static void client_received(void *context, const uint8_t *data, size_t size) {
	struct front_connection *connection = context;
	enter(connection);
	if (!connection->closing && byte_queue_append(&connection->input, data, size))
		connection->is_over = true;
	leave(connection);
}

static void client_finished(void *context) {
	struct front_connection *connection = context;
	enter(connection);
	connection->has_ended = true;
	leave(connection);
}

static void client_writable(void *context) {
	struct front_connection *connection = context;
	enter(connection);
	connection->is_full = false;
	leave(connection);
}

static void client_failed(void *context, int number) {
	(void)number;
	struct front_connection *connection = context;
	enter(connection);
	connection->is_over = true;
	leave(connection);
}

static const struct tcp_connection_ops client_ops = {
	.room = client_room,
	.received = client_received,
	.finished = client_finished,
	.writable = client_writable,
	.failed = client_failed,
};

static struct address local_of(int descriptor) {
	union socket_name name = {.any.sa_family = AF_UNSPEC};
	socklen_t size = sizeof name;
	(void)getsockname(descriptor, &name.any, &size);
	return socket_name_endpoint(&name).address;
}

static enum err begin(struct front_connection *connection) {
	const struct front_options made = {&front_ops, connection, connection->options.credentials};
	enum err error = front_new(&made, now_of(connection), &connection->front);
	if (error) {
		(void)close(connection->options.descriptor);
		return error;
	}
	connection->local = local_of(connection->options.descriptor);
	const struct tcp_connection_options socket = {
		.loop = connection->options.setup->host->loop,
		.descriptor = connection->options.descriptor,
		.unsent_max = RELAY_UNSENT_MAX,
		.ops = &client_ops,
		.context = connection,
	};
	return tcp_connection_new(&socket, &connection->client);
}

enum err front_connection_new(const struct front_connection_options *options,
							  struct front_connection **out_connection) {
	struct front_connection *connection = calloc(1, sizeof *connection);
	if (!connection) {
		(void)close(options->descriptor);
		return ERR_NO_MEMORY;
	}
	connection->options = *options;
	connection->user.ops = &user_ops;
	enum err error = begin(connection);
	if (error) {
		front_connection_free(connection);
		return error;
	}
	options->deadline(options->context, front_run(connection->front, now_of(connection)));
	*out_connection = connection;
	return ERR_OK;
}

void front_connection_free(struct front_connection *connection) {
	if (!connection)
		return;
	if (connection->relay) {
		struct relay_figures figures = relay_figures(connection->relay);
		connection->options.setup->figures->received += figures.received;
		connection->options.setup->figures->sent += figures.sent;
		relay_free(connection->relay);
	}
	front_association_free(connection->association);
	drop_stream(connection, true);
	front_free(connection->front);
	if (connection->closing == CLOSING_LINGERING)
		tcp_connection_free(connection->client);
	else
		tcp_connection_abort(connection->client);
	forget_input(connection);
	free(connection);
}

void front_connection_run(struct front_connection *connection) {
	enter(connection);
	if (connection->closing && now_of(connection) >= connection->closing_until)
		connection->is_over = true;
	leave(connection);
}
