#include "host/tcp_listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "host/socket_name.h"

enum { BACKLOG = 16 };

int tcp_listener_open(const struct endpoint *at, int *out_descriptor) {
	union socket_name name;
	socklen_t size = socket_name_fill(at, &name);
	auto_close int descriptor =
		socket(name.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (descriptor < 0)
		return errno;
	/* Connections of an earlier run that linger are no reason to wait. */
	int on = 1, off = 0;
	if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
		(name.any.sa_family == AF_INET6 &&
		 setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off)) ||
		bind(descriptor, &name.any, size) || listen(descriptor, BACKLOG))
		return errno;
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return 0;
}
