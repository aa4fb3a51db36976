#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * A queue of a TUN interface on the control loop: super-packets come out as the packets that they
 * are made of, and packets of one flow that are written together go in as super-packets.
 */

struct stream_host;
struct tun_port;

enum {
	TUN_PORT_TURN_MAX = 256 * 1024,     /* bytes read in a turn of the loop */
	TUN_PORT_RETRY_MILLISECONDS = 1000, /* of a queue that is out of order: it is down, or gone */
};

struct tun_port_options {
	const struct stream_host *host;
	int descriptor;        /* taken over on success; made non-blocking */
	bool header, tcp, udp; /* how it was opened: packets with a virtio header, TSO, USO */
	/* A packet that the host sends, complete; for the call only. The port is not freed inside. */
	void (*packet)(void *context, const uint8_t *data, size_t size);
	void *context;
};

/* Nothing is called from inside. ERR_NO_MEMORY, or what the loop says. */
enum err tun_port_new(const struct tun_port_options *options, struct tun_port **out_port);
void tun_port_free(struct tun_port *port); /* NULL-safe */

/*
 * No more packets after those of the present read: the rest waits in the kernel, which slows its
 * senders down. Until it is over.
 */
void tun_port_pause(struct tun_port *port, bool is_paused);

/* The interface is up, or has another state than before: what was out of order may work. */
void tun_port_retry(struct tun_port *port);

/*
 * To the host: a whole IP packet that ip_parse() passes, of its own length. Its bytes stay where
 * they are until tun_port_flush(); they may be changed.
 */
void tun_port_write(struct tun_port *port, uint8_t *packet, size_t size);
void tun_port_flush(struct tun_port *port);

struct tun_port_figures {
	uint64_t read, written; /* packets */
	uint64_t malformed;     /* of those read */
	uint64_t lost;          /* that the queue did not take */
};
struct tun_port_figures tun_port_figures(const struct tun_port *port);
