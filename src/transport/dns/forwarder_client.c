#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/control_loop.h"
#include "transport/dns/forwarder_io_core.h"
#include "transport/dns/frame.h"

/* Connections of clients, which may ask many questions by one (RFC 7766). */

#define IDLE_MAX (10 * CLOCK_SECOND)

enum {
	READ_SIZE = 4096,
	ACCEPTS_PER_TURN = 16,
	WAITING_MAX = 256 << 10, /* bytes of answers that a client does not read */
};

struct forwarder_io_client {
	struct list link;
	struct forwarder_io *io;
	uint64_t number; /* from 1 */
	int descriptor;
	struct control_watch *watch;
	struct frame frame;
	uint8_t *waiting; /* to be sent */
	size_t waiting_size;
	uint64_t until;
	bool broken; /* to be closed once nothing of it is being called */
};

static void client_free(struct forwarder_io_client *client) {
	list_remove(&client->link);
	client->io->client_count--;
	control_watch_free(client->watch);
	(void)close(client->descriptor);
	frame_done(&client->frame);
	free(client->waiting);
	free(client);
}

static void client_close(struct forwarder_io_client *client) {
	forwarder_forget(client->io->forwarder, client->number);
	client_free(client);
}

static void flush(struct forwarder_io_client *client) {
	ssize_t size = send(client->descriptor, client->waiting, client->waiting_size, MSG_NOSIGNAL);
	if (size < 0) {
		client->broken |= errno != EAGAIN && errno != EINTR;
		size = 0;
	}
	client->waiting_size -= (size_t)size;
	memmove(client->waiting, client->waiting + size, client->waiting_size);
	uint32_t events = client->waiting_size > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN;
	client->broken |= control_watch_change(client->watch, events) != ERR_OK;
}

static struct forwarder_io_client *find(struct forwarder_io *io, uint64_t number) {
	list_for_each (link, &io->clients) {
		struct forwarder_io_client *client = list_item(link, struct forwarder_io_client, link);
		if (client->number == number)
			return client;
	}
	return NULL;
}

void forwarder_client_answer(struct forwarder_io *io, uint64_t number, const uint8_t *data,
							 size_t size) {
	struct forwarder_io_client *client = find(io, number);
	if (!client || client->broken)
		return;
	size_t total = client->waiting_size + FRAME_HEADER_SIZE + size;
	uint8_t *waiting = total <= WAITING_MAX ? realloc(client->waiting, total) : NULL;
	if (!waiting) {
		client->broken = true;
		client->until = 0;
		return;
	}
	client->waiting = waiting;
	frame_header(size, waiting + client->waiting_size);
	memcpy(waiting + client->waiting_size + FRAME_HEADER_SIZE, data, size);
	client->waiting_size = total;
	client->until = clock_now() + IDLE_MAX;
	flush(client);
	if (client->broken)
		client->until = 0;
}

static enum err question(void *context, const uint8_t *message, size_t size) {
	struct forwarder_io_client *client = context;
	const struct forwarder_client who = {.stream = client->number};
	forwarder_query(client->io->forwarder, clock_now(), &who, message, size);
	return client->broken ? ERR_CLOSED : ERR_OK;
}

static void client_ready(void *context, uint32_t events) {
	struct forwarder_io_client *client = context;
	struct forwarder_io *io = client->io;
	if (events & EPOLLOUT)
		flush(client);
	if (!client->broken && (events & (EPOLLIN | EPOLLERR | EPOLLHUP))) {
		uint8_t bytes[READ_SIZE];
		ssize_t size = recv(client->descriptor, bytes, sizeof bytes, 0);
		if (size > 0) {
			client->until = clock_now() + IDLE_MAX;
			client->broken |= frame_put(&client->frame, bytes, (size_t)size, question, client) != 0;
		} else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
			client->broken = true;
		}
	}
	if (client->broken)
		client_close(client);
	forwarder_io_settle(io);
}

static void adopt(struct forwarder_io *io, int descriptor) {
	struct forwarder_io_client *client =
		io->client_count < FORWARDER_IO_CLIENTS_MAX ? calloc(1, sizeof *client) : NULL;
	if (!client) {
		(void)close(descriptor);
		return;
	}
	client->io = io;
	client->number = ++io->client_number;
	client->descriptor = descriptor;
	client->until = clock_now() + IDLE_MAX;
	frame_init(&client->frame, FORWARDER_QUERY_MAX);
	list_append(&io->clients, &client->link);
	io->client_count++;
	if (control_watch_new(io->options.loop, descriptor, EPOLLIN, client_ready, client,
						  &client->watch))
		client_free(client);
}

/* The address that it listens at is one of this host alone. */
static void connections_ready(void *context, uint32_t events) {
	struct forwarder_io *io = context;
	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		int descriptor = accept4(io->connections, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (descriptor < 0)
			break;
		adopt(io, descriptor);
	}
	forwarder_io_settle(io);
}

enum err forwarder_client_listen(struct forwarder_io *io) {
	return control_watch_new(io->options.loop, io->connections, EPOLLIN, connections_ready, io,
							 &io->connection_watch);
}

uint64_t forwarder_client_run(struct forwarder_io *io, uint64_t now) {
	uint64_t next = CLOCK_NEVER;
	list_for_each (link, &io->clients) {
		struct forwarder_io_client *client = list_item(link, struct forwarder_io_client, link);
		if (now >= client->until)
			client_close(client);
		else if (client->until < next)
			next = client->until;
	}
	return next;
}

void forwarder_client_done(struct forwarder_io *io) {
	list_for_each (link, &io->clients)
		client_free(list_item(link, struct forwarder_io_client, link));
}
