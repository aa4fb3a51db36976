#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The queues of a TUN interface; the interface lives as long as one of them is open anywhere. */

enum {
	TUN_QUEUES_MAX = 16,
	TUN_NAME_SIZE = 16, /* IFNAMSIZ, with its NUL */
};

struct tun_request {
	const char *name;
	unsigned queues; /* 1..TUN_QUEUES_MAX */
	bool no_header;  /* do without the virtio header, and so without any offload */
	bool no_udp;     /* do without UDP segmentation */
};

struct tun {
	int queues[TUN_QUEUES_MAX]; /* non-blocking, close-on-exec */
	unsigned count;
	bool header; /* every packet has a virtio header */
	bool tcp;    /* packets of several TCP segments come and may be written */
	bool udp;    /* the same for UDP datagrams */
};

/* What the kernel takes as a name, without its patterns ("%d"). */
bool tun_name_valid(const char *name);

/*
 * Creates the interface, with what the kernel has of the offloads: without those of UDP, of TCP and
 * at last without headers where it refuses them. ERR_EXISTS when there is one of
 * that name, ERR_NOT_FOUND or ERR_NO_DEVICE without /dev/net/tun, ERR_PERMISSION,
 * ERR_UNSUPPORTED when several queues are wanted and the kernel has one only.
 */
enum err tun_open(const struct tun_request *request, struct tun *out_tun);

/* Closes the queues. Also for a zeroed struct. */
void tun_done(struct tun *tun);

/* The interface's name of now, it may have been renamed. ERR_NO_DEVICE once it was deleted. */
enum err tun_read_name(int queue, char out_name[static TUN_NAME_SIZE]);

/* A descriptor of the network namespace that the interface is in now. ERR_NO_DEVICE as above. */
enum err tun_open_namespace(int queue, int *out_descriptor);
