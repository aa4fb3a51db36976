#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/address.h"

/* An endpoint as system calls take it. */
union socket_name {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* The size that counts; what is no v4 endpoint is a v6 one. */
socklen_t socket_name_fill(const struct endpoint *at, union socket_name *out_name);

/*
 * What it says: a v4 address inside one of v6 is a v4 one, and only link-local ones have a scope.
 * ADDRESS_NONE for a name of another family.
 */
struct endpoint socket_name_endpoint(const union socket_name *name);
