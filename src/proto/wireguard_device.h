#pragma once

#include "proto/device.h"

/* WireGuard's control side as the registry lists it. */
extern const struct device_ops wireguard_device_ops;
