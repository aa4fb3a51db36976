#include "engine/segment.h"

#include <string.h>

#include "wire/checksum.h"
#include "wire/ip.h"
#include "wire/packet.h"

enum {
	PACKET_SIZE_MAX = 65535, /* of one packet that leaves */
	TCP_FLAGS_LAST = PACKET_TCP_FIN | PACKET_TCP_PSH,
};

/* A checksum field's value. 0 says "none" for UDP (RFC 768) and equals 0xffff for all others. */
static uint16_t complement(uint64_t sum) {
	uint16_t value = (uint16_t)~checksum_fold(sum);
	return value ? value : 0xffff;
}

static enum err plan_single(const struct virtio_header *header, uint8_t *data, size_t size,
							struct segment_plan *plan) {
	if (size > PACKET_SIZE_MAX)
		return ERR_LIMIT;
	if (header->flags & VIRTIO_NEEDS_CHECKSUM) {
		/* The field holds the pseudo header's sum already. */
		size_t start = header->checksum_start;
		size_t field = start + header->checksum_offset;
		if (field + sizeof(uint16_t) > size)
			return ERR_TRUNCATED;
		packet_set_raw_u16(data + field, complement(checksum_add(0, data + start, size - start)));
	}
	plan->data = data;
	plan->size = (uint32_t)size;
	plan->count = plan->phases = 1;
	plan->headers = 0;
	plan->payload = 0;
	plan->ip_header_size = 0;
	plan->protocol = 0;
	plan->v6 = data[0] >> 4 == 6;
	return ERR_OK;
}

static enum err measure_v4(const uint8_t *data, size_t size, uint8_t protocol, size_t *out_size) {
	if (size < IP_V4_HEADER_SIZE)
		return ERR_TRUNCATED;
	size_t header_size = (size_t)(data[0] & 15) * 4;
	uint16_t fragment = packet_u16(data + PACKET_V4_FRAGMENT);
	if (data[0] >> 4 != 4 || header_size < IP_V4_HEADER_SIZE ||
		data[PACKET_V4_PROTOCOL] != protocol ||
		(fragment & (PACKET_V4_MORE_FRAGMENTS | PACKET_V4_FRAGMENT_OFFSET)))
		return ERR_MALFORMED;
	*out_size = header_size;
	return ERR_OK;
}

/* Options for hosts may come between (RFC 8200 section 4); the kernel segments them alike. */
static enum err measure_v6(const uint8_t *data, size_t size, uint8_t protocol, size_t *out_size) {
	if (size < IP_V6_HEADER_SIZE)
		return ERR_TRUNCATED;
	if (data[0] >> 4 != 6)
		return ERR_MALFORMED;
	size_t header_size = IP_V6_HEADER_SIZE;
	uint8_t next = data[PACKET_V6_NEXT_HEADER];
	while (next != protocol) {
		if (next != PACKET_V6_HOP_BY_HOP && next != PACKET_V6_DESTINATION_OPTIONS)
			return ERR_MALFORMED;
		if (header_size + 2 > size)
			return ERR_TRUNCATED;
		next = data[header_size];
		header_size += 8 * ((size_t)data[header_size + 1] + 1);
		if (header_size > SEGMENT_HEADERS_MAX)
			return ERR_LIMIT;
	}
	*out_size = header_size;
	return ERR_OK;
}

static enum err measure_upper(const uint8_t *upper, size_t size, uint8_t protocol,
							  size_t *out_size) {
	if (size < (protocol == IP_PROTOCOL_TCP ? PACKET_TCP_SIZE : PACKET_UDP_SIZE))
		return ERR_TRUNCATED;
	if (protocol == IP_PROTOCOL_UDP) {
		*out_size = PACKET_UDP_SIZE;
		return ERR_OK;
	}
	size_t header_size = (size_t)(upper[PACKET_TCP_DATA_OFFSET] >> 4) * 4;
	if (header_size < PACKET_TCP_SIZE)
		return ERR_MALFORMED;
	if (header_size > size)
		return ERR_TRUNCATED;
	*out_size = header_size;
	return ERR_OK;
}

/* Where the kernel says the upper header is must be where it is. header_size is not looked at: of
 * forwarded packets it may be that of the whole first packet. */
static bool agrees(const struct virtio_header *header, size_t ip_header_size, uint8_t protocol) {
	if (!(header->flags & VIRTIO_NEEDS_CHECKSUM))
		return true;
	return header->checksum_start == ip_header_size &&
		   header->checksum_offset ==
			   (protocol == IP_PROTOCOL_TCP ? PACKET_TCP_CHECKSUM : PACKET_UDP_CHECKSUM);
}

static enum err plan_super(const struct virtio_header *header, uint8_t *data, size_t size,
						   struct segment_plan *plan) {
	bool v6 = header->gso_type == VIRTIO_GSO_TCP_V6 ||
			  (header->gso_type == VIRTIO_GSO_UDP && data[0] >> 4 == 6);
	uint8_t protocol = header->gso_type == VIRTIO_GSO_UDP ? IP_PROTOCOL_UDP : IP_PROTOCOL_TCP;
	size_t ip_header_size, upper_header_size;
	enum err error = v6 ? measure_v6(data, size, protocol, &ip_header_size)
						: measure_v4(data, size, protocol, &ip_header_size);
	if (error)
		return error;
	if (ip_header_size > size)
		return ERR_TRUNCATED;
	error =
		measure_upper(data + ip_header_size, size - ip_header_size, protocol, &upper_header_size);
	if (error)
		return error;
	size_t headers = ip_header_size + upper_header_size;
	if (!agrees(header, ip_header_size, protocol) || header->gso_size == 0 || size == headers)
		return ERR_MALFORMED;
	size_t count = (size - headers + header->gso_size - 1) / header->gso_size;
	if (headers > SEGMENT_HEADERS_MAX || count > SEGMENT_COUNT_MAX ||
		(count == 1 ? size : headers + header->gso_size) > PACKET_SIZE_MAX)
		return ERR_LIMIT;

	plan->data = data;
	plan->size = (uint32_t)size;
	plan->count = (uint16_t)count;
	plan->headers = (uint16_t)headers;
	plan->payload = header->gso_size;
	plan->ip_header_size = (uint8_t)ip_header_size;
	plan->protocol = protocol;
	plan->v6 = v6;
	/* Packets i and i + 2 must not touch each other, padding included. */
	bool apart = headers + SEGMENT_PADDING_MAX <= header->gso_size;
	plan->phases = apart && count > 2 ? 2 : (uint16_t)count;
	memcpy(plan->template, data, headers);
	return ERR_OK;
}

enum err segment_plan(const struct virtio_header *header, uint8_t *data, size_t size,
					  struct segment_plan *out_plan) {
	if (size == 0)
		return ERR_TRUNCATED;
	if (header->gso_type == VIRTIO_GSO_NONE)
		return plan_single(header, data, size, out_plan);
	return plan_super(header, data, size, out_plan);
}

static uint8_t *place_of(const struct segment_plan *plan, uint16_t index) {
	return plan->data + (size_t)index * plan->payload;
}

uint16_t segment_size(const struct segment_plan *plan, uint16_t index) {
	if (index + 1 < plan->count)
		return (uint16_t)(plan->headers + plan->payload);
	return (uint16_t)(plan->size - (size_t)index * plan->payload);
}

static void complete_ip(const struct segment_plan *plan, uint8_t *packet, uint16_t index,
						uint16_t size) {
	if (plan->v6) {
		packet_set_u16(packet + PACKET_V6_PAYLOAD_SIZE, (uint16_t)(size - IP_V6_HEADER_SIZE));
		return;
	}
	uint16_t id = packet_u16(plan->template + PACKET_V4_ID);
	packet_set_u16(packet + PACKET_V4_TOTAL_SIZE, size);
	packet_set_u16(packet + PACKET_V4_ID, (uint16_t)(id + index));
	packet_set_raw_u16(packet + PACKET_V4_CHECKSUM, 0);
	uint64_t sum = checksum_add(0, packet, plan->ip_header_size);
	packet_set_raw_u16(packet + PACKET_V4_CHECKSUM, (uint16_t)~checksum_fold(sum));
}

static void complete_tcp(const struct segment_plan *plan, uint8_t *tcp, uint16_t index) {
	uint32_t sequence = packet_u32(tcp + PACKET_TCP_SEQUENCE);
	packet_set_u32(tcp + PACKET_TCP_SEQUENCE, sequence + (uint32_t)index * plan->payload);
	if (index + 1 < plan->count)
		tcp[PACKET_TCP_FLAGS] &= (uint8_t)~TCP_FLAGS_LAST;
	if (index > 0)
		tcp[PACKET_TCP_FLAGS] &= (uint8_t)~PACKET_TCP_CWR;
}

static void complete(const struct segment_plan *plan, uint8_t *packet, uint16_t index,
					 uint16_t size) {
	memcpy(packet, plan->template, plan->headers);
	complete_ip(plan, packet, index, size);

	uint8_t *upper = packet + plan->ip_header_size;
	uint16_t upper_size = (uint16_t)(size - plan->ip_header_size);
	uint8_t *field;
	if (plan->protocol == IP_PROTOCOL_TCP) {
		complete_tcp(plan, upper, index);
		field = upper + PACKET_TCP_CHECKSUM;
	} else {
		packet_set_u16(upper + PACKET_UDP_LENGTH, upper_size);
		field = upper + PACKET_UDP_CHECKSUM;
	}
	packet_set_raw_u16(field, 0);
	uint64_t sum = checksum_pseudo(packet, plan->protocol, upper_size);
	packet_set_raw_u16(field, complement(checksum_add(sum, upper, upper_size)));
}

uint8_t *segment_take(struct segment_plan *plan, uint16_t index, uint8_t padding) {
	struct segment_saved *saved = &plan->saved[index];
	uint8_t *packet = place_of(plan, index);
	uint16_t size = segment_size(plan, index);
	uint8_t *behind = packet + size;
	/* All of it, whatever the padding: one move, and restoring needs not know. */
	memcpy(saved->behind, behind, SEGMENT_PADDING_MAX);
	if (plan->headers > 0) {
		memcpy(saved->before, packet, plan->headers);
		complete(plan, packet, index, size);
	}
	memset(behind, 0, padding);
	return packet;
}

void segment_restore(struct segment_plan *plan, uint16_t index) {
	const struct segment_saved *saved = &plan->saved[index];
	uint8_t *packet = place_of(plan, index);
	memcpy(packet, saved->before, plan->headers);
	memcpy(packet + segment_size(plan, index), saved->behind, SEGMENT_PADDING_MAX);
}
