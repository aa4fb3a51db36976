#pragma once

/* The tunnel devices inside the net process. */
struct net_device_ops;
extern const struct net_device_ops device_ops;
