#include "tunnel/datagram_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/socket_name.h"
#include "loop/control_loop.h"

enum { DATAGRAM_MAX = 65535 };

struct datagram_socket {
	struct datagram_socket_options options;
	struct control_watch *watch;
	struct endpoint at;
	bool *freed; /* of the turn that is under way */
};

/* Whether there may be more. */
static bool receive(struct datagram_socket *socket) {
	uint8_t bytes[DATAGRAM_MAX];
	union socket_name name = {.any.sa_family = AF_UNSPEC};
	socklen_t size = sizeof name;
	ssize_t got = recvfrom(socket->options.descriptor, bytes, sizeof bytes, 0, &name.any, &size);
	if (got < 0)
		return errno == EINTR;
	struct endpoint from = socket_name_endpoint(&name);
	socket->options.received(socket->options.context, &from, slice_of(bytes, (size_t)got));
	return true;
}

static void ready(void *context, uint32_t events) {
	(void)events;
	struct datagram_socket *socket = context;
	bool freed = false;
	socket->freed = &freed;
	for (unsigned i = 0; i < DATAGRAM_SOCKET_TURN_MAX; i++) {
		bool goes_on = receive(socket);
		if (freed)
			return;
		if (!goes_on)
			break;
	}
	socket->freed = NULL;
}

enum err datagram_socket_new(const struct datagram_socket_options *options,
							 struct datagram_socket **out_socket) {
	auto_close int descriptor = options->descriptor;
	auto_free struct datagram_socket *socket = calloc(1, sizeof *socket);
	if (!socket)
		return ERR_NO_MEMORY;
	socket->options = *options;
	union socket_name name;
	socklen_t size = sizeof name;
	if (getsockname(descriptor, &name.any, &size))
		return err_from_errno(errno);
	socket->at = socket_name_endpoint(&name);
	enum err error =
		control_watch_new(options->loop, descriptor, EPOLLIN, ready, socket, &socket->watch);
	if (error)
		return error;
	(void)cleanup_steal_descriptor(&descriptor);
	*out_socket = cleanup_steal(socket);
	return ERR_OK;
}

void datagram_socket_free(struct datagram_socket *socket) {
	if (!socket)
		return;
	if (socket->freed)
		*socket->freed = true;
	control_watch_free(socket->watch);
	(void)close(socket->options.descriptor);
	free(socket);
}

struct endpoint datagram_socket_at(const struct datagram_socket *socket) {
	return socket->at;
}

void datagram_socket_send(struct datagram_socket *socket, const struct endpoint *to,
						  struct slice header, struct slice payload) {
	struct endpoint mapped = *to;
	if (socket->at.address.family == ADDRESS_V6 && to->address.family == ADDRESS_V4) {
		static const uint8_t before[12] = {[10] = 0xff, [11] = 0xff};
		mapped.address = (struct address){.family = ADDRESS_V6};
		memcpy(mapped.address.bytes, before, sizeof before);
		memcpy(mapped.address.bytes + sizeof before, to->address.bytes, ADDRESS_V4_SIZE);
	}
	union socket_name name;
	struct iovec parts[] = {
		{.iov_base = (void *)(uintptr_t)header.data, .iov_len = header.size},
		{.iov_base = (void *)(uintptr_t)payload.data, .iov_len = payload.size},
	};
	struct msghdr message = {.msg_name = &name, .msg_iov = parts, .msg_iovlen = 2};
	message.msg_namelen = socket_name_fill(&mapped, &name);
	ssize_t sent;
	do
		sent = sendmsg(socket->options.descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
}
