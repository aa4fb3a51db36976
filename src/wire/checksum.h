#pragma once

#include <stddef.h>
#include <stdint.h>

/* The Internet checksum (RFC 1071), with wide adds. Sums are in memory order and may be chained. */

/* Adds the 16-bit words at data (an odd last byte is padded with zero) to sum. */
uint64_t checksum_add(uint64_t sum, const void *data, size_t size);

/* Folds to 16 bits, in memory order: store it as it is with memcpy. Not complemented. */
uint16_t checksum_fold(uint64_t sum);

/*
 * The pseudo header of TCP and UDP (RFC 9293 section 3.1, RFC 8200 section 8.1) for the addresses
 * of the IPv4 or IPv6 header at ip and an upper part of upper_size bytes.
 */
uint64_t checksum_pseudo(const uint8_t *ip, uint8_t protocol, size_t upper_size);
