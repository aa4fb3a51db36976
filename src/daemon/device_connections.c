#include "daemon/device_connections.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "host/socket_name.h"
#include "loop/loop.h"
#include "transport/tcp/tcp_transport.h"

enum {
	ACCEPTS_PER_TURN = 32,
	READ_SIZE = 4096,
};

/* When accept() fails for want of descriptors or memory. */
#define ACCEPT_PAUSE (100 * CLOCK_MILLISECOND)

struct listening {
	struct device_connections *connections;
	struct loop_source source;
	int descriptor;
};

struct connection {
	struct list link; /* the oldest first */
	struct device_connections *connections;
	struct loop_source source;
	struct device_caller caller; /* of one that is outgoing, where it leads to */
	int descriptor;              /* -1: it was asked for */
	uint64_t silent_until;       /* ns; CLOCK_NEVER: it has said something, or is not to */
	bool connecting;
	bool watched;
	uint8_t *unwritten; /* NULL: nothing */
	size_t unwritten_size;
};

struct device_connections {
	const struct net_start *start;
	const struct device_ops *ops;
	struct device *device;
	struct listening listening[PROCESS_LISTENERS_MAX];
	size_t listening_count;
	struct list items;
	size_t incoming, outgoing;
	uint64_t last;
	uint64_t accept_again; /* ns; CLOCK_NEVER: it goes on */
};

static struct connection *connection_of(struct list *link) {
	return list_item(link, struct connection, link);
}

static struct connection *find(struct device_connections *connections, uint64_t number) {
	list_for_each (link, &connections->items)
		if (connection_of(link)->caller.connection == number)
			return connection_of(link);
	return NULL;
}

/* The descriptor is another's from now on, or closed. */
static void forget(struct connection *connection) {
	struct device_connections *connections = connection->connections;
	if (connection->watched)
		loop_remove(connections->start->loop, connection->descriptor);
	*(connection->caller.is_incoming ? &connections->incoming : &connections->outgoing) -= 1;
	list_remove(&connection->link);
	free(connection->unwritten);
	free(connection);
}

static void drop(struct connection *connection) {
	const int descriptor = connection->descriptor;
	forget(connection);
	if (descriptor >= 0)
		(void)close(descriptor);
}

/* By itself: the device is told. */
static void end(struct connection *connection) {
	struct device_connections *connections = connection->connections;
	const uint64_t number = connection->caller.connection;
	drop(connection);
	connections->ops->ended(connections->device, number);
}

static uint32_t events_of(const struct connection *connection) {
	if (connection->connecting)
		return EPOLLOUT;
	return connection->unwritten ? EPOLLIN | EPOLLOUT : EPOLLIN;
}

/* False: it is of no use any more. */
static bool watch(struct connection *connection) {
	struct loop *loop = connection->connections->start->loop;
	const uint32_t events = events_of(connection);
	if (connection->watched)
		return loop_change(loop, connection->descriptor, events) == ERR_OK;
	connection->watched =
		loop_add(loop, connection->descriptor, events, &connection->source) == ERR_OK;
	return connection->watched;
}

/* Writes what there is room for. False: the connection has failed. */
static bool write_some(struct connection *connection, struct slice *data) {
	while (data->size > 0) {
		const ssize_t put =
			send(connection->descriptor, data->data, data->size, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (put < 0)
			return errno == EAGAIN || errno == EINTR;
		*data = slice_of(data->data + put, data->size - (size_t)put);
	}
	return true;
}

static bool write_rest(struct connection *connection) {
	struct slice left = slice_of(connection->unwritten, connection->unwritten_size);
	const bool alive = write_some(connection, &left);
	if (left.size > 0) {
		memmove(connection->unwritten, left.data, left.size);
	} else {
		free(connection->unwritten);
		connection->unwritten = NULL;
	}
	connection->unwritten_size = left.size;
	return alive;
}

/* Whether it is made now. */
static bool is_connected(struct connection *connection) {
	int number = 0;
	socklen_t size = sizeof number;
	if (getsockopt(connection->descriptor, SOL_SOCKET, SO_ERROR, &number, &size))
		number = errno;
	connection->connecting = false;
	return number == 0;
}

static void receive(struct connection *connection) {
	uint8_t bytes[READ_SIZE];
	struct device_connections *connections = connection->connections;
	const struct device_caller caller = connection->caller;
	const ssize_t got = recv(connection->descriptor, bytes, sizeof bytes, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		end(connection);
		return;
	}
	connection->silent_until = CLOCK_NEVER;
	/* It may be gone when this returns. */
	connections->ops->received(connections->device, &caller, slice_of(bytes, (size_t)got));
}

static void ready(void *context, uint32_t events) {
	struct connection *connection = context;
	const bool was_connecting = connection->connecting;
	bool alive = !was_connecting || is_connected(connection);
	if (alive && connection->unwritten)
		alive = write_rest(connection);
	alive = alive && watch(connection);
	if (!alive)
		end(connection);
	else if (!was_connecting && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		receive(connection);
}

static struct connection *add(struct device_connections *connections,
							  const struct endpoint *endpoint, bool is_incoming) {
	struct connection *connection = calloc(1, sizeof *connection);
	if (!connection)
		return NULL;
	*connection = (struct connection){
		.connections = connections,
		.source = {.ready = ready, .context = connection},
		.caller = {.connection = ++connections->last,
				   .is_incoming = is_incoming,
				   .from = *endpoint},
		.descriptor = -1,
		.silent_until = is_incoming ? clock_now() + DEVICE_CONNECTIONS_SILENCE : CLOCK_NEVER,
	};
	list_append(&connections->items, &connection->link);
	*(is_incoming ? &connections->incoming : &connections->outgoing) += 1;
	return connection;
}

/* Coming in: */

/* Whether both count as one. */
static bool is_one_source(const struct address *left, const struct address *right) {
	const size_t size = left->family == ADDRESS_V4 ? 3 : 8;
	return left->family == right->family && memcmp(left->bytes, right->bytes, size) == 0;
}

static size_t count_of(struct device_connections *connections, const struct address *source) {
	size_t count = 0;
	list_for_each (link, &connections->items) {
		const struct device_caller *caller = &connection_of(link)->caller;
		count += caller->is_incoming && is_one_source(&caller->from.address, source);
	}
	return count;
}

/* The oldest of the source, or of all, with whom nothing is lost; NULL: there is none. */
static struct connection *find_least(struct device_connections *connections,
									 const struct address *source) {
	const struct device_ops *ops = connections->ops;
	list_for_each (link, &connections->items) {
		struct connection *connection = connection_of(link);
		const struct device_caller *caller = &connection->caller;
		if (caller->is_incoming && (!source || is_one_source(&caller->from.address, source)) &&
			!(ops->waits && ops->waits(connections->device, caller->connection)))
			return connection;
	}
	return NULL;
}

/*
 * Ends one where there are as many as may be, first of the source's own: who has shown nothing
 * keeps nobody out, whatever he holds. False: all wait for a verdict.
 */
static bool make_room(struct device_connections *connections, const struct address *source) {
	const bool is_many = count_of(connections, source) >= DEVICE_CONNECTIONS_SOURCE_MAX;
	if (!is_many && connections->incoming < DEVICE_CONNECTIONS_IN_MAX)
		return true;
	struct connection *least = find_least(connections, is_many ? source : NULL);
	if (!least)
		return false;
	end(least);
	return true;
}

static void accepted(struct device_connections *connections, int descriptor,
					 const struct endpoint *from) {
	struct connection *connection =
		make_room(connections, &from->address) ? add(connections, from, true) : NULL;
	if (!connection) {
		(void)close(descriptor);
		return;
	}
	connection->descriptor = descriptor;
	if (!watch(connection))
		drop(connection);
}

static void listen_to(struct device_connections *connections, uint32_t events) {
	for (size_t i = 0; i < connections->listening_count; i++)
		/* Should it fail, connections are looked for too often or too late: no harm. */
		(void)!loop_change(connections->start->loop, connections->listening[i].descriptor, events);
}

static void listening_ready(void *context, uint32_t events) {
	const struct listening *listening = context;
	struct device_connections *connections = listening->connections;
	(void)events;
	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		union socket_name name = {.any.sa_family = AF_UNSPEC};
		socklen_t size = sizeof name;
		const int descriptor =
			accept4(listening->descriptor, &name.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (descriptor >= 0) {
			const struct endpoint from = socket_name_endpoint(&name);
			accepted(connections, descriptor, &from);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			connections->accept_again = clock_now() + ACCEPT_PAUSE;
			listen_to(connections, 0);
		}
		/* Other errors are of a connection that was given up before it was taken (accept(2)). */
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

/* When the next of them has been silent for too long. */
static uint64_t end_silent(struct device_connections *connections, uint64_t now) {
	uint64_t next = CLOCK_NEVER;
	list_for_each (link, &connections->items) {
		struct connection *connection = connection_of(link);
		if (connection->silent_until <= now)
			drop(connection); /* the device does not know it */
		else if (connection->silent_until < next)
			next = connection->silent_until;
	}
	return next;
}

uint64_t device_connections_run(struct device_connections *connections, uint64_t now) {
	if (now >= connections->accept_again) {
		connections->accept_again = CLOCK_NEVER;
		listen_to(connections, EPOLLIN);
	}
	const uint64_t silence = end_silent(connections, now);
	return silence < connections->accept_again ? silence : connections->accept_again;
}

/* Going out: */

enum err device_connections_connect(struct device_connections *connections,
									const struct endpoint *to, uint64_t *out_connection) {
	const struct net_callbacks *callbacks = &connections->start->callbacks;
	const uint8_t kind =
		to->address.family == ADDRESS_V4 ? PROCESS_SOCKET_TCP_V4 : PROCESS_SOCKET_TCP_V6;
	if (connections->outgoing >= DEVICE_CONNECTIONS_OUT_MAX)
		return ERR_LIMIT;
	struct connection *connection = add(connections, to, false);
	if (!connection)
		return ERR_NO_MEMORY;
	enum err error = callbacks->sockets(callbacks->context, kind, 1);
	if (error) {
		drop(connection);
		return error;
	}
	*out_connection = connection->caller.connection;
	return ERR_OK;
}

/* The oldest that waits for a socket of the family. */
static struct connection *find_waiting(struct device_connections *connections, uint8_t kind) {
	const enum address_family family = kind == PROCESS_SOCKET_TCP_V4 ? ADDRESS_V4 : ADDRESS_V6;
	list_for_each (link, &connections->items) {
		struct connection *connection = connection_of(link);
		if (connection->descriptor < 0 && connection->caller.from.address.family == family)
			return connection;
	}
	return NULL;
}

static void begin(struct connection *connection, int descriptor) {
	union socket_name name;
	const socklen_t size = socket_name_fill(&connection->caller.from, &name);
	connection->descriptor = descriptor;
	connection->connecting = true;
	if ((connect(descriptor, &name.any, size) && errno != EINPROGRESS) || !watch(connection))
		end(connection);
}

void device_connections_sockets(struct device_connections *connections,
								const struct process_sockets *answer, const int *descriptors,
								size_t count) {
	for (size_t i = 0; i < count; i++) {
		struct connection *connection = find_waiting(connections, answer->kind);
		if (connection)
			begin(connection, descriptors[i]);
		else /* it was given up meanwhile */
			(void)close(descriptors[i]);
	}
	struct connection *connection = answer->error ? find_waiting(connections, answer->kind) : NULL;
	if (connection)
		end(connection);
}

/* Either: */

enum err device_connections_write(struct device_connections *connections, uint64_t number,
								  struct slice data) {
	struct connection *connection = find(connections, number);
	if (!connection)
		return ERR_NOT_FOUND;
	if (connection->unwritten_size + data.size > DEVICE_CONNECTIONS_WRITE_MAX)
		return ERR_LIMIT;
	uint8_t *unwritten = realloc(connection->unwritten, connection->unwritten_size + data.size + 1);
	if (!unwritten)
		return ERR_NO_MEMORY;
	connection->unwritten = unwritten;
	memcpy(unwritten + connection->unwritten_size, data.data, data.size);
	connection->unwritten_size += data.size;
	/* What fails is found by reading. */
	if (connection->descriptor >= 0 && !connection->connecting) {
		(void)write_rest(connection);
		(void)watch(connection);
	}
	return ERR_OK;
}

void device_connections_close(struct device_connections *connections, uint64_t number) {
	struct connection *connection = find(connections, number);
	if (connection)
		drop(connection);
}

enum err device_connections_hand_over(struct device_connections *connections, uint64_t number,
									  struct stream_transport *out_transport) {
	struct connection *connection = find(connections, number);
	if (!connection)
		return ERR_NOT_FOUND;
	if (connection->descriptor < 0 || connection->connecting || connection->unwritten)
		return ERR_AGAIN;
	enum err error = tcp_transport_new(connection->descriptor, out_transport);
	if (!error)
		forget(connection);
	return error;
}

/* Life: */

static enum err add_listening(struct device_connections *connections, int descriptor) {
	struct listening *listening = &connections->listening[connections->listening_count];
	const int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return err_from_errno(errno);
	*listening = (struct listening){
		.connections = connections,
		.source = {.ready = listening_ready, .context = listening},
		.descriptor = copy,
	};
	enum err error = loop_add(connections->start->loop, copy, EPOLLIN, &listening->source);
	if (error)
		(void)close(copy);
	else
		connections->listening_count++;
	return error;
}

enum err device_connections_new(const struct net_start *start, const struct device_ops *ops,
								struct device *device,
								struct device_connections **out_connections) {
	struct device_connections *connections = calloc(1, sizeof *connections);
	if (!connections)
		return ERR_NO_MEMORY;
	*connections = (struct device_connections){
		.start = start, .ops = ops, .device = device, .accept_again = CLOCK_NEVER};
	list_init(&connections->items);
	enum err error = ERR_OK;
	for (uint8_t i = 0; i < start->stream_count && !error; i++)
		error = add_listening(connections, start->streams[i]);
	if (error) {
		device_connections_free(connections);
		return error;
	}
	*out_connections = connections;
	return ERR_OK;
}

void device_connections_free(struct device_connections *connections) {
	if (!connections)
		return;
	list_for_each (link, &connections->items)
		drop(connection_of(link));
	for (size_t i = 0; i < connections->listening_count; i++) {
		loop_remove(connections->start->loop, connections->listening[i].descriptor);
		(void)close(connections->listening[i].descriptor);
	}
	free(connections);
}
