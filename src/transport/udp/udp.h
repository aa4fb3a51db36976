#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/*
 * UDP in batches. A udp_socket wraps one bound, non-blocking descriptor of one family that was
 * opened elsewhere; one thread uses it. Sending uses UDP_SEGMENT (GSO), receiving UDP_GRO, where
 * the kernel has them; each falls back by itself and can be switched off. IPv4 datagrams leave
 * without the bit that forbids routers to fragment them.
 */

enum {
	UDP_SEGMENTS_MAX = 64,               /* the kernel's UDP_MAX_SEGMENTS on every release */
	UDP_PAYLOAD_MAX_V4 = 65535 - 20 - 8, /* 65507 */
	UDP_PAYLOAD_MAX_V6 = 65535 - 8,      /* 65527: the IPv6 payload length covers the UDP header */
	UDP_RECEIVE_MESSAGES = 32,           /* GRO buffers of one recvmmsg */
	UDP_RECEIVE_HEADROOM = 64,           /* bytes free in front of every receive buffer */
	UDP_SEND_MESSAGES = 64,              /* messages of one sendmmsg */
};

/* The local address and interface that a peer spoke to, and that answers leave from (PKTINFO). */
struct udp_source {
	struct address address; /* ADDRESS_NONE: the kernel chooses */
	uint32_t interface;     /* 0: any */
};

/* What may become of datagrams that are larger than the path carries. */
enum udp_way {
	UDP_WAY_ANY,   /* cut by whoever finds them too large, where that may be */
	UDP_WAY_WHOLE, /* by nobody: a single datagram arrives as it is, or not at all */
};

/* size bytes at data, in segments of segment_size, only the last of which may be shorter. */
struct udp_message {
	const struct endpoint *to;
	const struct udp_source *from; /* NULL or ADDRESS_NONE: the kernel chooses */
	const uint8_t *data;
	uint32_t size;
	uint16_t segment_size; /* ≥ size for a single datagram */
	uint8_t way;           /* enum udp_way */
	uint8_t error;         /* out: enum err of this message, ERR_OK when sent */
};

/* One received buffer; segments of segment_size, the last possibly shorter. */
struct udp_received {
	uint8_t *data; /* UDP_RECEIVE_HEADROOM writable bytes lie before it */
	uint32_t size;
	uint32_t segment_size; /* 1..size; 0 only for an empty datagram */
	struct endpoint from;
	struct udp_source to;
};

struct udp_options {
	bool no_segmentation; /* switches UDP_SEGMENT off */
	bool no_coalescing;   /* switches UDP_GRO off */
};

/*
 * Written by the thread that uses the socket, with plain loads and stores, and read by any. Sent
 * messages are the kernel's, pieces of split ones counted apart; errors are dropped ones. Received
 * messages are GRO buffers; calls count those that got something.
 */
struct udp_counters {
	_Atomic uint64_t sent_messages, sent_datagrams, sent_bytes, send_calls, send_errors;
	_Atomic uint64_t received_messages, received_datagrams, received_bytes, receive_calls;
	_Atomic uint64_t truncated, kernel_drops; /* SO_RXQ_OVFL */
	_Atomic bool open, segments, coalesces;   /* there is a socket, and what it uses now */
};

struct udp_socket;
struct udp_buffers;

/*
 * Takes the descriptor over, probes the offloads, asks for PKTINFO and the drop count. ERR_INVALID
 * when it is no UDP socket; after any error the descriptor is still the caller's.
 */
enum err udp_socket_new(int descriptor, const struct udp_options *options,
						struct udp_socket **out_socket);
/* Closes the descriptor. */
void udp_socket_free(struct udp_socket *socket);

int udp_socket_descriptor(const struct udp_socket *socket);
enum address_family udp_socket_family(const struct udp_socket *socket);
const struct udp_counters *udp_socket_counters(const struct udp_socket *socket);
/*
 * From now on it counts there, on top of what is there, and no more in its own. They outlive the
 * socket, so that one socket after the other may be counted by the same; they are not open any more
 * when it is freed.
 */
void udp_socket_count_in(struct udp_socket *socket, struct udp_counters *counters);
bool udp_socket_segments(const struct udp_socket *socket);
bool udp_socket_coalesces(const struct udp_socket *socket);

/*
 * Sends all messages with as few system calls as it takes. Per message:
 *  - more than UDP_SEGMENTS_MAX segments or more bytes than the family allows are split;
 *  - EIO with UDP_SEGMENT switches it off and sends the same message again;
 *  - EMSGSIZE with UDP_SEGMENT (segments above the path MTU) sends the same message again without;
 *  - EINVAL with UDP_SEGMENT sends the same message again without it. The cause may be one peer's
 *    path MTU, so it is switched off only when that helped eight times with no success in between;
 *  - EINVAL, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL or ENODEV with a source: the source is left
 *    out, the message sent again, and its error is ERR_AGAIN (sent, but the source is stale);
 *  - EAGAIN and ENOBUFS: waits up to five milliseconds without progress, then ERR_LIMIT and the
 *    message is dropped; the rest of the call does not wait again;
 *  - UDP_WAY_WHOLE goes with the bit that forbids to cut, which takes two more system calls;
 *  - another family than the socket's, or no segment size: ERR_INVALID; other errors: their own.
 */
void udp_send_many(struct udp_socket *socket, struct udp_message *messages, size_t count);

/* Receive buffers, UDP_RECEIVE_MESSAGES × (64 KiB + headroom); one per thread, any socket. */
enum err udp_buffers_new(struct udp_buffers **out_buffers);
void udp_buffers_free(struct udp_buffers *buffers);

/*
 * One recvmmsg without waiting. out_received points into buffers, valid until the next call with
 * them. ERR_AGAIN when nothing is there. Truncated messages are counted and left out, so that the
 * count may be 0.
 */
enum err udp_receive(struct udp_socket *socket, struct udp_buffers *buffers,
					 const struct udp_received **out_received, size_t *out_count);
