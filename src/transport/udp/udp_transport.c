#include "transport/udp/udp_transport.h"

static void send_many(void *context, struct udp_message *messages, size_t count) {
	udp_send_many(context, messages, count);
}

static enum err receive(void *context, struct udp_buffers *buffers,
						const struct udp_received **out_received, size_t *out_count) {
	return udp_receive(context, buffers, out_received, out_count);
}

static int descriptor(const void *context) {
	return udp_socket_descriptor(context);
}

static void count_in(void *context, struct udp_counters *counters) {
	udp_socket_count_in(context, counters);
}

static void release(void *context) {
	udp_socket_free(context);
}

const struct transport_ops udp_transport_ops = {
	.send_many = send_many,
	.receive = receive,
	.descriptor = descriptor,
	.count_in = count_in,
	.free = release,
};
