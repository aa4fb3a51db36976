#include "tunnel/tun_port.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "engine/coalesce.h"
#include "engine/segment.h"
#include "engine/tun_queue.h"
#include "loop/control_loop.h"
#include "tunnel/stream_host.h"
#include "wire/virtio.h"

enum { PACKET_MAX = VIRTIO_HEADER_SIZE + 65535 };

struct tun_port {
	struct tun_port_options options;
	struct tun_queue queue;
	struct control_watch *watch;
	struct control_timer *retry;
	struct coalescer *coalescer;
	bool is_paused, is_broken;
	struct tun_port_figures figures;
	uint8_t buffer[PACKET_MAX + SEGMENT_PADDING_MAX];
};

static enum err sink_write(void *context, const struct iovec *iovecs, int count) {
	struct tun_port *port = context;
	return port->queue.ops->write(port->queue.context, iovecs, count);
}

static void sink_lost(void *context, unsigned packets) {
	struct tun_port *port = context;
	port->figures.lost += packets;
}

static void watch(struct tun_port *port) {
	bool reads = !port->is_paused && !port->is_broken;
	if (control_watch_change(port->watch, reads ? EPOLLIN : 0))
		port->is_broken = true;
	if (port->is_broken)
		control_timer_set(port->retry, TUN_PORT_RETRY_MILLISECONDS * CLOCK_MILLISECOND);
}

/* What one read gave. */
static void pass_on(struct tun_port *port, size_t size) {
	struct virtio_header header;
	struct segment_plan plan;
	if (size < VIRTIO_HEADER_SIZE || virtio_decode(port->buffer, &header) ||
		segment_plan(&header, port->buffer + VIRTIO_HEADER_SIZE, size - VIRTIO_HEADER_SIZE,
					 &plan)) {
		port->figures.malformed++;
		return;
	}
	/* Each is copied before the next one is made, whose headers overwrite its end. */
	for (uint16_t i = 0; i < plan.count; i++) {
		const uint8_t *packet = segment_take(&plan, i, 0);
		port->options.packet(port->options.context, packet, segment_size(&plan, i));
	}
	port->figures.read += plan.count;
}

static void ready(void *context, uint32_t events) {
	(void)events;
	struct tun_port *port = context;
	size_t turn = 0;
	while (turn < TUN_PORT_TURN_MAX && !port->is_paused) {
		size_t size;
		enum err error =
			port->queue.ops->read(port->queue.context, port->buffer, PACKET_MAX, &size);
		if (error == ERR_AGAIN)
			return;
		if (error) {
			port->is_broken = true;
			watch(port);
			return;
		}
		pass_on(port, size);
		turn += size;
	}
}

void tun_port_retry(struct tun_port *port) {
	control_timer_stop(port->retry);
	port->is_broken = false;
	watch(port);
}

static void due(void *context) {
	tun_port_retry(context);
}

enum err tun_port_new(const struct tun_port_options *options, struct tun_port **out_port) {
	struct tun_port *port = calloc(1, sizeof *port);
	if (!port)
		return ERR_NO_MEMORY;
	port->options = *options;
	struct control_loop *loop = options->host->loop;
	struct coalesce_options joins = {.tcp = options->tcp, .udp = options->udp};
	struct coalesce_sink sink = {.write = sink_write, .lost = sink_lost, .context = port};
	enum err error = coalescer_new(&joins, &sink, &port->coalescer);
	if (!error)
		error = control_timer_new(loop, due, port, &port->retry);
	if (!error)
		error = control_watch_new(loop, options->descriptor, EPOLLIN, ready, port, &port->watch);
	/* The last one, as it takes the descriptor over. */
	if (!error)
		error = tun_queue_open(options->descriptor, options->header, &port->queue);
	if (error) {
		tun_port_free(port);
		return error;
	}
	*out_port = port;
	return ERR_OK;
}

void tun_port_free(struct tun_port *port) {
	if (!port)
		return;
	control_watch_free(port->watch);
	control_timer_free(port->retry);
	coalescer_free(port->coalescer);
	tun_queue_done(&port->queue);
	free(port);
}

void tun_port_pause(struct tun_port *port, bool is_paused) {
	if (port->is_paused == is_paused)
		return;
	port->is_paused = is_paused;
	watch(port);
}

void tun_port_write(struct tun_port *port, uint8_t *packet, size_t size) {
	port->figures.written++;
	coalescer_add(port->coalescer, packet, size);
}

void tun_port_flush(struct tun_port *port) {
	coalescer_flush(port->coalescer);
}

struct tun_port_figures tun_port_figures(const struct tun_port *port) {
	return port->figures;
}
