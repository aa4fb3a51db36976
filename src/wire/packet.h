#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

/*
 * Fields of IP, TCP and UDP headers in place, for the per-packet path, where the cursor would check
 * every step again. Callers have proven that the header lies inside the packet. Offsets count from
 * the start of the header that they are named after.
 */

enum {
	PACKET_V4_TRAFFIC_CLASS = 1, /* RFC 791 section 3.1 */
	PACKET_V4_TOTAL_SIZE = 2,
	PACKET_V4_ID = 4,
	PACKET_V4_FRAGMENT = 6, /* flags and offset */
	PACKET_V4_TTL = 8,
	PACKET_V4_PROTOCOL = 9,
	PACKET_V4_CHECKSUM = 10,
	PACKET_V4_ADDRESSES = 12, /* source, destination */
	PACKET_V4_DO_NOT_FRAGMENT = 0x4000,
	PACKET_V4_MORE_FRAGMENTS = 0x2000,
	PACKET_V4_FRAGMENT_OFFSET = 0x1fff,

	PACKET_V6_PAYLOAD_SIZE = 4, /* RFC 8200 section 3 */
	PACKET_V6_NEXT_HEADER = 6,
	PACKET_V6_HOP_LIMIT = 7,
	PACKET_V6_ADDRESSES = 8,
	PACKET_V6_HOP_BY_HOP = 0, /* next header values, RFC 8200 section 4 */
	PACKET_V6_DESTINATION_OPTIONS = 60,
	PACKET_V6_ICMP = 58,

	PACKET_PORTS = 0, /* of TCP and UDP: source, destination */
	PACKET_PORTS_SIZE = 4,

	PACKET_TCP_SIZE = 20, /* without options; RFC 9293 section 3.1 */
	PACKET_TCP_SEQUENCE = 4,
	PACKET_TCP_ACKNOWLEDGMENT = 8,
	PACKET_TCP_DATA_OFFSET = 12, /* upper nibble, in 4 bytes; lower nibble reserved */
	PACKET_TCP_FLAGS = 13,
	PACKET_TCP_WINDOW = 14,
	PACKET_TCP_CHECKSUM = 16,
	PACKET_TCP_URGENT = 18,
	PACKET_TCP_FIN = 0x01,
	PACKET_TCP_SYN = 0x02,
	PACKET_TCP_RST = 0x04,
	PACKET_TCP_PSH = 0x08,
	PACKET_TCP_ACK = 0x10,
	PACKET_TCP_CWR = 0x80, /* RFC 3168 section 6.1.2 */

	PACKET_UDP_SIZE = 8, /* RFC 768 */
	PACKET_UDP_LENGTH = 4,
	PACKET_UDP_CHECKSUM = 6,
};

static inline uint16_t packet_u16(const uint8_t *at) {
	uint16_t value;
	memcpy(&value, at, sizeof value);
	return be16toh(value);
}

static inline uint32_t packet_u32(const uint8_t *at) {
	uint32_t value;
	memcpy(&value, at, sizeof value);
	return be32toh(value);
}

static inline void packet_set_u16(uint8_t *at, uint16_t value) {
	value = htobe16(value);
	memcpy(at, &value, sizeof value);
}

static inline void packet_set_u32(uint8_t *at, uint32_t value) {
	value = htobe32(value);
	memcpy(at, &value, sizeof value);
}

/* In memory order, for comparing and for checksums. */
static inline uint32_t packet_raw_u32(const uint8_t *at) {
	uint32_t value;
	memcpy(&value, at, sizeof value);
	return value;
}

static inline uint64_t packet_raw_u64(const uint8_t *at) {
	uint64_t value;
	memcpy(&value, at, sizeof value);
	return value;
}

static inline void packet_set_raw_u16(uint8_t *at, uint16_t value) {
	memcpy(at, &value, sizeof value);
}
