#include "wire/ip.h"

#include "wire/packet.h"

enum {
	V4_FRAGMENT_MASK = PACKET_V4_MORE_FRAGMENTS | PACKET_V4_FRAGMENT_OFFSET,
	V6_FRAGMENT_HEADER = 44,
};

/*
 *   0               1     2              4    6                 8     9          10
 *   | version, ihl  | TOS | total length | id | flags, offset   | TTL | protocol | checksum 2 |
 *   12              16                 20
 *   | source 4      | destination 4    | options, up to ihl × 4
 */
static enum err parse_v4(const uint8_t *data, size_t size, struct ip_packet *out_packet) {
	if (size < IP_V4_HEADER_SIZE)
		return ERR_TRUNCATED;
	uint8_t header_size = (uint8_t)((data[0] & 15) * 4);
	uint16_t total_size = packet_u16(data + PACKET_V4_TOTAL_SIZE);
	if (header_size < IP_V4_HEADER_SIZE || total_size < header_size)
		return ERR_MALFORMED;
	if (total_size > size)
		return ERR_TRUNCATED;
	*out_packet = (struct ip_packet){
		.family = ADDRESS_V4,
		.protocol = data[PACKET_V4_PROTOCOL],
		.header_size = header_size,
		.fragment = (packet_u16(data + PACKET_V4_FRAGMENT) & V4_FRAGMENT_MASK) != 0,
		.options = header_size > IP_V4_HEADER_SIZE,
		.size = total_size,
		.source = data + PACKET_V4_ADDRESSES,
		.destination = data + PACKET_V4_ADDRESSES + ADDRESS_V4_SIZE,
	};
	return ERR_OK;
}

/*
 *   0                            4                6             7           8
 *   | version, class, flow label | payload length | next header | hop limit |
 *   8               24               40
 *   | source 16     | destination 16 |
 */
static enum err parse_v6(const uint8_t *data, size_t size, struct ip_packet *out_packet) {
	if (size < IP_V6_HEADER_SIZE)
		return ERR_TRUNCATED;
	uint32_t total_size = IP_V6_HEADER_SIZE + (uint32_t)packet_u16(data + PACKET_V6_PAYLOAD_SIZE);
	if (total_size > size)
		return ERR_TRUNCATED;
	uint8_t next = data[PACKET_V6_NEXT_HEADER];
	*out_packet = (struct ip_packet){
		.family = ADDRESS_V6,
		.protocol = next,
		.header_size = IP_V6_HEADER_SIZE,
		.fragment = next == V6_FRAGMENT_HEADER,
		.options = next != IP_PROTOCOL_TCP && next != IP_PROTOCOL_UDP && next != PACKET_V6_ICMP,
		.size = total_size,
		.source = data + PACKET_V6_ADDRESSES,
		.destination = data + PACKET_V6_ADDRESSES + ADDRESS_V6_SIZE,
	};
	return ERR_OK;
}

enum err ip_parse(const uint8_t *data, size_t size, struct ip_packet *out_packet) {
	switch (size > 0 ? data[0] >> 4 : 0) {
	case 4:
		return parse_v4(data, size, out_packet);
	case 6:
		return parse_v6(data, size, out_packet);
	default:
		return ERR_MALFORMED;
	}
}
