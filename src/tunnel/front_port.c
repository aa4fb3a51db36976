#include "tunnel/front_port.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/list.h"
#include "loop/control_loop.h"
#include "proxy/credentials.h"
#include "transport/tcp/tcp_acceptor.h"
#include "tunnel/front_connection.h"
#include "tunnel/front_setup.h"
#include "tunnel/stream_host.h"

/* Of connections that began while they held; the last one frees them. */
struct front_port_users {
	struct credentials *credentials; /* NULL: everybody */
	size_t count;                    /* connections, ports, and who made them */
};

struct front_port {
	const struct front_setup *setup;
	struct tcp_acceptor *acceptor;
	struct front_port_users *users;
	struct list connections;
	size_t count;
	struct deadline_heap deadlines;
	struct control_timer *timer;
	uint64_t armed; /* when the timer is due; CLOCK_NEVER */
};

struct connection {
	struct list link;
	struct front_port *port;
	struct front_port_users *users;
	struct front_connection *connection;
	struct deadline deadline;
};

void front_port_users_free(struct front_port_users *users) {
	if (!users || --users->count > 0)
		return;
	credentials_free(users->credentials);
	free(users);
}

enum err front_port_users_new(const struct credential *items, size_t count,
							  struct front_port_users **out_users) {
	struct front_port_users *users = calloc(1, sizeof *users);
	if (!users)
		return ERR_NO_MEMORY;
	enum err error = count > 0 ? credentials_new(items, count, &users->credentials) : ERR_OK;
	if (error) {
		free(users);
		return error;
	}
	users->count = 1;
	*out_users = users;
	return ERR_OK;
}

static void arm(struct front_port *port) {
	uint64_t next = deadline_next(&port->deadlines), now = stream_host_now(port->setup->host);
	if (next >= port->armed)
		return;
	port->armed = next;
	control_timer_set(port->timer, next > now ? next - now : 0);
}

static void due(void *context) {
	struct front_port *port = context;
	uint64_t now = stream_host_now(port->setup->host);
	struct deadline *deadline;
	port->armed = CLOCK_NEVER;
	while ((deadline = deadline_pop_expired(&port->deadlines, now)) != NULL)
		front_connection_run(deadline_owner(deadline, struct connection, deadline)->connection);
	arm(port);
}

static void connection_deadline(void *context, uint64_t at) {
	struct connection *connection = context;
	deadline_set(&connection->port->deadlines, &connection->deadline, at);
	arm(connection->port);
}

static void connection_free(struct connection *connection) {
	struct front_port *port = connection->port;
	deadline_remove(&port->deadlines, &connection->deadline);
	front_connection_free(connection->connection);
	front_port_users_free(connection->users);
	list_remove(&connection->link);
	port->count--;
	port->setup->figures->open_connections--;
	free(connection);
}

static void connection_ended(void *context) {
	connection_free(context);
}

/* NULL: one too many, or no memory; then the descriptor is the caller's. */
static struct connection *add(struct front_port *port) {
	if (port->count >= FRONT_PORT_CONNECTIONS_MAX ||
		deadline_heap_reserve(&port->deadlines, port->count + 1))
		return NULL;
	struct connection *connection = calloc(1, sizeof *connection);
	if (!connection)
		return NULL;
	*connection = (struct connection){.port = port, .users = port->users};
	port->users->count++;
	list_append(&port->connections, &connection->link);
	port->count++;
	port->setup->figures->open_connections++;
	return connection;
}

static void accepted(void *context, int descriptor, const struct endpoint *from) {
	struct front_port *port = context;
	struct connection *connection = add(port);
	if (!connection) {
		port->setup->figures->declined++;
		(void)close(descriptor);
		return;
	}
	const struct front_connection_options options = {
		.setup = port->setup,
		.credentials = port->users->credentials,
		.descriptor = descriptor,
		.from = *from,
		.deadline = connection_deadline,
		.ended = connection_ended,
		.context = connection,
	};
	if (front_connection_new(&options, &connection->connection)) {
		port->setup->figures->declined++;
		connection_free(connection);
		return;
	}
	port->setup->figures->connections++;
}

enum err front_port_new(const struct front_port_options *options, struct front_port **out_port) {
	struct front_port *port = calloc(1, sizeof *port);
	if (!port) {
		(void)close(options->descriptor);
		return ERR_NO_MEMORY;
	}
	port->setup = options->setup;
	port->armed = CLOCK_NEVER;
	list_init(&port->connections);
	deadline_heap_init(&port->deadlines);
	const struct tcp_acceptor_options made = {
		.loop = options->setup->host->loop,
		.descriptor = options->descriptor,
		.accepted = accepted,
		.context = port,
	};
	enum err error = tcp_acceptor_new(&made, &port->acceptor);
	if (!error)
		error = front_port_users_new(options->users, options->user_count, &port->users);
	if (!error)
		error = control_timer_new(made.loop, due, port, &port->timer);
	if (error) {
		front_port_free(port);
		return error;
	}
	*out_port = port;
	return ERR_OK;
}

void front_port_free(struct front_port *port) {
	if (!port)
		return;
	tcp_acceptor_free(port->acceptor);
	list_for_each (link, &port->connections)
		connection_free(list_item(link, struct connection, link));
	front_port_users_free(port->users);
	control_timer_free(port->timer);
	deadline_heap_done(&port->deadlines);
	free(port);
}

void front_port_set_users(struct front_port *port, struct front_port_users *users) {
	users->count++;
	front_port_users_free(port->users);
	port->users = users;
}
