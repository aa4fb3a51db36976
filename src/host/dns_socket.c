#include "host/dns_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "host/socket_name.h"
#include "host/tcp_listener.h"

int dns_socket_listen(const struct endpoint *at, int *out_datagrams, int *out_connections) {
	union socket_name name;
	socklen_t size = socket_name_fill(at, &name);
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
	union socket_name name;
	socklen_t size = socket_name_fill(server, &name);
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
