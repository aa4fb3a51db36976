#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The maximum segment size that a TCP connection begins with (RFC 9293 section 3.7.1), lowered by
 * who knows that less passes: whoever would have to be told so by ICMP later may never hear of it.
 */

/*
 * Where the IP packet of size bytes at packet opens a connection (SYN or SYN-ACK, not in fragments)
 * and names a larger segment than packets of mtu bytes hold, that number is lowered, and the
 * checksum, which must be complete, goes along. False: the packet is as it was. Bytes behind the
 * packet (padding) are not looked at; what is no such packet, or wrong in itself, stays.
 */
bool tcp_mss_clamp(uint8_t *packet, size_t size, uint32_t mtu);
