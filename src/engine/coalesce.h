#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"

/*
 * Joins decrypted packets of one flow to super-packets for the TUN, across datagrams and receive
 * buffers, by gathering payloads in place (writev): nothing is copied.
 *
 * Several flows may be open at once; packets of one flow are never reordered, and a packet that
 * cannot join its flow's open super-packet closes it first. Never joined: IP options or extension
 * headers, fragments, other DSCP, ECN, TTL, hop limit or flow label, DF of another value, IPv4 ids
 * that do not count up by one where DF is not set (RFC 6864), TCP flags other than ACK and PSH,
 * another acknowledgment, window, urgent pointer or other TCP options, gaps in sequence, UDP
 * without checksum, packets without payload. PSH or a short segment closes a super-packet.
 * Checksums are left to the kernel (NEEDS_CSUM); none is verified, the packets were authenticated.
 *
 * A super-packet that the queue refuses is written again as the packets it was made of, byte for
 * byte and in their order. When that helped COALESCE_REFUSALS times in a row, packets of this
 * protocol are no longer joined. Where not even the first of them can be written, the queue is out
 * of order for now (an interface that is down), not the offload: the others are not tried.
 */

enum {
	COALESCE_FLOWS = 8,      /* super-packets open at a time */
	COALESCE_SEGMENTS = 128, /* packets of one super-packet */
	COALESCE_SIZE_MAX = 65535,
	COALESCE_REFUSALS = 4, /* super-packets refused in a row that end the joining */
};

/* Where super-packets go: iovecs[0] is the virtio header, the rest the packet. */
struct coalesce_sink {
	enum err (*write)(void *context, const struct iovec *iovecs, int count);
	void (*lost)(void *context, unsigned packets); /* could not be written in any way; or NULL */
	void *context;
};

struct coalesce_options {
	bool tcp; /* join TCP: the queue takes TSO super-packets */
	bool udp; /* join UDP: the queue takes USO super-packets */
};

struct coalescer;

enum err coalescer_new(const struct coalesce_options *options, const struct coalesce_sink *sink,
					   struct coalescer **out_coalescer);
void coalescer_free(struct coalescer *coalescer);

/*
 * Takes one whole, already checked IP packet (ip_parse() passed, size is the packet's own length).
 * Its bytes must stay where they are until it was written or flushed; its headers may be changed.
 * Packets that join no flow go to the sink at once (after their flow's open super-packet).
 */
void coalescer_add(struct coalescer *coalescer, uint8_t *packet, size_t size);

/* Writes every open super-packet, the oldest first. */
void coalescer_flush(struct coalescer *coalescer);

/* What is joined now: as asked for, less what the queue refused. Any thread may ask. */
struct coalesce_options coalescer_options(const struct coalescer *coalescer);
