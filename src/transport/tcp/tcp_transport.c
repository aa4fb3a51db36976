#include "transport/tcp/tcp_transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct tcp_transport {
	int descriptor;
};

static enum err error_now(void) {
	return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : err_from_errno(errno);
}

static enum err read_some(void *context, uint8_t *data, size_t size, size_t *out_size) {
	const struct tcp_transport *transport = context;
	const ssize_t got = recv(transport->descriptor, data, size, MSG_DONTWAIT);
	if (got < 0)
		return error_now();
	if (got == 0)
		return ERR_CLOSED;
	*out_size = (size_t)got;
	return ERR_OK;
}

static enum err write_some(void *context, const struct iovec *pieces, int count, size_t *out_size) {
	const struct tcp_transport *transport = context;
	const struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces,
								   .msg_iovlen = (size_t)count};
	const ssize_t put = sendmsg(transport->descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (put < 0)
		return error_now();
	*out_size = (size_t)put;
	return ERR_OK;
}

static int descriptor_of(const void *context) {
	return ((const struct tcp_transport *)context)->descriptor;
}

static void release(void *context) {
	struct tcp_transport *transport = context;
	(void)close(transport->descriptor);
	free(transport);
}

static const struct stream_transport_ops ops = {
	.read = read_some, .write = write_some, .descriptor = descriptor_of, .free = release};

enum err tcp_transport_new(int descriptor, struct stream_transport *out_transport) {
	const int unsent = TCP_TRANSPORT_UNSENT_MAX;
	struct tcp_transport *transport = malloc(sizeof *transport);
	if (!transport)
		return ERR_NO_MEMORY;
	transport->descriptor = descriptor;
	/* They only make it better: what the kernel refuses is done without. */
	(void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	(void)setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
	*out_transport = (struct stream_transport){.ops = &ops, .context = transport};
	return ERR_OK;
}
