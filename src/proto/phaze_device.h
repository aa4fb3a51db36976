#pragma once

#include "proto/device.h"

/* Phaze for the control thread. */
extern const struct device_ops phaze_device_ops;
