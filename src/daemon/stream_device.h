#pragma once

#include "daemon/net.h"

/* Tunnels of streams (tunnel/stream_tunnel.h) as devices of the net process: a thread each. */
extern const struct net_device_ops stream_device_ops;
