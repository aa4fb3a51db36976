#pragma once

/*
 * A sink that cuts super-packets into packets again and holds them against what went in. Packets of
 * one flow must come out in order and equal, but for what no receiver can tell: the IPv4 id where
 * DF is set (RFC 6864), and checksums, which are made anew.
 */

#include <stdlib.h>
#include <sys/uio.h>

#include "engine/coalesce.h"
#include "engine/packets.h"
#include "engine/segment.h"

enum { RECUT_PACKETS_MAX = 4096 };

/* What went in and has not come out yet, the oldest first. */
struct recut_packet {
	uint8_t *copy;
	size_t size;
	bool out;
};

struct recut {
	struct recut_packet in[RECUT_PACKETS_MAX];
	size_t in_count, out_count;
	size_t writes, joined_writes, largest_write, largest_count;
	const char *failure; /* NULL, or what was wrong first */
	struct segment_plan plan;
	uint8_t flat[PACKETS_SIZE_MAX + 256];
};

static inline void recut_fail(struct recut *recut, const char *what) {
	if (!recut->failure)
		recut->failure = what;
}

/* Ports where every receiver finds them; 0 where there are none. */
static inline uint32_t recut_ports(const uint8_t *packet, size_t size) {
	size_t ip = packets_ip_size(packet);
	uint8_t protocol = packets_protocol(packet);
	bool v4 = packet[0] >> 4 == 4;
	if ((protocol != PACKETS_TCP && protocol != PACKETS_UDP) || size < ip + 4 ||
		(v4 && (packets_u16(packet + 6) & 0x3fff)))
		return 0;
	return packets_u32(packet + ip);
}

static inline bool recut_same_flow(const uint8_t *left, size_t left_size, const uint8_t *right,
								   size_t right_size) {
	if (left[0] >> 4 != right[0] >> 4)
		return false;
	size_t at = left[0] >> 4 == 4 ? 12 : 8, size = left[0] >> 4 == 4 ? 8 : 32;
	return memcmp(left + at, right + at, size) == 0 &&
		   packets_protocol(left) == packets_protocol(right) &&
		   recut_ports(left, left_size) == recut_ports(right, right_size);
}

/* Blanks what may differ once a packet was part of a super-packet. */
static inline void recut_blank(uint8_t *packet) {
	if (packet[0] >> 4 == 4) {
		packets_put_u16(packet + 10, 0);
		if (packet[6] & 0x40)
			packets_put_u16(packet + 4, 0);
	}
	packets_put_u16(packet + packets_checksum_offset(packet), 0);
}

static inline void recut_take_out(struct recut *recut, const uint8_t *packet, size_t size,
								  bool joined) {
	recut->out_count++;
	for (size_t i = 0; i < recut->in_count; i++) {
		struct recut_packet *in = &recut->in[i];
		if (in->out || !recut_same_flow(in->copy, in->size, packet, size))
			continue;
		static uint8_t left[PACKETS_SIZE_MAX], right[PACKETS_SIZE_MAX];
		in->out = true;
		if (in->size != size) {
			recut_fail(recut, "size or order");
			return;
		}
		memcpy(left, in->copy, size);
		memcpy(right, packet, size);
		if (joined) {
			if (!packets_are_right(packet, size))
				recut_fail(recut, "checksum");
			recut_blank(left);
			recut_blank(right);
		}
		if (memcmp(left, right, size) != 0)
			recut_fail(recut, "bytes or order");
		return;
	}
	recut_fail(recut, "never went in");
}

static inline enum err recut_write(void *context, const struct iovec *iovecs, int count) {
	struct recut *recut = context;
	size_t size = 0;
	for (int i = 1; i < count; i++) {
		if (size + iovecs[i].iov_len > PACKETS_SIZE_MAX) {
			recut_fail(recut, "more than 64 KiB");
			return ERR_OK;
		}
		memcpy(recut->flat + size, iovecs[i].iov_base, iovecs[i].iov_len);
		size += iovecs[i].iov_len;
	}
	struct virtio_header header;
	if (iovecs[0].iov_len != VIRTIO_HEADER_SIZE ||
		virtio_decode(iovecs[0].iov_base, &header) != ERR_OK) {
		recut_fail(recut, "virtio header");
		return ERR_OK;
	}
	recut->writes++;
	recut->largest_write = size > recut->largest_write ? size : recut->largest_write;
	if (header.gso_type == VIRTIO_GSO_NONE) {
		static const uint8_t zeros[VIRTIO_HEADER_SIZE];
		if (memcmp(iovecs[0].iov_base, zeros, sizeof zeros) != 0)
			recut_fail(recut, "header of a single packet");
		recut_take_out(recut, recut->flat, size, false);
		return ERR_OK;
	}

	size_t field = packets_checksum_offset(recut->flat);
	if (header.flags != VIRTIO_NEEDS_CHECKSUM || header.ecn || count < 3 ||
		header.header_size != packets_headers_size(recut->flat) ||
		packets_u16(recut->flat + field) != packets_pseudo(recut->flat, size))
		recut_fail(recut, "header of a super-packet");
	if (segment_plan(&header, recut->flat, size, &recut->plan) != ERR_OK ||
		recut->plan.count != count - 1) {
		recut_fail(recut, "cutting");
		return ERR_OK;
	}
	recut->joined_writes++;
	if (recut->plan.count > recut->largest_count)
		recut->largest_count = recut->plan.count;
	for (uint16_t i = 0; i < recut->plan.count; i++) {
		recut_take_out(recut, segment_take(&recut->plan, i, 0), segment_size(&recut->plan, i),
					   true);
		segment_restore(&recut->plan, i);
	}
	return ERR_OK;
}

/* Takes a copy of what is about to go in. False when there is no more room. */
static inline bool recut_expect(struct recut *recut, const uint8_t *packet, size_t size) {
	if (recut->in_count == RECUT_PACKETS_MAX)
		return false;
	uint8_t *copy = malloc(size);
	if (!copy)
		return false;
	memcpy(copy, packet, size);
	recut->in[recut->in_count++] = (struct recut_packet){.copy = copy, .size = size};
	return true;
}

/* After a flush: everything came out, and the next stream may begin. */
static inline void recut_finish(struct recut *recut) {
	if (recut->out_count != recut->in_count)
		recut_fail(recut, "lost or doubled packets");
	for (size_t i = 0; i < recut->in_count; i++)
		free(recut->in[i].copy);
	recut->in_count = recut->out_count = 0;
}
