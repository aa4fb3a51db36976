#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"

/*
 * The UDP port of a tunnel in the net process. The privileged process gives tunnels of different
 * protocols the same sockets where the configuration has them at the same address: whoever gets
 * sockets that another one has already shares that one's port in the engine.
 */

struct interface;
struct net_start;

/* Embedded in the tunnel's device. */
struct device_port {
	struct list link; /* device_engine.ports, while it is open */
	struct interface *interface;
	dev_t device; /* with inode: which sockets they are */
	ino_t inode;
};

void device_port_init(struct device_port *port);

/* As device_host.listen, among the ports that are open; errno. */
int device_port_open(struct device_port *port, struct list *open_ports,
					 const struct net_start *start, struct interface *interface, uint16_t number,
					 uint32_t mark, uint16_t *out_number);
/* Nobody can join it any more. */
void device_port_close(struct device_port *port);
