#include "daemon/device.h"
#include "daemon/programs.h"
#include "daemon/stream_device.h"
#include "proto/stream_protocol.h"

/* Tunnels of packets have one kind of device for all protocols. */
static const struct net_device_ops *find(const char *protocol) {
	return stream_protocol_find(protocol) ? &stream_device_ops : &device_ops;
}

int main(int count, char **arguments) {
	return programs_run(count, arguments, find);
}
