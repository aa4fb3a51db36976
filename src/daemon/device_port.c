#include "daemon/device_port.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/net.h"
#include "engine/interface.h"
#include "transport/udp/udp_transport.h"

/* As they come from the privileged process: those of IPv4, then those of IPv6. */
struct sockets {
	int v4[PROCESS_SHARDS_MAX], v6[PROCESS_SHARDS_MAX];
	bool has_v4, has_v6;
	uint8_t shards;
};

void device_port_init(struct device_port *port) {
	*port = (struct device_port){.interface = NULL};
	list_init(&port->link);
}

void device_port_close(struct device_port *port) {
	list_remove(&port->link);
}

static void close_all(const int *descriptors, size_t count) {
	for (size_t i = 0; i < count; i++)
		(void)close(descriptors[i]);
}

static void close_sockets(const struct sockets *sockets) {
	if (sockets->has_v4)
		close_all(sockets->v4, sockets->shards);
	if (sockets->has_v6)
		close_all(sockets->v6, sockets->shards);
}

static struct device_port *find(const struct list *open_ports, const struct stat *socket) {
	list_for_each (link, open_ports) {
		struct device_port *port = list_item(link, struct device_port, link);
		if (port->device == socket->st_dev && port->inode == socket->st_ino)
			return port;
	}
	return NULL;
}

/* Fills in as many as there are descriptors; those left on failure are still open. */
static enum err open_family(const struct net_start *start, const int *descriptors,
							struct transport *out_transports, uint8_t *out_count) {
	const struct udp_options options = {
		.no_segmentation = start->no_udp_segmentation,
		.no_coalescing = start->no_udp_coalescing,
	};
	for (*out_count = 0; *out_count < start->shards; ++*out_count) {
		struct udp_socket *socket;
		enum err error = udp_socket_new(descriptors[*out_count], &options, &socket);
		if (error)
			return error;
		out_transports[*out_count] =
			(struct transport){.ops = &udp_transport_ops, .context = socket};
	}
	return ERR_OK;
}

/* Takes the descriptors over, also on failure. */
static enum err open_transports(const struct net_start *start, const struct sockets *sockets,
								struct interface *interface) {
	struct transport v4[INTERFACE_SHARDS_MAX] = {{.ops = NULL}};
	struct transport v6[INTERFACE_SHARDS_MAX] = {{.ops = NULL}};
	uint8_t count_v4 = 0, count_v6 = 0;
	enum err error = ERR_OK;
	if (sockets->has_v4)
		error = open_family(start, sockets->v4, v4, &count_v4);
	if (sockets->has_v6 && !error)
		error = open_family(start, sockets->v6, v6, &count_v6);
	if (!error)
		return interface_set_transports(interface, v4, v6);
	for (uint8_t i = 0; i < sockets->shards; i++) {
		transport_done(&v4[i]);
		transport_done(&v6[i]);
	}
	if (sockets->has_v4)
		close_all(sockets->v4 + count_v4, (size_t)(sockets->shards - count_v4));
	if (sockets->has_v6)
		close_all(sockets->v6 + count_v6, (size_t)(sockets->shards - count_v6));
	return error;
}

static int fail(const struct net_start *start, enum err error) {
	log_error("%sUDP sockets: %s", start->prefix, err_text(error));
	return error == ERR_EXISTS ? EADDRINUSE : error == ERR_NO_MEMORY ? ENOMEM : EIO;
}

int device_port_open(struct device_port *port, struct list *open_ports,
					 const struct net_start *start, struct interface *interface, uint16_t number,
					 uint32_t mark, uint16_t *out_number) {
	const struct net_callbacks *callbacks = &start->callbacks;
	struct sockets sockets = {.shards = start->shards};
	uint16_t bound;
	int failed = callbacks->listen(callbacks->context, number, mark, sockets.shards, sockets.v4,
								   sockets.v6, &sockets.has_v4, &sockets.has_v6, &bound);
	if (failed)
		return failed;
	struct stat socket;
	if (fstat(sockets.has_v4 ? sockets.v4[0] : sockets.v6[0], &socket)) {
		close_sockets(&sockets);
		return fail(start, err_from_errno(errno));
	}
	const struct device_port *other = find(open_ports, &socket);
	enum err error;
	if (other) {
		close_sockets(&sockets);
		error = interface_join(interface, other->interface);
	} else {
		error = open_transports(start, &sockets, interface);
	}
	if (error)
		return fail(start, error);
	port->interface = interface;
	port->device = socket.st_dev;
	port->inode = socket.st_ino;
	list_remove(&port->link);
	list_append(open_ports, &port->link);
	*out_number = bound;
	return 0;
}
