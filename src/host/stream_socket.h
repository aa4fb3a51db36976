#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

/*
 * Sockets of tunnels that carry streams, opened for a process that may open none: those that it
 * listens at, and those that it connects. All are non-blocking and close-on-exec. The functions
 * return 0 or the errno value.
 */

enum { STREAM_SOCKET_BACKLOG = 1024 /* connections; the kernel has a limit of its own */ };

struct stream_socket_request {
	bool datagrams;     /* UDP, otherwise TCP */
	uint8_t family;     /* enum address_family, where it is not bound */
	uint32_t mark;      /* SO_MARK, 0: none */
	struct endpoint at; /* to bind to, port 0: one that is free; ADDRESS_NONE: not bound */
};

/* Bound, and TCP listens; "[::]" takes IPv4 as well. EADDRINUSE, EADDRNOTAVAIL, EACCES … */
int stream_socket_listen(const struct stream_socket_request *request, int *out_descriptor);
/* For its user to connect. EAFNOSUPPORT, EMFILE … */
int stream_socket_open(const struct stream_socket_request *request, int *out_descriptor);
