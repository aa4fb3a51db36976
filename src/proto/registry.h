#pragma once

#include "proto/device.h"

/* The protocols that this build knows; "" is the default. NULL when there is none of the name. */
const struct device_ops *registry_find(const char *name);

/* What an interface speaks when its operator names no protocol. */
const struct device_ops *registry_default(void);
