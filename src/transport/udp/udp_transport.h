#pragma once

#include "transport/transport.h"

/* The kernel's UDP sockets as a transport; the context is a struct udp_socket. */
extern const struct transport_ops udp_transport_ops;
