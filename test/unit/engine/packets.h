#pragma once

/* IP packets for tests, built and verified byte by byte, with nothing of the code under test. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { PACKETS_SIZE_MAX = 65535, PACKETS_TCP = 6, PACKETS_UDP = 17 };

struct packet_spec {
	bool v6;
	uint8_t protocol;
	uint8_t traffic_class, ttl;
	uint16_t id;          /* IPv4 */
	bool do_not_fragment; /* IPv4 */
	uint8_t options_size; /* TCP, a multiple of 4 */
	uint8_t option_byte;
	uint8_t source, destination; /* last byte of the addresses */
	uint16_t source_port, destination_port;
	uint32_t sequence, acknowledgment;
	uint8_t flags;
	uint16_t window;
};

static inline void packets_put_u16(uint8_t *at, size_t value) {
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void packets_put_u32(uint8_t *at, uint32_t value) {
	packets_put_u16(at, value >> 16);
	packets_put_u16(at + 2, value & 0xffff);
}

static inline uint16_t packets_u16(const uint8_t *at) {
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t packets_u32(const uint8_t *at) {
	return (uint32_t)packets_u16(at) << 16 | packets_u16(at + 2);
}

/* The Internet checksum as RFC 1071 tells it: 16 bits at a time. Not complemented. */
static inline uint32_t packets_sum(uint32_t sum, const uint8_t *data, size_t size) {
	for (size_t i = 0; i < size; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static inline size_t packets_ip_size(const uint8_t *packet) {
	return packet[0] >> 4 == 4 ? (size_t)(packet[0] & 15) * 4 : 40;
}

static inline uint8_t packets_protocol(const uint8_t *packet) {
	return packet[packet[0] >> 4 == 4 ? 9 : 6];
}

static inline size_t packets_headers_size(const uint8_t *packet) {
	size_t ip = packets_ip_size(packet);
	return ip + (packets_protocol(packet) == PACKETS_UDP ? 8 : (size_t)(packet[ip + 12] >> 4) * 4);
}

static inline size_t packets_checksum_offset(const uint8_t *packet) {
	return packets_ip_size(packet) + (packets_protocol(packet) == PACKETS_UDP ? 6 : 16);
}

/* The pseudo header's sum of a packet of size bytes. */
static inline uint32_t packets_pseudo(const uint8_t *packet, size_t size) {
	bool v6 = packet[0] >> 4 == 6;
	uint8_t end[4] = {0, packets_protocol(packet)};
	packets_put_u16(end + 2, size - packets_ip_size(packet));
	uint32_t sum = packets_sum(0, packet + (v6 ? 8 : 12), v6 ? 32 : 8);
	return packets_sum(sum, end, sizeof end);
}

/* Completes both checksums of a packet of size bytes. */
static inline void packets_complete(uint8_t *packet, size_t size) {
	size_t ip = packets_ip_size(packet), field = packets_checksum_offset(packet);
	if (packet[0] >> 4 == 4) {
		packets_put_u16(packet + 10, 0);
		packets_put_u16(packet + 10, (uint16_t)~packets_sum(0, packet, ip));
	}
	packets_put_u16(packet + field, 0);
	uint16_t sum = (uint16_t)~packets_sum(packets_pseudo(packet, size), packet + ip, size - ip);
	packets_put_u16(packet + field, sum ? sum : 0xffff);
}

/* Whether lengths and checksums of a packet of size bytes are right. */
static inline bool packets_are_right(const uint8_t *packet, size_t size) {
	size_t ip = packets_ip_size(packet);
	if (packet[0] >> 4 == 4) {
		if (packets_u16(packet + 2) != size || packets_sum(0, packet, ip) != 0xffff)
			return false;
	} else if (packets_u16(packet + 4) != size - 40) {
		return false;
	}
	if (packets_protocol(packet) == PACKETS_UDP &&
		(packets_u16(packet + ip + 4) != size - ip || packets_u16(packet + ip + 6) == 0))
		return false;
	return packets_sum(packets_pseudo(packet, size), packet + ip, size - ip) == 0xffff;
}

/* Writes a whole packet with a payload; returns its size. */
static inline size_t packets_build(const struct packet_spec *spec, const uint8_t *payload,
								   size_t payload_size, uint8_t *out) {
	size_t ip = spec->v6 ? 40 : 20;
	size_t upper = spec->protocol == PACKETS_UDP ? 8 : 20U + spec->options_size;
	size_t size = ip + upper + payload_size;
	memset(out, 0, ip + upper);
	if (spec->v6) {
		out[0] = (uint8_t)(0x60 | spec->traffic_class >> 4);
		out[1] = (uint8_t)(spec->traffic_class << 4);
		packets_put_u16(out + 4, size - 40);
		out[6] = spec->protocol;
		out[7] = spec->ttl;
		out[8] = out[24] = 0xfd;
		out[23] = spec->source;
		out[39] = spec->destination;
	} else {
		out[0] = 0x45;
		out[1] = spec->traffic_class;
		packets_put_u16(out + 2, size);
		packets_put_u16(out + 4, spec->id);
		out[6] = spec->do_not_fragment ? 0x40 : 0;
		out[8] = spec->ttl;
		out[9] = spec->protocol;
		out[12] = out[16] = 10;
		out[15] = spec->source;
		out[19] = spec->destination;
	}
	uint8_t *at = out + ip;
	packets_put_u16(at, spec->source_port);
	packets_put_u16(at + 2, spec->destination_port);
	if (spec->protocol == PACKETS_UDP) {
		packets_put_u16(at + 4, 8 + payload_size);
	} else {
		packets_put_u32(at + 4, spec->sequence);
		packets_put_u32(at + 8, spec->acknowledgment);
		at[12] = (uint8_t)((20 + spec->options_size) / 4 << 4);
		at[13] = spec->flags;
		packets_put_u16(at + 14, spec->window);
		memset(at + 20, spec->option_byte, spec->options_size);
	}
	if (payload_size > 0)
		memcpy(out + ip + upper, payload, payload_size);
	packets_complete(out, size);
	return size;
}

/* Deterministic numbers for random tests (xorshift64*). */
static inline uint32_t packets_random(uint64_t *state) {
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)(*state * UINT64_C(2685821657736338717) >> 32);
}
