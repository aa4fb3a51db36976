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
