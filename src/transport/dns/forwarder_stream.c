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
#include "wire/dns.h"

/* Questions by TCP to servers: a connection each, which is over with its answer. */

enum { READ_SIZE = 4096 };

struct stream {
	struct list link;
	struct forwarder_io *io;
	uint32_t ticket;
	int descriptor; /* -1: not open yet */
	struct control_watch *watch;
	uint8_t *query; /* with its header */
	size_t size, sent;
	struct frame frame;
};

static void stream_free(struct stream *stream) {
	list_remove(&stream->link);
	stream->io->stream_count--;
	control_watch_free(stream->watch);
	if (stream->descriptor >= 0)
		(void)close(stream->descriptor);
	frame_done(&stream->frame);
	free(stream->query);
	free(stream);
}

static struct stream *find(struct forwarder_io *io, uint32_t ticket) {
	list_for_each (link, &io->streams) {
		struct stream *stream = list_item(link, struct stream, link);
		if (stream->ticket == ticket)
			return stream;
	}
	return NULL;
}

static void fail(struct stream *stream) {
	struct forwarder_io *io = stream->io;
	uint32_t ticket = stream->ticket;
	stream_free(stream);
	forwarder_stream_answered(io->forwarder, clock_now(), ticket, NULL, 0);
	forwarder_io_settle(io);
}

bool forwarder_stream_ask(struct forwarder_io *io, uint32_t ticket, size_t group, size_t server,
						  const uint8_t *data, size_t size) {
	if (io->stream_count >= FORWARDER_IO_STREAMS_MAX)
		return false;
	struct stream *stream = calloc(1, sizeof *stream);
	uint8_t *query = malloc(FRAME_HEADER_SIZE + size);
	if (!stream || !query) {
		free(stream);
		free(query);
		return false;
	}
	frame_header(size, query);
	memcpy(query + FRAME_HEADER_SIZE, data, size);
	*stream = (struct stream){.io = io,
							  .ticket = ticket,
							  .descriptor = -1,
							  .query = query,
							  .size = FRAME_HEADER_SIZE + size};
	frame_init(&stream->frame, DNS_MESSAGE_MAX);
	list_append(&io->streams, &stream->link);
	io->stream_count++;
	if (io->options.open(io->options.context, ticket, group, server))
		return true;
	stream_free(stream);
	return false;
}

void forwarder_stream_drop(struct forwarder_io *io, uint32_t ticket) {
	struct stream *stream = find(io, ticket);
	if (stream)
		stream_free(stream);
}

/* The stream is gone behind this. */
static enum err answered(void *context, const uint8_t *message, size_t size) {
	struct stream *stream = context;
	struct forwarder_io *io = stream->io;
	uint32_t ticket = stream->ticket;
	/* The next question by TCP may take the ticket's place. */
	stream->ticket = UINT32_MAX;
	forwarder_stream_answered(io->forwarder, clock_now(), ticket, message, size);
	return ERR_CLOSED;
}

static void send_some(struct stream *stream) {
	int number = 0;
	socklen_t size = sizeof number;
	if (getsockopt(stream->descriptor, SOL_SOCKET, SO_ERROR, &number, &size) || number) {
		fail(stream);
		return;
	}
	ssize_t sent = send(stream->descriptor, stream->query + stream->sent,
						stream->size - stream->sent, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		fail(stream);
		return;
	}
	stream->sent += sent > 0 ? (size_t)sent : 0;
	if (stream->sent == stream->size && control_watch_change(stream->watch, EPOLLIN))
		fail(stream);
}

static void stream_ready(void *context, uint32_t events) {
	struct stream *stream = context;
	struct forwarder_io *io = stream->io;
	if (stream->sent < stream->size) {
		send_some(stream);
		return;
	}
	uint8_t bytes[READ_SIZE];
	ssize_t size = recv(stream->descriptor, bytes, sizeof bytes, 0);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	enum err error =
		size > 0 ? frame_put(&stream->frame, bytes, (size_t)size, answered, stream) : ERR_IO;
	if (error == ERR_CLOSED) {
		stream_free(stream);
		forwarder_io_settle(io);
	} else if (error) {
		fail(stream);
	}
}

void forwarder_io_opened(struct forwarder_io *io, uint32_t ticket, int descriptor) {
	struct stream *stream = find(io, ticket);
	if (!stream) {
		if (descriptor >= 0)
			(void)close(descriptor);
		return;
	}
	stream->descriptor = descriptor;
	if (descriptor < 0 || control_watch_new(io->options.loop, descriptor, EPOLLIN | EPOLLOUT,
											stream_ready, stream, &stream->watch))
		fail(stream);
}

void forwarder_stream_done(struct forwarder_io *io) {
	list_for_each (link, &io->streams)
		stream_free(list_item(link, struct stream, link));
}
