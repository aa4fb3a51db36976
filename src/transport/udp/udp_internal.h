#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <netinet/in.h>

#include "transport/udp/udp.h"
#include "transport/udp/udp_control.h"

/* What the udp_*.c files and their tests share. */

enum {
	UDP_DATA_MAX = 65536, /* bytes of one receive buffer: no datagram or GRO buffer is larger */
	UDP_RECEIVE_BYTES = 128 * 1024, /* about as much is received at a time */
	UDP_RECEIVE_MESSAGES_LEAST = 2,
	UDP_SEND_WAITS = 5,       /* waits of one millisecond in which nothing could be sent */
	UDP_SEGMENT_REFUSALS = 8, /* EINVAL for segmented messages in a row that switch them off */
};

/* The system calls on sockets; a test puts its own in between. All as in their man pages. */
struct udp_calls {
	int (*sendmmsg)(int descriptor, struct mmsghdr *messages, unsigned count, int flags);
	int (*recvmmsg)(int descriptor, struct mmsghdr *messages, unsigned count, int flags,
					struct timespec *timeout);
	int (*poll)(struct pollfd *items, nfds_t count, int milliseconds);
	int (*setsockopt)(int descriptor, int level, int name, const void *value, socklen_t size);
};

union udp_name {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* One message for the kernel: a whole udp_message or a piece of it. */
struct udp_slot {
	union udp_name name;
	struct iovec data;
	struct udp_control_buffer control;
	size_t message;     /* index of the udp_message */
	uint32_t end;       /* bytes of it that are sent once this slot is */
	uint32_t datagrams; /* more than one only with UDP_SEGMENT */
	bool has_source;
};

struct udp_socket {
	const struct udp_calls *calls;
	int descriptor;
	enum address_family family;
	bool segments, coalesces;
	uint8_t refusals;              /* see UDP_SEGMENT_REFUSALS */
	uint32_t last_drops;           /* the newest SO_RXQ_OVFL */
	struct udp_counters own;       /* until others are given */
	struct udp_counters *counters; /* in use */
	struct mmsghdr headers[UDP_SEND_MESSAGES];
	struct udp_slot slots[UDP_SEND_MESSAGES];
};

/* UDP_SEGMENT does not work here. */
void udp_socket_stop_segments(struct udp_socket *socket);

/* From now on all that is sent goes this way, until it ends. */
void udp_socket_set_way(const struct udp_socket *socket, uint8_t way);
void udp_socket_end_way(const struct udp_socket *socket, uint8_t way);

/* udp_socket_new() with other system calls; calls must outlive the socket. */
enum err udp_socket_new_with(int descriptor, const struct udp_options *options,
							 const struct udp_calls *calls, struct udp_socket **out_socket);
