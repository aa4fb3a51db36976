#pragma once

#include "base/address.h"

/*
 * A TCP socket that listens on one address and port, non-blocking and close-on-exec; "[::]" takes
 * IPv4 as well. Returns 0 or the errno value: EADDRINUSE, EADDRNOTAVAIL, EACCES …
 */
int tcp_listener_open(const struct endpoint *at, int *out_descriptor);
