#include "host/tcp_listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

enum { BACKLOG = 16 };

union name {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t fill_name(const struct endpoint *at, union name *name) {
	*name = (union name){.any.sa_family = AF_UNSPEC};
	if (at->address.family == ADDRESS_V4) {
		name->v4.sin_family = AF_INET;
		name->v4.sin_port = htons(at->port);
		memcpy(&name->v4.sin_addr, at->address.bytes, ADDRESS_V4_SIZE);
		return sizeof name->v4;
	}
	name->v6.sin6_family = AF_INET6;
	name->v6.sin6_port = htons(at->port);
	name->v6.sin6_scope_id = at->scope_id;
	memcpy(&name->v6.sin6_addr, at->address.bytes, ADDRESS_V6_SIZE);
	return sizeof name->v6;
}

int tcp_listener_open(const struct endpoint *at, int *out_descriptor) {
	union name name;
	socklen_t size = fill_name(at, &name);
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
