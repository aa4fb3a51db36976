#include "transport/tcp/tcp_connection.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/control_loop.h"
#include "transport/tcp/tcp_reset.h"

/* A full TLS record with what it comes in, four times over: a system call for many bytes, and no
 * more of the thread's stack than it can spare. */
enum { READ_SIZE = 64 * 1024 };

struct tcp_connection {
	const struct tcp_connection_ops *ops;
	void *context;
	struct control_watch *watch;
	int descriptor;
	int number; /* errno of what ended it; 0: alive */
	bool connecting;
	bool reading;  /* what comes is waited for */
	bool ended;    /* the other end has finished */
	bool finished; /* this end has */
	bool waiting;  /* for room in the kernel */
	bool told;     /* failed() was called */
	bool *freed;   /* of the turn that is under way */
};

/* What the connection waits for. A failure is told by the next turn, never from inside a call. */
static void watch(struct tcp_connection *connection) {
	uint32_t events = 0;
	if (connection->connecting || connection->waiting || connection->number)
		events |= EPOLLOUT;
	if (!connection->connecting && connection->reading && !connection->ended)
		events |= EPOLLIN;
	if (connection->told)
		events = 0;
	if (control_watch_change(connection->watch, events) && !connection->number)
		connection->number = EIO;
}

static void fail(struct tcp_connection *connection, int number) {
	if (!connection->number)
		connection->number = number;
}

/* Whether the connection is still there. */
static bool tell_failure(struct tcp_connection *connection, const bool *freed) {
	if (!connection->told) {
		connection->told = true;
		watch(connection);
		connection->ops->failed(connection->context, connection->number);
	}
	return !*freed;
}

/* Whether it may go on. */
static bool connect_ended(struct tcp_connection *connection, const bool *freed) {
	int number = 0;
	socklen_t size = sizeof number;
	if (getsockopt(connection->descriptor, SOL_SOCKET, SO_ERROR, &number, &size))
		number = errno;
	/* Woken for nothing: a socket that is not connected has no peer yet. */
	struct sockaddr_storage peer;
	size = sizeof peer;
	if (!number && getpeername(connection->descriptor, (struct sockaddr *)&peer, &size))
		return false;
	connection->connecting = false;
	if (number) {
		fail(connection, number);
		return true;
	}
	if (connection->finished && shutdown(connection->descriptor, SHUT_WR))
		fail(connection, errno);
	if (connection->ops->connected)
		connection->ops->connected(connection->context);
	return !*freed;
}

/* Whether it is still there. */
static bool receive(struct tcp_connection *connection, const bool *freed) {
	uint8_t bytes[READ_SIZE];
	bool was_reading = connection->reading;
	size_t turn = 0;
	while (turn < TCP_CONNECTION_TURN_MAX && !connection->ended && !connection->number) {
		size_t room = connection->ops->room(connection->context);
		assert(!*freed && "room() only says a number");
		/* Behind what was taken there may be room again before more comes: a flow would otherwise
		 * change what is waited for, by two system calls, with every turn. */
		connection->reading = room > 0 || (turn > 0 && was_reading);
		if (room == 0)
			return true;
		size_t wanted = room < sizeof bytes ? room : sizeof bytes;
		ssize_t size = recv(connection->descriptor, bytes, wanted, 0);
		if (size < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN)
				fail(connection, errno);
			return true;
		}
		if (size == 0) {
			connection->ended = true;
			connection->ops->finished(connection->context);
			return !*freed;
		}
		connection->ops->received(connection->context, bytes, (size_t)size);
		if (*freed)
			return false;
		turn += (size_t)size;
		/* The socket is empty: the next byte wakes the loop. */
		if ((size_t)size < wanted)
			return true;
	}
	return true;
}

static void ready(void *context, uint32_t events) {
	struct tcp_connection *connection = context;
	bool freed = false;
	connection->freed = &freed;
	if (connection->connecting && !connection->number && !connect_ended(connection, &freed)) {
		if (!freed)
			connection->freed = NULL;
		return;
	}
	bool readable = events & (EPOLLIN | EPOLLERR | EPOLLHUP);
	if (readable && !connection->connecting && !receive(connection, &freed))
		return;
	if (connection->waiting && !connection->number && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
		connection->waiting = false;
		connection->ops->writable(connection->context);
		if (freed)
			return;
	}
	if (connection->number && !tell_failure(connection, &freed))
		return;
	watch(connection);
	connection->freed = NULL;
}

/* Options that only make it better: what the kernel refuses is done without. */
static void tune(int descriptor, uint32_t unsent_max) {
	(void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	(void)setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
	if (unsent_max > 0)
		(void)setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_max,
						 sizeof unsent_max);
}

enum err tcp_connection_new(const struct tcp_connection_options *options,
							struct tcp_connection **out_connection) {
	struct tcp_connection *connection = calloc(1, sizeof *connection);
	if (!connection) {
		(void)close(options->descriptor);
		return ERR_NO_MEMORY;
	}
	*connection = (struct tcp_connection){.ops = options->ops,
										  .context = options->context,
										  .descriptor = options->descriptor,
										  .connecting = options->connecting,
										  .reading = true};
	tune(options->descriptor, options->unsent_max);
	uint32_t events = options->connecting ? EPOLLOUT : EPOLLIN;
	enum err error = control_watch_new(options->loop, options->descriptor, events, ready,
									   connection, &connection->watch);
	if (error) {
		tcp_connection_free(connection);
		return error;
	}
	*out_connection = connection;
	return ERR_OK;
}

void tcp_connection_hand_over(struct tcp_connection *connection,
							  const struct tcp_connection_ops *ops, void *context) {
	connection->ops = ops;
	connection->context = context;
	tcp_connection_resume(connection);
}

void tcp_connection_free(struct tcp_connection *connection) {
	if (!connection)
		return;
	if (connection->freed)
		*connection->freed = true;
	control_watch_free(connection->watch);
	(void)close(connection->descriptor);
	free(connection);
}

void tcp_connection_abort(struct tcp_connection *connection) {
	if (!connection)
		return;
	tcp_reset(connection->descriptor);
	tcp_connection_free(connection);
}

size_t tcp_connection_send(struct tcp_connection *connection, const struct iovec *pieces,
						   size_t count) {
	assert(count <= TCP_CONNECTION_VECTOR_MAX);
	if (connection->number || connection->finished)
		return 0;
	size_t all = 0, done = 0;
	for (size_t i = 0; i < count; i++)
		all += pieces[i].iov_len;
	if (!connection->connecting && !connection->waiting && all > 0) {
		struct msghdr header = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = count};
		ssize_t sent;
		do
			sent = sendmsg(connection->descriptor, &header, MSG_NOSIGNAL);
		while (sent < 0 && errno == EINTR);
		if (sent >= 0)
			done = (size_t)sent;
		else if (errno != EAGAIN)
			fail(connection, errno);
	}
	connection->waiting = connection->waiting || done < all;
	watch(connection);
	return done;
}

void tcp_connection_finish(struct tcp_connection *connection) {
	if (connection->finished || connection->number)
		return;
	connection->finished = true;
	connection->waiting = false;
	if (!connection->connecting && shutdown(connection->descriptor, SHUT_WR))
		fail(connection, errno);
	watch(connection);
}

void tcp_connection_resume(struct tcp_connection *connection) {
	connection->reading = true;
	watch(connection);
}

void tcp_connection_read(struct tcp_connection *connection) {
	if (connection->freed || connection->connecting) {
		tcp_connection_resume(connection);
		return;
	}
	bool freed = false;
	connection->freed = &freed;
	if (!receive(connection, &freed))
		return;
	watch(connection);
	connection->freed = NULL;
}
