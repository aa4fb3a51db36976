#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * The header in front of every packet of a TUN queue opened with IFF_VNET_HDR (virtio 1.2, 5.1.6),
 * in the byte order of the machine:
 *
 *   | flags 1 | gso_type 1 | hdr_len 2 | gso_size 2 | csum_start 2 | csum_offset 2 |
 */

enum {
	VIRTIO_HEADER_SIZE = 10,
	VIRTIO_NEEDS_CHECKSUM = 1,
	VIRTIO_GSO_NONE = 0,
	VIRTIO_GSO_TCP_V4 = 1,
	VIRTIO_GSO_TCP_V6 = 4,
	VIRTIO_GSO_UDP = 5,    /* VIRTIO_NET_HDR_GSO_UDP_L4: USO, both families */
	VIRTIO_GSO_ECN = 0x80, /* a bit beside the type */
};

struct virtio_header {
	uint8_t flags;
	uint8_t gso_type; /* without the ECN bit */
	bool ecn;         /* the ECN bit */
	uint16_t header_size, gso_size, checksum_start, checksum_offset;
};

/* ERR_MALFORMED for a type this does not know. */
enum err virtio_decode(const uint8_t data[static VIRTIO_HEADER_SIZE], struct virtio_header *out);
void virtio_encode(const struct virtio_header *header, uint8_t out_data[static VIRTIO_HEADER_SIZE]);
