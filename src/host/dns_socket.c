#include "host/dns_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "host/tcp_listener.h"

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

int dns_socket_listen(const struct endpoint *at, int *out_datagrams, int *out_connections) {
	union name name;
	socklen_t size = fill_name(at, &name);
	auto_close int datagrams =
		socket(name.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (datagrams < 0 || bind(datagrams, &name.any, size))
		return errno;
	int number = tcp_listener_open(at, out_connections);
	if (number == 0)
		*out_datagrams = cleanup_steal_descriptor(&datagrams);
	return number;
}

int dns_socket_connect(const struct endpoint *server, const char *interface, bool stream,
					   int *out_descriptor) {
	union name name;
	socklen_t size = fill_name(server, &name);
	int type = (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	auto_close int descriptor = socket(name.any.sa_family, type, 0);
	if (descriptor < 0)
		return errno;
	if (interface && setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, interface,
								(socklen_t)strlen(interface) + 1))
		return errno;
	if (connect(descriptor, &name.any, size) && errno != EINPROGRESS)
		return errno;
	*out_descriptor = cleanup_steal_descriptor(&descriptor);
	return 0;
}
