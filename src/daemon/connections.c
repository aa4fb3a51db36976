#include "daemon/connections.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/net.h"
#include "daemon/operation.h"
#include "loop/loop.h"

/* Reads and operations of one turn, so that one connection does not hold up the others. */
enum { STEPS_PER_TURN = 64 };

struct connection {
	struct connections *owner;
	struct loop_source source;
	struct operation input;
	struct uapi_text output;
	size_t sent;     /* of the output */
	int descriptor;  /* -1: the place is free */
	uint32_t events; /* waited for */
	bool ended;      /* the other side sends no more */
	bool closing;    /* no more operations are taken */
};

struct connections {
	struct loop *loop;
	const struct net_device_ops *ops;
	struct net_device *device;
	struct connection items[CONNECTIONS_MAX];
	int waiting[CONNECTIONS_WAITING_MAX]; /* in order of arrival */
	size_t waiting_count;
};

/* What a step found. */
enum step { STEP_ON, STEP_WAIT, STEP_CLOSE };

enum err connections_new(struct loop *loop, const struct net_device_ops *ops,
						 struct net_device *device, struct connections **out_connections) {
	struct connections *connections = calloc(1, sizeof *connections);
	if (!connections)
		return ERR_NO_MEMORY;
	connections->loop = loop;
	connections->ops = ops;
	connections->device = device;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		connections->items[i].descriptor = -1;
	*out_connections = connections;
	return ERR_OK;
}

static void release(struct connection *connection) {
	if (connection->descriptor < 0)
		return;
	loop_remove(connection->owner->loop, connection->descriptor);
	(void)close(connection->descriptor);
	operation_done(&connection->input);
	uapi_text_done(&connection->output);
	*connection = (struct connection){.descriptor = -1};
}

void connections_free(struct connections *connections) {
	if (!connections)
		return;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		release(&connections->items[i]);
	for (size_t i = 0; i < connections->waiting_count; i++)
		(void)close(connections->waiting[i]);
	free(connections);
}

/* Ends the answer of a get operation; nothing else is said when it failed. */
static void answer_get(struct connection *connection, int number) {
	if (number)
		uapi_text_done(&connection->output);
	uapi_put_number(&connection->output, "errno", (uint64_t)number);
	uapi_put_line(&connection->output, "");
}

/*
 * The answer of any other operation. wg(8) negates this number for its message, while it takes that
 * of a get operation only without a sign.
 */
static void answer(struct connection *connection, int number) {
	char line[32];
	(void)snprintf(line, sizeof line, "errno=%d", -number);
	uapi_put_line(&connection->output, line);
	uapi_put_line(&connection->output, "");
}

static enum step send_output(struct connection *connection) {
	if (connection->output.error)
		return STEP_CLOSE;
	size_t left = connection->output.size - connection->sent;
	ssize_t size = send(connection->descriptor, connection->output.data + connection->sent, left,
						MSG_NOSIGNAL);
	if (size < 0)
		return errno == EAGAIN ? STEP_WAIT : errno == EINTR ? STEP_ON : STEP_CLOSE;
	connection->sent += (size_t)size;
	if (connection->sent == connection->output.size) {
		uapi_text_done(&connection->output);
		connection->sent = 0;
	}
	return STEP_ON;
}

static enum step read_input(struct connection *connection) {
	uint8_t *room;
	size_t size;
	enum err error = operation_reserve(&connection->input, &room, &size);
	if (error) {
		log_error("a configuration operation was refused: %s", err_text(error));
		answer(connection, error == ERR_LIMIT ? E2BIG : ENOMEM);
		connection->closing = true;
		return STEP_ON;
	}
	ssize_t count = read(connection->descriptor, room, size);
	if (count < 0)
		return errno == EAGAIN ? STEP_WAIT : errno == EINTR ? STEP_ON : STEP_CLOSE;
	connection->ended = count == 0;
	operation_fill(&connection->input, (size_t)count);
	return STEP_ON;
}

static enum step step(struct connection *connection) {
	struct connections *owner = connection->owner;
	struct slice text;
	if (connection->output.size > 0 || connection->output.error)
		return send_output(connection);
	if (connection->closing)
		return STEP_CLOSE;
	switch (operation_next(&connection->input, &text)) {
	case OPERATION_PARTIAL:
		return connection->ended ? STEP_CLOSE : read_input(connection);
	case OPERATION_GET:
		answer_get(connection, owner->ops->get(owner->device, &connection->output));
		return STEP_ON;
	case OPERATION_SET:
		answer(connection, owner->ops->set(owner->device, text));
		return STEP_ON;
	case OPERATION_LONG_GET:
		answer(connection, EINVAL);
		connection->closing = true;
		return STEP_ON;
	case OPERATION_UNKNOWN:
		break;
	}
	/* Unanswered: nobody knows the form of an answer in another version. */
	log_warning("an unknown operation on the configuration socket, its connection was closed");
	return STEP_CLOSE;
}

static void serve_waiting(struct connections *connections);

static void serve(void *context, uint32_t events) {
	struct connection *connection = context;
	struct connections *owner = connection->owner;
	enum step result = STEP_ON;
	for (unsigned i = 0; i < STEPS_PER_TURN && result == STEP_ON; i++)
		result = step(connection);
	/* Nothing to write and yet not done: ask to be called again at once, as it is writable. */
	bool writing = connection->output.size > 0 || result == STEP_ON;
	uint32_t wanted = writing ? EPOLLOUT : EPOLLIN;
	if (result != STEP_CLOSE && wanted != connection->events) {
		connection->events = wanted;
		if (loop_change(owner->loop, connection->descriptor, wanted))
			result = STEP_CLOSE;
	}
	if (result == STEP_CLOSE) {
		release(connection);
		serve_waiting(owner);
	}
}

/* False when all places are taken. */
static bool place(struct connections *connections, int descriptor) {
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *connection = &connections->items[i];
		if (connection->descriptor >= 0)
			continue;
		connection->source = (struct loop_source){.ready = serve, .context = connection};
		connection->owner = connections;
		connection->events = EPOLLIN;
		connection->descriptor = descriptor;
		if (loop_add(connections->loop, descriptor, EPOLLIN, &connection->source))
			release(connection);
		return true;
	}
	return false;
}

static void serve_waiting(struct connections *connections) {
	while (connections->waiting_count > 0 && place(connections, connections->waiting[0])) {
		connections->waiting_count--;
		for (size_t i = 0; i < connections->waiting_count; i++)
			connections->waiting[i] = connections->waiting[i + 1];
	}
}

void connections_add(struct connections *connections, int descriptor) {
	if (place(connections, descriptor))
		return;
	if (connections->waiting_count < CONNECTIONS_WAITING_MAX) {
		connections->waiting[connections->waiting_count++] = descriptor;
		return;
	}
	log_warning("too many connections to the configuration socket, one was closed");
	(void)close(descriptor);
}
