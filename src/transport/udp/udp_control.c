#include "transport/udp/udp_control.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

static void parse_packet_info_v4(const uint8_t *data, size_t size, struct udp_source *out) {
	struct in_pktinfo info;
	if (size < sizeof info)
		return;
	memcpy(&info, data, sizeof info);
	out->address = address_from_bytes(ADDRESS_V4, (const uint8_t *)&info.ipi_spec_dst);
	out->interface = (uint32_t)info.ipi_ifindex;
}

static void parse_packet_info_v6(const uint8_t *data, size_t size, struct udp_source *out) {
	struct in6_pktinfo info;
	if (size < sizeof info)
		return;
	memcpy(&info, data, sizeof info);
	out->address = address_from_bytes(ADDRESS_V6, info.ipi6_addr.s6_addr);
	out->interface = (uint32_t)info.ipi6_ifindex;
}

/* The kernel gives an int; the man page's uint16_t is accepted, too. */
static void parse_segment_size(const uint8_t *data, size_t size, struct udp_control *out) {
	uint16_t narrow;
	int wide;
	if (size >= sizeof wide) {
		memcpy(&wide, data, sizeof wide);
		out->segment_size = wide > 0 ? (uint32_t)wide : 0;
	} else if (size >= sizeof narrow) {
		memcpy(&narrow, data, sizeof narrow);
		out->segment_size = narrow;
	}
}

static void parse_one(const struct cmsghdr *header, const uint8_t *data, size_t size,
					  struct udp_control *out) {
	if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
		parse_packet_info_v4(data, size, &out->to);
	} else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
		parse_packet_info_v6(data, size, &out->to);
	} else if (header->cmsg_level == SOL_UDP && header->cmsg_type == UDP_GRO) {
		parse_segment_size(data, size, out);
	} else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SO_RXQ_OVFL &&
			   size >= sizeof out->drops) {
		memcpy(&out->drops, data, sizeof out->drops);
		out->has_drops = true;
	}
}

void udp_control_parse(const uint8_t *data, size_t size, struct udp_control *out_control) {
	struct udp_control control = {.segment_size = 0};
	while (size >= CMSG_LEN(0)) {
		struct cmsghdr header;
		memcpy(&header, data, sizeof header);
		if (header.cmsg_len < CMSG_LEN(0) || header.cmsg_len > size)
			break;
		parse_one(&header, data + CMSG_LEN(0), header.cmsg_len - CMSG_LEN(0), &control);
		size_t step = CMSG_ALIGN(header.cmsg_len); /* the last one may come without its padding */
		if (step > size)
			break;
		data += step;
		size -= step;
	}
	*out_control = control;
}

static size_t append(struct udp_control_buffer *buffer, size_t at, int level, int type,
					 const void *data, size_t size) {
	struct cmsghdr header = {
		.cmsg_level = level, .cmsg_type = type, .cmsg_len = (socklen_t)CMSG_LEN(size)};
	memcpy(buffer->bytes + at, &header, sizeof header);
	memcpy(buffer->bytes + at + CMSG_LEN(0), data, size);
	return at + CMSG_SPACE(size);
}

size_t udp_control_build(const struct udp_source *from, uint16_t segment_size,
						 struct udp_control_buffer *out_buffer) {
	size_t size = 0;
	memset(out_buffer, 0, sizeof *out_buffer);
	if (from && from->address.family == ADDRESS_V4) {
		struct in_pktinfo info = {.ipi_ifindex = (int)from->interface};
		memcpy(&info.ipi_spec_dst, from->address.bytes, sizeof info.ipi_spec_dst);
		size = append(out_buffer, size, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
	} else if (from && from->address.family == ADDRESS_V6) {
		struct in6_pktinfo info = {.ipi6_ifindex = from->interface};
		memcpy(&info.ipi6_addr, from->address.bytes, sizeof info.ipi6_addr);
		size = append(out_buffer, size, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
	}
	if (segment_size > 0)
		size = append(out_buffer, size, SOL_UDP, UDP_SEGMENT, &segment_size, sizeof segment_size);
	return size;
}
