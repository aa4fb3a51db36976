#include "bench/generator/packet.h"

#include <netinet/in.h>
#include <string.h>

#include "wire/checksum.h"
#include "wire/cursor.h"
#include "wire/ip.h"

/*
 * IPv4: 45 00 length(2) id(2) flags(2) ttl protocol checksum(2) source(4) destination(4)
 * UDP:  source port(2) destination port(2) length(2) checksum(2)
 * ICMP echo: type code checksum(2) id(2) number(2) time(8)
 */
enum {
	AT_CHECKSUM = 10,
	AT_SOURCE = 12,
	AT_UPPER = IP_V4_HEADER_SIZE,
	AT_ICMP_CHECKSUM = AT_UPPER + 2,
	AT_ECHO_TIME = AT_UPPER + 8,
	TTL = 64,
	PAD = 16,
	ICMP_ECHO_REQUEST = 8,
	ICMP_ECHO_ANSWER = 0,
};

static void put_sum(uint8_t *at, const uint8_t *data, size_t size) {
	uint16_t sum = (uint16_t)~checksum_fold(checksum_add(0, data, size));
	memcpy(at, &sum, sizeof sum);
}

static void put_header(uint8_t *packet, size_t size, uint8_t protocol, const struct address *from,
					   const struct address *to) {
	struct writer writer = writer_of(packet, IP_V4_HEADER_SIZE);
	writer_u8(&writer, 0x45);
	writer_u8(&writer, 0);
	writer_u16_be(&writer, (uint16_t)size);
	writer_u32_be(&writer, 0);
	writer_u8(&writer, TTL);
	writer_u8(&writer, protocol);
	writer_u16_be(&writer, 0);
	writer_bytes(&writer, from->bytes, ADDRESS_V4_SIZE);
	writer_bytes(&writer, to->bytes, ADDRESS_V4_SIZE);
	put_sum(packet + AT_CHECKSUM, packet, IP_V4_HEADER_SIZE);
}

void packet_udp(uint8_t *out_packet, size_t size, const struct address *from,
				const struct address *to, uint16_t port) {
	put_header(out_packet, size, IPPROTO_UDP, from, to);
	memset(out_packet + AT_UPPER, 0, size - AT_UPPER);
	struct writer writer = writer_of(out_packet + AT_UPPER, size - AT_UPPER);
	writer_u16_be(&writer, port);
	writer_u16_be(&writer, port);
	writer_u16_be(&writer, (uint16_t)(size - AT_UPPER));
}

void packet_set_source(uint8_t *packet, const struct address *from) {
	memcpy(packet + AT_SOURCE, from->bytes, ADDRESS_V4_SIZE);
	memset(packet + AT_CHECKSUM, 0, 2);
	put_sum(packet + AT_CHECKSUM, packet, IP_V4_HEADER_SIZE);
}

void packet_echo(uint8_t out_packet[static PACKET_ECHO_SIZE], const struct address *from,
				 const struct address *to, uint16_t number, uint64_t now) {
	put_header(out_packet, PACKET_ECHO_SIZE, IPPROTO_ICMP, from, to);
	uint8_t *upper = out_packet + AT_UPPER;
	struct writer writer = writer_of(upper, PACKET_ECHO_SIZE - AT_UPPER);
	writer_u8(&writer, ICMP_ECHO_REQUEST);
	writer_u8(&writer, 0);
	writer_u16_be(&writer, 0);
	writer_u16_be(&writer, 1);
	writer_u16_be(&writer, number);
	writer_bytes(&writer, &now, sizeof now);
	put_sum(out_packet + AT_ICMP_CHECKSUM, upper, PACKET_ECHO_SIZE - AT_UPPER);
}

bool packet_is_answer(const uint8_t *packet, size_t size, uint64_t *out_sent) {
	struct ip_packet ip;
	if (ip_parse(packet, size, &ip) != ERR_OK || ip.protocol != IPPROTO_ICMP ||
		ip.size != PACKET_ECHO_SIZE || packet[AT_UPPER] != ICMP_ECHO_ANSWER)
		return false;
	memcpy(out_sent, packet + AT_ECHO_TIME, sizeof *out_sent);
	return true;
}

size_t packet_padded(size_t size) {
	size_t padded = (size + PAD - 1) / PAD * PAD;
	return padded < PACKET_SIZE_MAX ? padded : PACKET_SIZE_MAX;
}
