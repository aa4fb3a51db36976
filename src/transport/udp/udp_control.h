#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "transport/udp/udp.h"

/* Control messages (cmsg(3)) of UDP sockets: pure functions over buffers. */

enum { UDP_CONTROL_SIZE = 128 }; /* PKTINFO, segment size and drop count of either way, and room */

/* Aligned as the kernel's headers want it. */
struct udp_control_buffer {
	_Alignas(struct cmsghdr) uint8_t bytes[UDP_CONTROL_SIZE];
};

/* What received control messages said. */
struct udp_control {
	struct udp_source to;
	uint32_t segment_size; /* UDP_GRO; 0: the buffer is one datagram */
	uint32_t drops;        /* SO_RXQ_OVFL: of the socket since it was made, modulo 2^32 */
	bool has_drops;
};

/*
 * Reads control messages in any order; unknown, too short and cut ones are skipped. Of IPv4's two
 * local addresses it takes ipi_spec_dst: for unicast it equals the header's destination, and for
 * broadcast, where ipi_addr is no address to answer from, it is the interface's own.
 */
void udp_control_parse(const uint8_t *data, size_t size, struct udp_control *out_control);

/*
 * Writes what sending needs into a zeroed buffer: PKTINFO for a source, UDP_SEGMENT for a segment
 * size other than 0. Returns the size, 0 when there is nothing to say.
 */
size_t udp_control_build(const struct udp_source *from, uint16_t segment_size,
						 struct udp_control_buffer *out_buffer);
