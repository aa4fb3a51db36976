#pragma once

#include <stdint.h>

/*
 * How a protocol's datagrams say which of the sockets that share a port is meant: those whose first
 * four bytes are the word's, where the mask has ones, by the low bits of one byte. All others go by
 * the kernel's hash over addresses and ports.
 */
struct steering_rule {
	uint32_t word, mask; /* big-endian */
	uint32_t offset;     /* of the byte, from the datagram's start */
	uint32_t id_offset;  /* not 0: four bytes there which are zeros when they name nothing yet */
};
