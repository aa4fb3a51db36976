#pragma once

#include "host/tun.h"

/* What tun.c and its test share. */

/* Linux 6.2 and later; older headers lack them, older kernels answer EINVAL. */
enum { TUN_OFFLOAD_USO4 = 0x20, TUN_OFFLOAD_USO6 = 0x40 };

/* The system calls that open queues; a test puts its own in between. -1 and errno on failure. */
struct tun_calls {
	int (*open)(void); /* a new descriptor of /dev/net/tun */
	/* argument is a pointer, or for TUNSETOFFLOAD the number itself. */
	int (*control)(int descriptor, unsigned long request, void *argument);
	int (*close)(int descriptor);
};

/* tun_open() with other system calls. */
enum err tun_open_with(const struct tun_request *request, const struct tun_calls *calls,
					   struct tun *out_tun);
