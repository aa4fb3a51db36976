#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

/*
 * Just enough of IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293) and UDP (RFC 768) for a tunnel:
 * whose packet it is, how long it is, where its headers end.
 */

enum {
	IP_V4_HEADER_SIZE = 20,
	IP_V6_HEADER_SIZE = 40,
	IP_PROTOCOL_TCP = 6,
	IP_PROTOCOL_UDP = 17,
};

struct ip_packet {
	uint8_t family;   /* enum address_family */
	uint8_t protocol; /* upper protocol; of a v6 packet the first next header */
	uint8_t header_size;
	bool fragment; /* v4: offset or more-fragments; v6: a fragment header is first */
	bool options;  /* v4 options; v6 extension headers (protocol is none of TCP/UDP/ICMPv6) */
	uint32_t size; /* header and payload as the packet's own length field says */
	const uint8_t *source, *destination; /* 4 or 16 bytes inside the packet */
};

/*
 * Reads the header of the packet at data. size is what arrived and may be larger (padding);
 * ERR_TRUNCATED when the packet says it is longer, ERR_MALFORMED when it is no IP packet.
 */
enum err ip_parse(const uint8_t *data, size_t size, struct ip_packet *out_packet);
