#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/* The IPv4 packets that clients send through the tunnel. Pure. */

enum {
	PACKET_SIZE_MAX = 1420, /* what 1500 bytes outside leave, as stock configurations have it */
	PACKET_SIZE_MIN = 28,   /* IPv4 and UDP headers */
	PACKET_ECHO_SIZE = 20 + 8 + 8,
};

/*
 * A UDP packet of size bytes, without a UDP checksum, which IPv4 allows: what the other end does
 * with the payload is not measured. size from PACKET_SIZE_MIN to PACKET_SIZE_MAX.
 */
void packet_udp(uint8_t *out_packet, size_t size, const struct address *from,
				const struct address *to, uint16_t port);

/* Gives a packet another source, its header's checksum included. */
void packet_set_source(uint8_t *packet, const struct address *from);

/* An ICMP echo request that carries the time it was made at. */
void packet_echo(uint8_t out_packet[static PACKET_ECHO_SIZE], const struct address *from,
				 const struct address *to, uint16_t number, uint64_t now);

/* True for the answer to one, then out_sent is the time that the request carried. */
bool packet_is_answer(const uint8_t *packet, size_t size, uint64_t *out_sent);

/* Zeros behind a packet of so many bytes before it is sealed, as the protocol pads: to 16 bytes,
 * but never beyond PACKET_SIZE_MAX. */
size_t packet_padded(size_t size);
