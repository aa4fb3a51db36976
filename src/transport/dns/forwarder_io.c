#include "transport/dns/forwarder_io.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/control_loop.h"
#include "transport/dns/forwarder_io_core.h"
#include "wire/dns.h"

enum { DATAGRAMS_PER_TURN = 64, DATAGRAM_MAX = 65535 };

union name {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static struct endpoint endpoint_of(const union name *name) {
	if (name->any.sa_family == AF_INET)
		return (struct endpoint){
			.address = address_from_bytes(ADDRESS_V4, (const uint8_t *)&name->v4.sin_addr),
			.port = ntohs(name->v4.sin_port)};
	if (name->any.sa_family == AF_INET6)
		return (struct endpoint){
			.address = address_from_bytes(ADDRESS_V6, (const uint8_t *)&name->v6.sin6_addr),
			.port = ntohs(name->v6.sin6_port)};
	return (struct endpoint){.port = 0};
}

static socklen_t fill_name(const struct endpoint *endpoint, union name *name) {
	*name = (union name){.any.sa_family = AF_UNSPEC};
	if (endpoint->address.family == ADDRESS_V4) {
		name->v4.sin_family = AF_INET;
		name->v4.sin_port = htons(endpoint->port);
		memcpy(&name->v4.sin_addr, endpoint->address.bytes, ADDRESS_V4_SIZE);
		return sizeof name->v4;
	}
	name->v6.sin6_family = AF_INET6;
	name->v6.sin6_port = htons(endpoint->port);
	memcpy(&name->v6.sin6_addr, endpoint->address.bytes, ADDRESS_V6_SIZE);
	return sizeof name->v6;
}

void forwarder_io_settle(struct forwarder_io *io) {
	uint64_t now = clock_now();
	uint64_t next = forwarder_run(io->forwarder, now), other = forwarder_client_run(io, now);
	if (other < next)
		next = other;
	if (next == CLOCK_NEVER)
		control_timer_stop(io->timer);
	else
		control_timer_set(io->timer, next > now ? next - now : 0);
}

static void due(void *context) {
	forwarder_io_settle(context);
}

/* What the forwarder wants */

/* A datagram that is not sent is one that is lost. */
static void ask(void *context, size_t group, size_t server, size_t socket, const uint8_t *data,
				size_t size) {
	struct forwarder_io *io = context;
	for (size_t i = 0; i < io->socket_count; i++) {
		const struct forwarder_io_socket *at = &io->sockets[i];
		if (at->group == group && at->server == server && at->socket == socket)
			(void)send(at->descriptor, data, size, MSG_NOSIGNAL);
	}
}

static bool ask_stream(void *context, uint32_t ticket, size_t group, size_t server,
					   const uint8_t *data, size_t size) {
	return forwarder_stream_ask(context, ticket, group, server, data, size);
}

static void drop_stream(void *context, uint32_t ticket) {
	forwarder_stream_drop(context, ticket);
}

static void answer(void *context, const struct forwarder_client *client, const uint8_t *data,
				   size_t size) {
	struct forwarder_io *io = context;
	if (client->stream) {
		forwarder_client_answer(io, client->stream, data, size);
		return;
	}
	union name name;
	socklen_t name_size = fill_name(&client->from, &name);
	(void)sendto(io->datagrams, data, size, MSG_NOSIGNAL, &name.any, name_size);
}

static bool grant(void *context, uint32_t ticket, const struct forwarder_grant *wanted,
				  const struct address *addresses, size_t count, uint32_t ttl) {
	struct forwarder_io *io = context;
	return io->options.grant(io->options.context, ticket, wanted, addresses, count, ttl);
}

static const struct forwarder_ops ops = {ask, ask_stream, drop_stream, answer, grant};

/* Datagrams */

static void datagrams_ready(void *context, uint32_t events) {
	struct forwarder_io *io = context;
	for (unsigned i = 0; i < DATAGRAMS_PER_TURN; i++) {
		union name name = {.any.sa_family = AF_UNSPEC};
		socklen_t name_size = sizeof name;
		ssize_t size = recvfrom(io->datagrams, io->buffer, DATAGRAM_MAX, 0, &name.any, &name_size);
		if (size < 0)
			break;
		const struct forwarder_client client = {.from = endpoint_of(&name)};
		forwarder_query(io->forwarder, clock_now(), &client, io->buffer, (size_t)size);
	}
	forwarder_io_settle(io);
}

static void socket_ready(void *context, uint32_t events) {
	struct forwarder_io_socket *at = context;
	struct forwarder_io *io = at->io;
	for (unsigned i = 0; i < DATAGRAMS_PER_TURN; i++) {
		ssize_t size = recv(at->descriptor, io->buffer, DATAGRAM_MAX, 0);
		if (size >= 0)
			forwarder_answer(io->forwarder, clock_now(), at->group, at->server, at->socket,
							 io->buffer, (size_t)size);
		else if (errno == EAGAIN || errno == EINTR)
			break;
		else
			/* Nobody is there, or no way; the error is told once. */
			forwarder_unreachable(io->forwarder, clock_now(), at->group, at->server, at->socket);
	}
	forwarder_io_settle(io);
}

/* Life */

static size_t count_sockets(const struct forwarder_io_options *options) {
	size_t count = 0;
	for (size_t i = 0; i < options->group_count; i++)
		for (size_t j = 0; j < options->groups[i].servers; j++)
			count += options->groups[i].counts[j];
	return count;
}

/* From here on they are closed with everything else. */
static enum err take_sockets(struct forwarder_io *io, const struct forwarder_io_options *options) {
	io->sockets = calloc(count_sockets(options) + 1, sizeof *io->sockets);
	for (size_t i = 0; i < options->group_count; i++)
		for (size_t j = 0; j < options->groups[i].servers; j++)
			for (size_t k = 0; k < options->groups[i].counts[j]; k++) {
				int descriptor = options->groups[i].sockets[j][k];
				if (io->sockets)
					io->sockets[io->socket_count++] = (struct forwarder_io_socket){
						.io = io, .group = i, .server = j, .socket = k, .descriptor = descriptor};
				else
					(void)close(descriptor);
			}
	return io->sockets ? ERR_OK : ERR_NO_MEMORY;
}

static enum err watch_all(struct forwarder_io *io) {
	struct control_loop *loop = io->options.loop;
	enum err error = control_timer_new(loop, due, io, &io->timer);
	if (!error)
		error = control_watch_new(loop, io->datagrams, EPOLLIN, datagrams_ready, io,
								  &io->datagram_watch);
	if (!error)
		error = forwarder_client_listen(io);
	for (size_t i = 0; i < io->socket_count && !error; i++)
		error = control_watch_new(loop, io->sockets[i].descriptor, EPOLLIN, socket_ready,
								  &io->sockets[i], &io->sockets[i].watch);
	return error;
}

static enum err make_forwarder(struct forwarder_io *io,
							   const struct forwarder_io_options *options) {
	struct forwarder_group groups[FORWARDER_GROUPS_MAX];
	if (options->group_count > FORWARDER_GROUPS_MAX)
		return ERR_LIMIT;
	for (size_t i = 0; i < options->group_count; i++) {
		groups[i].servers = options->groups[i].servers;
		memcpy(groups[i].sockets, options->groups[i].counts, sizeof groups[i].sockets);
	}
	const struct forwarder_options core = {
		.ops = &ops,
		.context = io,
		.random = options->random,
		.groups = groups,
		.group_count = options->group_count,
		.routes = options->routes,
		.route_count = options->route_count,
		.rules = options->rules,
		.rule_count = options->rule_count,
	};
	return forwarder_new(&core, &io->forwarder);
}

enum err forwarder_io_new(const struct forwarder_io_options *options,
						  struct forwarder_io **out_forwarder) {
	struct forwarder_io nobody = {.forwarder = NULL};
	struct forwarder_io *io = calloc(1, sizeof *io);
	if (!io) {
		nobody.datagrams = options->datagrams;
		(void)take_sockets(&nobody, options);
		for (size_t i = 0; i < nobody.socket_count; i++)
			(void)close(nobody.sockets[i].descriptor);
		free(nobody.sockets);
		(void)close(options->datagrams);
		(void)close(options->connections);
		return ERR_NO_MEMORY;
	}
	io->options = *options;
	io->datagrams = options->datagrams;
	io->connections = options->connections;
	list_init(&io->clients);
	list_init(&io->streams);
	io->buffer = malloc(DATAGRAM_MAX);
	enum err error = take_sockets(io, options);
	if (!error && !io->buffer)
		error = ERR_NO_MEMORY;
	if (!error)
		error = make_forwarder(io, options);
	if (!error)
		error = watch_all(io);
	if (error) {
		forwarder_io_free(io);
		return error;
	}
	*out_forwarder = io;
	return ERR_OK;
}

void forwarder_io_free(struct forwarder_io *io) {
	if (!io)
		return;
	forwarder_free(io->forwarder);
	io->forwarder = NULL;
	forwarder_client_done(io);
	forwarder_stream_done(io);
	control_watch_free(io->datagram_watch);
	control_watch_free(io->connection_watch);
	control_timer_free(io->timer);
	for (size_t i = 0; i < io->socket_count; i++) {
		control_watch_free(io->sockets[i].watch);
		(void)close(io->sockets[i].descriptor);
	}
	(void)close(io->datagrams);
	(void)close(io->connections);
	free(io->sockets);
	free(io->buffer);
	free(io);
}

void forwarder_io_granted(struct forwarder_io *io, uint32_t ticket, bool granted) {
	forwarder_granted(io->forwarder, clock_now(), ticket, granted);
	forwarder_io_settle(io);
}

const struct forwarder_figures *forwarder_io_figures(const struct forwarder_io *io) {
	return forwarder_figures(io->forwarder);
}

const struct forwarder_group_figures *forwarder_io_group_figures(const struct forwarder_io *io,
																 size_t group) {
	return forwarder_group_figures(io->forwarder, group);
}
