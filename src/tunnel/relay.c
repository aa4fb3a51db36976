#include "tunnel/relay.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/byte_queue.h"
#include "base/list.h"
#include "stream/mux.h"
#include "transport/tcp/tcp_connection.h"
#include "tunnel/carrier.h"
#include "tunnel/farewell.h"
#include "tunnel/stream_host.h"
#include "tunnel/stream_user.h"

struct relay {
	struct stream_user user;
	struct carrier *carrier;
	struct farewell *farewell;         /* or NULL */
	struct mux_stream *stream;         /* NULL: it is gone */
	struct tcp_connection *connection; /* NULL: so is it */
	void (*ended)(void *context, bool in_peace);
	void *context;
	struct byte_queue first; /* to the connection, before what the stream has */
	bool is_full;            /* the connection: writable() follows */
	bool is_finished;        /* our end was sent to the connection */
	struct relay_figures figures;
};

/* What is left of the stream. */
static void leave_stream(struct relay *relay) {
	struct mux_stream *stream = relay->stream;
	relay->stream = NULL;
	if (stream && relay->farewell) {
		farewell_reset(relay->farewell, relay->carrier, stream);
	} else if (stream) {
		mux_stream_reset(stream, STREAM_ERROR_CANCEL);
		carrier_touch(relay->carrier);
	}
}

/* The last thing that is done: the owner may free the relay. */
static void end(struct relay *relay, bool in_peace) {
	struct tcp_connection *connection = relay->connection;
	relay->connection = NULL;
	if (in_peace)
		tcp_connection_free(connection);
	else
		tcp_connection_abort(connection);
	leave_stream(relay);
	relay->ended(relay->context, in_peace);
}

/* To the connection */

/* Whether all of it went. */
static bool send_first(struct relay *relay) {
	struct slice first = byte_queue_view(&relay->first);
	if (first.size == 0)
		return true;
	struct iovec piece = {.iov_base = (void *)(uintptr_t)first.data, .iov_len = first.size};
	size_t sent = tcp_connection_send(relay->connection, &piece, 1);
	byte_queue_drop(&relay->first, sent);
	if (sent < first.size)
		return false;
	byte_queue_done(&relay->first);
	return true;
}

/* What the stream has, as far as the connection takes it; whether that was all. */
static bool send_stream(struct relay *relay) {
	for (;;) {
		struct slice parts[TCP_CONNECTION_VECTOR_MAX];
		struct iovec pieces[TCP_CONNECTION_VECTOR_MAX];
		size_t count = mux_stream_peek_parts(relay->stream, parts, TCP_CONNECTION_VECTOR_MAX);
		size_t all = 0;
		for (size_t i = 0; i < count; i++) {
			pieces[i] = (struct iovec){.iov_base = (void *)(uintptr_t)parts[i].data,
									   .iov_len = parts[i].size};
			all += parts[i].size;
		}
		if (count == 0)
			return true;
		size_t sent = tcp_connection_send(relay->connection, pieces, count);
		relay->figures.sent += sent;
		if (sent > 0)
			mux_stream_consume(relay->stream, sent);
		if (sent < all)
			return false;
	}
}

static void send_end(struct relay *relay) {
	if (relay->is_finished)
		return;
	relay->is_finished = true;
	tcp_connection_finish(relay->connection);
}

/* Whatever there is for the connection. Never ends the relay. */
static void pump(struct relay *relay) {
	if (relay->is_full)
		return;
	bool went = send_first(relay);
	if (went && relay->stream) {
		went = send_stream(relay);
		carrier_touch(relay->carrier);
	}
	relay->is_full = !went;
	if (went && (!relay->stream || mux_stream_is_at_end(relay->stream)))
		send_end(relay);
}

static struct relay *of_user(struct stream_user *user) {
	return list_item(user, struct relay, user);
}

static void stream_readable(struct stream_user *user) {
	pump(of_user(user));
}

static void stream_closed(struct stream_user *user, uint32_t error) {
	struct relay *relay = of_user(user);
	relay->stream = NULL;
	if (error) {
		end(relay, false);
		return;
	}
	/* All that the stream had was taken; what stands before it may still wait. */
	pump(relay);
	if (relay->is_finished)
		end(relay, true);
}

static void connection_writable(void *context) {
	struct relay *relay = context;
	relay->is_full = false;
	pump(relay);
	if (!relay->stream && relay->is_finished)
		end(relay, true);
}

/* To the stream */

static size_t connection_room(void *context) {
	struct relay *relay = context;
	if (!relay->stream)
		return 0;
	size_t room = mux_stream_room(relay->stream);
	/* A write that takes nothing asks to be told when there is room again. */
	if (room == 0)
		(void)mux_stream_write(relay->stream, "", 1);
	return room;
}

static void connection_received(void *context, const uint8_t *data, size_t size) {
	struct relay *relay = context;
	size_t taken = mux_stream_write(relay->stream, data, size);
	relay->figures.received += taken;
	if (taken < size) /* there was room, but no memory */
		end(relay, false);
	else
		carrier_touch(relay->carrier);
}

static void connection_finished(void *context) {
	struct relay *relay = context;
	if (!relay->stream)
		return;
	mux_stream_end(relay->stream);
	carrier_touch(relay->carrier);
}

static void connection_failed(void *context, int number) {
	(void)number;
	end(context, false);
}

static void stream_writable(struct stream_user *user) {
	tcp_connection_read(of_user(user)->connection);
}

static const struct stream_user_ops user_ops = {
	.readable = stream_readable,
	.writable = stream_writable,
	.closed = stream_closed,
};

static const struct tcp_connection_ops connection_ops = {
	.room = connection_room,
	.received = connection_received,
	.finished = connection_finished,
	.writable = connection_writable,
	.failed = connection_failed,
};

/* The connection is the relay's, or closed. */
static enum err take_connection(struct relay *relay, const struct relay_options *options) {
	if (options->connection) {
		tcp_connection_hand_over(options->connection, &connection_ops, relay);
		relay->connection = options->connection;
		return ERR_OK;
	}
	const struct tcp_connection_options made = {
		.loop = options->host->loop,
		.descriptor = options->descriptor,
		.unsent_max = RELAY_UNSENT_MAX,
		.ops = &connection_ops,
		.context = relay,
	};
	return tcp_connection_new(&made, &relay->connection);
}

static enum err begin(struct relay *relay, const struct relay_options *options) {
	struct slice first = options->to_connection, head = options->to_stream;
	if (first.size > 0) {
		enum err error = byte_queue_append(&relay->first, first.data, first.size);
		if (error)
			return error;
	}
	if (mux_stream_room(options->stream) < head.size ||
		mux_stream_write(options->stream, head.data, head.size) < head.size)
		return ERR_NO_MEMORY;
	relay->figures.received = head.size;
	if (options->is_finished)
		mux_stream_end(options->stream);
	relay->stream = options->stream;
	mux_stream_set_owner(relay->stream, &relay->user);
	pump(relay);
	return ERR_OK;
}

enum err relay_new(const struct relay_options *options, struct relay **out_relay) {
	struct relay *relay = calloc(1, sizeof *relay);
	if (!relay) {
		if (options->connection)
			tcp_connection_abort(options->connection);
		else
			(void)close(options->descriptor);
		return ERR_NO_MEMORY;
	}
	relay->user.ops = &user_ops;
	relay->carrier = options->carrier;
	relay->farewell = options->farewell;
	relay->ended = options->ended;
	relay->context = options->context;
	enum err error = take_connection(relay, options);
	if (!error)
		error = begin(relay, options);
	if (error) {
		relay_free(relay);
		return error;
	}
	*out_relay = relay;
	return ERR_OK;
}

const struct mux_stream *relay_stream(const struct relay *relay) {
	return relay->stream;
}

void relay_free(struct relay *relay) {
	if (!relay)
		return;
	tcp_connection_abort(relay->connection);
	leave_stream(relay);
	byte_queue_done(&relay->first);
	free(relay);
}

struct relay_figures relay_figures(const struct relay *relay) {
	return relay->figures;
}
