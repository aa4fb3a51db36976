#include "daemon/device.h"
#include "daemon/programs.h"

static const struct net_device_ops *find(const char *protocol) {
	return &device_ops;
}

int main(int count, char **arguments) {
	return programs_run(count, arguments, find);
}
