#include "host/stream_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "host/socket_name.h"

static int open_family(const struct stream_socket_request *request, int family,
					   int *out_descriptor) {
	int type = request->datagrams ? SOCK_DGRAM : SOCK_STREAM;
	auto_close int descriptor = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		return errno;
	if (request->mark &&
		setsockopt(descriptor, SOL_SOCKET, SO_MARK, &request->mark, sizeof request->mark))
		return errno;
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return 0;
}

static int open_bound(const struct stream_socket_request *request, bool again,
					  int *out_descriptor) {
	union socket_name name;
	socklen_t size = socket_name_fill(&request->at, &name);
	auto_close int descriptor = -1;
	int number = open_family(request, name.any.sa_family, &descriptor), on = 1, off = 0;
	if (number)
		return number;
	if (again && setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on))
		return errno;
	if (name.any.sa_family == AF_INET6 &&
		setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off))
		return errno;
	if (bind(descriptor, &name.any, size))
		return errno;
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return 0;
}

int stream_socket_listen(const struct stream_socket_request *request, int *out_descriptor) {
	auto_close int descriptor = -1;
	/* Connections of an earlier run that linger are no reason to wait; of UDP it would let others
	 * have the same port. */
	int number = open_bound(request, !request->datagrams, &descriptor);
	if (number)
		return number;
	if (!request->datagrams && listen(descriptor, STREAM_SOCKET_BACKLOG))
		return errno;
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return 0;
}

int stream_socket_open(const struct stream_socket_request *request, int *out_descriptor) {
	if (request->at.address.family != ADDRESS_NONE)
		return open_bound(request, false, out_descriptor);
	return open_family(request, request->family == ADDRESS_V4 ? AF_INET : AF_INET6, out_descriptor);
}
