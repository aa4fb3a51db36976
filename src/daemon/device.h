#pragma once

/* The tunnel device inside the net process. */
struct net_device_ops;
extern const struct net_device_ops device_ops;
