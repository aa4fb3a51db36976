#pragma once

#include "proto/device.h"

/* Mighty for the control thread. */
extern const struct device_ops mighty_device_ops;
