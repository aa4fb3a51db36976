#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

/*
 * Sockets for questions to name servers, made for a process that cannot. All are non-blocking and
 * close-on-exec. They return errno values, 0 for success.
 */

/* Where this host's programs ask: UDP, and TCP that listens. Both or none. */
int dns_socket_listen(const struct endpoint *at, int *out_datagrams, int *out_connections);

/*
 * To a server, from a random port: UDP, or TCP that begins to connect. interface: what leaves, and
 * what comes in, does so there; NULL: where the routes lead.
 */
int dns_socket_connect(const struct endpoint *server, const char *interface, bool stream,
					   int *out_descriptor);
