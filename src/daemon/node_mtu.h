#pragma once

#include <stdint.h>

#include "daemon/node_core.h"

/* The MTU of tunnels whose configuration leaves it open: that of the way to their endpoints. */

/* Of tunnel->config. It asks the kernel, which answers at once. */
uint32_t node_mtu(const struct node_tunnel *tunnel);

/*
 * The host's interfaces or routes have changed: tunnels that are up get the MTU of now. Nothing of
 * them is interrupted.
 */
void node_mtu_refresh(struct node *node);
