#pragma once

#include "base/error.h"
#include "transport/stream_transport.h"

/* A TCP socket of the kernel as a stream_transport. */

enum { TCP_TRANSPORT_UNSENT_MAX = 128 * 1024 }; /* bytes that may wait in the kernel unsent */

/*
 * Takes over a socket that is connected and has it send at once (TCP_NODELAY), with no more waiting
 * in the kernel than that. After an error it is still the caller's.
 */
enum err tcp_transport_new(int descriptor, struct stream_transport *out_transport);
