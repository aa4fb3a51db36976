#include "wire/ip_fragment.h"

#include <string.h>

#include "base/address.h"
#include "wire/checksum.h"
#include "wire/ip.h"
#include "wire/packet.h"

enum {
	UNIT = 8, /* offsets count in it */
	PAYLOAD_MAX = 65535,
	V6_FRAGMENT = 44,
	V6_FRAGMENT_SIZE = 8,
	V6_FRAGMENT_OFFSET = 2, /* 13 bits of it */
	V6_FRAGMENT_MORE = 1,
	V6_FRAGMENT_ID = 4,
};

static uint32_t extra(const struct ip_fragment_plan *plan) {
	return plan->v6 ? V6_FRAGMENT_SIZE : 0;
}

static enum err plan_v4(const struct ip_packet *ip, struct ip_fragment_plan *plan) {
	uint16_t flags = packet_u16(plan->header + PACKET_V4_FRAGMENT);
	if (ip->options || (flags & PACKET_V4_DO_NOT_FRAGMENT))
		return ERR_UNSUPPORTED;
	plan->offset = (flags & PACKET_V4_FRAGMENT_OFFSET) * UNIT;
	plan->more = flags & PACKET_V4_MORE_FRAGMENTS;
	return ERR_OK;
}

static enum err plan_v6(const struct ip_packet *ip, struct ip_fragment_plan *plan) {
	if (ip->protocol == V6_FRAGMENT && plan->payload_size > V6_FRAGMENT_SIZE) {
		uint16_t field = packet_u16(plan->payload + V6_FRAGMENT_OFFSET);
		plan->next_header = plan->payload[0];
		plan->offset = field & ~(uint32_t)(UNIT - 1);
		plan->more = field & V6_FRAGMENT_MORE;
		plan->id = packet_u32(plan->payload + V6_FRAGMENT_ID);
		plan->payload += V6_FRAGMENT_SIZE;
		plan->payload_size -= V6_FRAGMENT_SIZE;
		return ERR_OK;
	}
	return ip->options || ip->fragment ? ERR_UNSUPPORTED : ERR_OK;
}

enum err ip_fragment_plan(const uint8_t *packet, size_t size, uint32_t limit, uint32_t id,
						  struct ip_fragment_plan *out_plan) {
	struct ip_packet ip;
	enum err error = ip_parse(packet, size, &ip);
	if (error)
		return error;
	if (limit < IP_FRAGMENT_LIMIT_MIN)
		return ERR_INVALID;
	struct ip_fragment_plan plan = {
		.header = packet,
		.payload = packet + ip.header_size,
		.header_size = ip.header_size,
		.payload_size = ip.size - ip.header_size,
		.id = id,
		.next_header = ip.protocol,
		.v6 = ip.family == ADDRESS_V6,
	};
	error = plan.v6 ? plan_v6(&ip, &plan) : plan_v4(&ip, &plan);
	if (error)
		return error;
	if (plan.offset + plan.payload_size > PAYLOAD_MAX)
		return ERR_MALFORMED;
	plan.step = (limit - plan.header_size - extra(&plan)) & ~(uint32_t)(UNIT - 1);
	plan.count = (uint16_t)((plan.payload_size + plan.step - 1) / plan.step);
	if (plan.count == 0)
		return ERR_UNSUPPORTED;
	*out_plan = plan;
	return ERR_OK;
}

static uint32_t payload_of(const struct ip_fragment_plan *plan, uint16_t index) {
	uint32_t left = plan->payload_size - index * plan->step;
	return left < plan->step ? left : plan->step;
}

static uint32_t offset_of(const struct ip_fragment_plan *plan, uint16_t index) {
	return plan->offset + index * plan->step;
}

static bool is_followed(const struct ip_fragment_plan *plan, uint16_t index) {
	return plan->more || index + 1 < plan->count;
}

uint32_t ip_fragment_size(const struct ip_fragment_plan *plan, uint16_t index) {
	return plan->header_size + extra(plan) + payload_of(plan, index);
}

/* Total size, flags with the offset in units of 8 bytes, checksum: the rest is the packet's. */
static void complete_v4(const struct ip_fragment_plan *plan, uint8_t *header, uint16_t index) {
	uint32_t flags = is_followed(plan, index) ? PACKET_V4_MORE_FRAGMENTS : 0;
	packet_set_u16(header + PACKET_V4_TOTAL_SIZE, (uint16_t)ip_fragment_size(plan, index));
	packet_set_u16(header + PACKET_V4_FRAGMENT,
				   (uint16_t)(flags | (offset_of(plan, index) / UNIT)));
	packet_set_raw_u16(header + PACKET_V4_CHECKSUM, 0);
	uint64_t sum = checksum_add(0, header, plan->header_size);
	packet_set_raw_u16(header + PACKET_V4_CHECKSUM, (uint16_t)~checksum_fold(sum));
}

/*
 *   | IPv6 header 40, next header 44 | next header 1 | 0 | offset 13 bits, zeros 2, more 1 | id 4 |
 */
static void complete_v6(const struct ip_fragment_plan *plan, uint8_t *header, uint16_t index) {
	uint8_t *fragment = header + plan->header_size;
	packet_set_u16(header + PACKET_V6_PAYLOAD_SIZE,
				   (uint16_t)(ip_fragment_size(plan, index) - plan->header_size));
	header[PACKET_V6_NEXT_HEADER] = V6_FRAGMENT;
	fragment[0] = plan->next_header;
	fragment[1] = 0;
	/* A multiple of 8 is the offset in its place already. */
	packet_set_u16(fragment + V6_FRAGMENT_OFFSET,
				   (uint16_t)(offset_of(plan, index) | is_followed(plan, index)));
	packet_set_u32(fragment + V6_FRAGMENT_ID, plan->id);
}

void ip_fragment_make(const struct ip_fragment_plan *plan, uint16_t index, uint8_t *out_fragment) {
	memcpy(out_fragment, plan->header, plan->header_size);
	memcpy(out_fragment + plan->header_size + extra(plan), plan->payload + index * plan->step,
		   payload_of(plan, index));
	if (plan->v6)
		complete_v6(plan, out_fragment, index);
	else
		complete_v4(plan, out_fragment, index);
}
