#include "sim/inner.h"

#include <assert.h>
#include <string.h>

#include "engine/packets.h"
#include "wire/virtio.h"

enum { PORT = 4000, STREAM_PORT = 5000, TTL = 64 };

static uint8_t pattern(uint32_t number, size_t at) {
	return (uint8_t)(number * 31 + at * 7 + (at >> 8));
}

void inner_build(const struct inner *inner, uint8_t *out_data) {
	static uint8_t payload[INNER_SIZE_MAX];
	size_t headers = inner->v6 ? INNER_HEADERS_V6 : INNER_HEADERS_V4;
	assert(inner->size >= headers + INNER_PAYLOAD_MIN && inner->size <= INNER_SIZE_MAX);
	size_t size = inner->size - headers;
	packets_put_u32(payload, inner->number);
	for (size_t i = INNER_PAYLOAD_MIN; i < size; i++)
		payload[i] = pattern(inner->number, i);
	const struct packet_spec spec = {
		.v6 = inner->v6,
		.protocol = PACKETS_UDP,
		.ttl = TTL,
		.do_not_fragment = true,
		.source = inner->from,
		.destination = inner->to,
		.source_port = PORT,
		.destination_port = PORT,
	};
	size_t built = packets_build(&spec, payload, size, out_data);
	assert(built == inner->size);
	(void)built;
}

bool inner_read(const uint8_t *data, size_t size, struct inner *out_inner) {
	bool v6 = size > 0 && data[0] >> 4 == 6;
	size_t headers = v6 ? INNER_HEADERS_V6 : INNER_HEADERS_V4;
	if (size < headers + INNER_PAYLOAD_MIN || packets_protocol(data) != PACKETS_UDP ||
		!packets_are_right(data, size))
		return false;
	struct inner inner = {
		.v6 = v6,
		.from = data[v6 ? 23 : 15],
		.to = data[v6 ? 39 : 19],
		.number = packets_u32(data + headers),
		.size = size,
	};
	for (size_t i = INNER_PAYLOAD_MIN; i < size - headers; i++)
		if (data[headers + i] != pattern(inner.number, i))
			return false;
	*out_inner = inner;
	return true;
}

uint8_t inner_stream_byte(uint32_t at) {
	return pattern(at >> 12, at);
}

size_t inner_build_stream(uint8_t from, uint8_t to, uint32_t at, size_t payload, uint16_t segment,
						  uint8_t *out_data) {
	static uint8_t bytes[INNER_SIZE_MAX];
	assert(payload + INNER_STREAM_HEADERS <= INNER_SIZE_MAX);
	for (size_t i = 0; i < payload; i++)
		bytes[i] = inner_stream_byte((uint32_t)(at + i));
	const struct packet_spec spec = {
		.protocol = PACKETS_TCP,
		.ttl = TTL,
		.do_not_fragment = true,
		.source = from,
		.destination = to,
		.source_port = STREAM_PORT,
		.destination_port = STREAM_PORT,
		.sequence = at,
		.flags = 0x10,
		.window = 1000,
	};
	uint8_t *packet = out_data + VIRTIO_HEADER_SIZE;
	size_t size = packets_build(&spec, bytes, payload, packet);
	/* The kernel leaves the checksum to whoever cuts it: the field holds the pseudo header's. */
	packets_put_u16(packet + packets_checksum_offset(packet),
					(uint16_t)packets_pseudo(packet, size));
	const struct virtio_header header = {
		.flags = VIRTIO_NEEDS_CHECKSUM,
		.gso_type = VIRTIO_GSO_TCP_V4,
		.header_size = INNER_STREAM_HEADERS,
		.gso_size = segment,
		.checksum_start = 20,
		.checksum_offset = 16,
	};
	virtio_encode(&header, out_data);
	return VIRTIO_HEADER_SIZE + size;
}
