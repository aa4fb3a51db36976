#include "proto/registry.h"

#include <string.h>

#include "proto/mighty_device.h"
#include "proto/phaze_device.h"
#include "proto/wireguard_device.h"

static const struct device_ops *const devices[] = {
	&wireguard_device_ops,
	&mighty_device_ops,
	&phaze_device_ops,
};

const struct device_ops *registry_find(const char *name) {
	if (*name == '\0')
		return registry_default();
	for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
		if (strcmp(devices[i]->name, name) == 0)
			return devices[i];
	return NULL;
}

const struct device_ops *registry_default(void) {
	return devices[0];
}
