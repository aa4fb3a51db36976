#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/virtio.h"

/*
 * Cuts what one read of a TUN queue gave (a packet, or a TSO/USO super-packet of up to 64 KiB) into
 * IP packets that are complete in themselves, without copying payload.
 *
 * Packet i's headers are written straight in front of its payload, over the end of packet i-1's
 * payload; what they (and padding behind the packet) overwrite is kept and put back. So packets of
 * the same parity may be taken out together, handed to the cipher as one batch, and put back:
 *
 *   for (phase = 0; phase < plan.phases; phase++)
 *       for (i = phase; i < plan.count; i += plan.phases)  packet[i] = segment_take(&plan, i,
 * padding);
 *       ... seal all taken ...
 *       for the same i: segment_restore(&plan, i);
 *
 * Phases must run in ascending order. plan.phases is 1 for a single packet, 2 for ordinary
 * super-packets, and count (one packet at a time) where segments are too short for parity.
 */

enum {
	SEGMENT_COUNT_MAX = 128,   /* packets of one super-packet; a larger one is ERR_LIMIT */
	SEGMENT_HEADERS_MAX = 128, /* IP and TCP headers, options included */
	SEGMENT_PADDING_MAX = 16,  /* bytes behind a packet that a protocol may zero */
};

struct segment_saved {
	uint8_t before[SEGMENT_HEADERS_MAX];
	uint8_t behind[SEGMENT_PADDING_MAX];
};

struct segment_plan {
	uint8_t *data; /* the super-packet, IP header first */
	uint32_t size;
	uint16_t count, phases;
	uint16_t headers; /* size of the IP and upper headers of every packet */
	uint16_t payload; /* payload bytes of all packets but the last (gso_size) */
	uint8_t ip_header_size;
	uint8_t protocol; /* IP_PROTOCOL_TCP or _UDP of a super-packet */
	bool v6;
	uint8_t template[SEGMENT_HEADERS_MAX]; /* the headers as they came */
	struct segment_saved saved[SEGMENT_COUNT_MAX];
};

/*
 * Plans the packet of size bytes at data with its virtio header. SEGMENT_PADDING_MAX bytes behind
 * it must be writable. Completes the checksum of a single packet that asks for it (RFC 768: a UDP
 * checksum of 0 becomes 0xffff). ERR_MALFORMED, ERR_TRUNCATED or ERR_LIMIT for headers that do not
 * fit the packet; nothing is written then.
 */
enum err segment_plan(const struct virtio_header *header, uint8_t *data, size_t size,
					  struct segment_plan *out_plan);

/* Size of packet index without padding: headers and its payload. */
uint16_t segment_size(const struct segment_plan *plan, uint16_t index);

/*
 * Makes packet index complete (lengths, IPv4 id and checksum, TCP sequence and flags, checksums)
 * and gives its place. padding bytes (0..SEGMENT_PADDING_MAX) behind it are zeroed here and
 * restored later. For TCP: FIN and PSH stay on the last packet only, CWR on the first only.
 */
uint8_t *segment_take(struct segment_plan *plan, uint16_t index, uint8_t padding);

/* Puts back what packet index overwrote. */
void segment_restore(struct segment_plan *plan, uint16_t index);
