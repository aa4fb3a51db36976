#include "wire/icmp.h"

#include <stdbool.h>
#include <string.h>

#include "base/address.h"
#include "wire/checksum.h"
#include "wire/cursor.h"
#include "wire/ip.h"
#include "wire/packet.h"

enum {
	ICMP_HEADER_SIZE = 8,
	ICMP_CHECKSUM = 2,
	ICMP_PROTOCOL = 1,
	ICMP_UNREACHABLE = 3, /* type */
	ICMP_TOO_BIG_CODE = 4,
	ICMP_QUENCH = 4,
	ICMP_REDIRECT = 5,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER = 12,
	ICMP_V6_TOO_BIG = 2, /* type; errors are those below 128 */
	ICMP_V6_QUERIES = 128,
	TTL = 64,
};

static bool is_error_v4(uint8_t type) {
	return type == ICMP_UNREACHABLE || type == ICMP_QUENCH || type == ICMP_REDIRECT ||
		   type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER;
}

static bool is_zero(const uint8_t *bytes, size_t size) {
	uint8_t sum = 0;
	for (size_t i = 0; i < size; i++)
		sum |= bytes[i];
	return sum == 0;
}

static bool may_answer_v4(const struct ip_packet *ip, const uint8_t *packet) {
	uint16_t offset = packet_u16(packet + PACKET_V4_FRAGMENT) & PACKET_V4_FRAGMENT_OFFSET;
	if (ip->protocol == ICMP_PROTOCOL &&
		(ip->size <= ip->header_size || is_error_v4(packet[ip->header_size])))
		return false;
	/* 224.0.0.0/4 and all above, broadcast included, are several; 0.0.0.0/8 is nobody. */
	return offset == 0 && ip->source[0] < 224 && ip->destination[0] < 224 && ip->source[0] != 0;
}

static bool may_answer_v6(const struct ip_packet *ip, const uint8_t *packet) {
	if (ip->protocol == PACKET_V6_ICMP &&
		(ip->size <= ip->header_size || packet[ip->header_size] < ICMP_V6_QUERIES))
		return false;
	return ip->source[0] != 0xff && ip->destination[0] != 0xff &&
		   !is_zero(ip->source, ADDRESS_V6_SIZE);
}

/*
 *   | IPv4 header 20: from the packet's destination to its source |
 *   | 3 | 4 | checksum 2 | zeros 2 | mtu 2 | the packet's beginning |
 */
static void encode_v4(struct writer *writer, const struct ip_packet *ip, const uint8_t *packet,
					  size_t quote, uint16_t mtu) {
	writer_u8(writer, 0x45);
	writer_u8(writer, 0);
	writer_u16_be(writer, (uint16_t)(IP_V4_HEADER_SIZE + ICMP_HEADER_SIZE + quote));
	writer_u32_be(writer, 0);
	writer_u8(writer, TTL);
	writer_u8(writer, ICMP_PROTOCOL);
	writer_u16_be(writer, 0);
	writer_bytes(writer, ip->destination, ADDRESS_V4_SIZE);
	writer_bytes(writer, ip->source, ADDRESS_V4_SIZE);
	writer_u8(writer, ICMP_UNREACHABLE);
	writer_u8(writer, ICMP_TOO_BIG_CODE);
	writer_u32_be(writer, 0);
	writer_u16_be(writer, mtu);
	writer_bytes(writer, packet, quote);
}

/*
 *   | IPv6 header 40: from the packet's destination to its source |
 *   | 2 | 0 | checksum 2 | mtu 4 | the packet's beginning |
 */
static void encode_v6(struct writer *writer, const struct ip_packet *ip, const uint8_t *packet,
					  size_t quote, uint16_t mtu) {
	writer_u32_be(writer, UINT32_C(6) << 28);
	writer_u16_be(writer, (uint16_t)(ICMP_HEADER_SIZE + quote));
	writer_u8(writer, PACKET_V6_ICMP);
	writer_u8(writer, TTL);
	writer_bytes(writer, ip->destination, ADDRESS_V6_SIZE);
	writer_bytes(writer, ip->source, ADDRESS_V6_SIZE);
	writer_u8(writer, ICMP_V6_TOO_BIG);
	writer_u8(writer, 0);
	writer_u16_be(writer, 0);
	writer_u32_be(writer, mtu);
	writer_bytes(writer, packet, quote);
}

static uint16_t complement(uint64_t sum) {
	return (uint16_t)~checksum_fold(sum);
}

enum err icmp_too_big(const uint8_t *packet, size_t size, uint16_t mtu,
					  uint8_t out_answer[static ICMP_ANSWER_MAX], size_t *out_size) {
	struct ip_packet ip;
	enum err error = ip_parse(packet, size, &ip);
	if (error)
		return error;
	bool v4 = ip.family == ADDRESS_V4;
	if (!(v4 ? may_answer_v4(&ip, packet) : may_answer_v6(&ip, packet)))
		return ERR_UNSUPPORTED;
	size_t most = v4 ? ICMP_QUOTE_V4 : ICMP_QUOTE_V6;
	size_t quote = ip.size < most ? ip.size : most;
	struct writer writer = writer_of(out_answer, ICMP_ANSWER_MAX);
	size_t made;
	if (v4)
		encode_v4(&writer, &ip, packet, quote, mtu);
	else
		encode_v6(&writer, &ip, packet, quote, mtu);
	error = writer_finish(&writer, &made);
	if (error)
		return error;
	size_t header_size = v4 ? IP_V4_HEADER_SIZE : IP_V6_HEADER_SIZE;
	uint8_t *message = out_answer + header_size;
	size_t message_size = made - header_size;
	uint64_t sum = v4 ? 0 : checksum_pseudo(out_answer, PACKET_V6_ICMP, message_size);
	packet_set_raw_u16(message + ICMP_CHECKSUM,
					   complement(checksum_add(sum, message, message_size)));
	if (v4)
		packet_set_raw_u16(out_answer + PACKET_V4_CHECKSUM,
						   complement(checksum_add(0, out_answer, IP_V4_HEADER_SIZE)));
	*out_size = made;
	return ERR_OK;
}
