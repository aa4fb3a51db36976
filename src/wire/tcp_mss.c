#include "wire/tcp_mss.h"

#include "wire/checksum.h"
#include "wire/ip.h"
#include "wire/packet.h"

enum {
	OPTION_END = 0, /* RFC 9293 section 3.2 */
	OPTION_NOTHING = 1,
	OPTION_MSS = 2,
	OPTION_MSS_SIZE = 4,
	OPTION_MSS_VALUE = 2,
	V6_OPTIONS_MAX = 8, /* headers with options for hosts and routers in front of TCP */
};

/* Where TCP's header begins; 0 when there is none. */
static size_t find_tcp(const struct ip_packet *ip, const uint8_t *packet) {
	size_t at = ip->header_size;
	uint8_t next = ip->protocol;
	if (ip->fragment)
		return 0;
	for (unsigned i = 0; ip->family == ADDRESS_V6 && i < V6_OPTIONS_MAX; i++) {
		if (next != PACKET_V6_HOP_BY_HOP && next != PACKET_V6_DESTINATION_OPTIONS)
			break;
		if (at + 2 > ip->size)
			return 0;
		next = packet[at];
		at += 8 * ((size_t)packet[at + 1] + 1);
	}
	return next == IP_PROTOCOL_TCP && at + PACKET_TCP_SIZE <= ip->size ? at : 0;
}

/*
 * Where in TCP's header of header_size bytes the segment size stands; 0 when it is not named.
 *
 *   | 2 | 4 | segment size 2 |   among options of kind 1, length 1, and length - 2 bytes of value;
 *   kinds 0 (the last) and 1 have no length.
 */
static size_t find_mss(const uint8_t *tcp, size_t header_size) {
	size_t at = PACKET_TCP_SIZE;
	while (at + OPTION_MSS_SIZE <= header_size && tcp[at] != OPTION_END) {
		if (tcp[at] == OPTION_NOTHING) {
			at++;
			continue;
		}
		if (tcp[at] == OPTION_MSS)
			return tcp[at + 1] == OPTION_MSS_SIZE ? at + OPTION_MSS_VALUE : 0;
		if (tcp[at + 1] < 2)
			return 0;
		at += tcp[at + 1];
	}
	return 0;
}

/* RFC 1624 section 3, equation 3. Words at odd places count with their bytes the other way. */
static void replace(uint8_t *tcp, size_t at, uint16_t value) {
	uint16_t checksum, before, after = htobe16(value);
	memcpy(&checksum, tcp + PACKET_TCP_CHECKSUM, sizeof checksum);
	memcpy(&before, tcp + at, sizeof before);
	packet_set_u16(tcp + at, value);
	if (at & 1) {
		before = __builtin_bswap16(before);
		after = __builtin_bswap16(after);
	}
	uint64_t sum = (uint64_t)(uint16_t)~checksum + (uint16_t)~before + after;
	packet_set_raw_u16(tcp + PACKET_TCP_CHECKSUM, (uint16_t)~checksum_fold(sum));
}

bool tcp_mss_clamp(uint8_t *packet, size_t size, uint32_t mtu) {
	struct ip_packet ip;
	if (ip_parse(packet, size, &ip))
		return false;
	size_t place = find_tcp(&ip, packet);
	uint8_t *tcp = packet + place;
	if (place == 0 || (tcp[PACKET_TCP_FLAGS] & (PACKET_TCP_SYN | PACKET_TCP_RST)) != PACKET_TCP_SYN)
		return false;
	size_t header_size = (size_t)(tcp[PACKET_TCP_DATA_OFFSET] >> 4) * 4;
	if (header_size > ip.size - place)
		return false;
	/* Options of either header are not the segment size's business: RFC 6691. */
	uint32_t headers =
		PACKET_TCP_SIZE + (ip.family == ADDRESS_V4 ? IP_V4_HEADER_SIZE : IP_V6_HEADER_SIZE);
	size_t at = find_mss(tcp, header_size);
	if (at == 0 || mtu <= headers || packet_u16(tcp + at) <= mtu - headers)
		return false;
	replace(tcp, at, (uint16_t)(mtu - headers));
	return true;
}
