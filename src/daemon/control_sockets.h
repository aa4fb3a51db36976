#pragma once

#include <stdint.h>

#include "base/error.h"

/* The resolver's sockets, which the privileged process opens and marks: see node_sockets.h. */
struct control_sockets {
	int channel; /* -1: none */
	uint16_t request;
};

/*
 * A socket of AF_INET or AF_INET6 and SOCK_DGRAM or SOCK_STREAM, as socket() has it: -1 and errno.
 * Waits for the answer, less long than the privileged process waits for this one to read; EAGAIN
 * when it has not come by then.
 */
int control_sockets_get(struct control_sockets *sockets, int family, int type);
void control_sockets_done(struct control_sockets *sockets);
