/*
 * A virtio header and the bytes of a packet: never out of bounds, all of a phase whole at the same
 * time, every payload byte in exactly one packet, and everything put back in the end.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/segment.h"
#include "expect.h"
#include "wire/ip.h"

static struct segment_plan plan;

/* A taken packet has its payload from the right place, and a length that is its own. */
static void check_packet(uint16_t index, const uint8_t *packet, const uint8_t *data,
						 const uint8_t *original, size_t size, uint8_t padding) {
	size_t packet_size = segment_size(&plan, index);
	expect(packet >= data && packet + packet_size <= data + size);
	expect(packet_size > plan.headers || plan.headers == 0);
	size_t payload_at = plan.headers + (size_t)index * plan.payload;
	expect(memcmp(packet + plan.headers, original + payload_at, packet_size - plan.headers) == 0);
	for (uint8_t i = 0; i < padding; i++)
		expect(packet[packet_size + i] == 0);
	if (plan.headers > 0) {
		struct ip_packet parsed;
		expect(ip_parse(packet, packet_size, &parsed) == ERR_OK);
		expect(parsed.size == packet_size && !parsed.fragment);
	}
}

static void cut(uint8_t *data, size_t size, const uint8_t *original, uint8_t padding) {
	uint8_t *places[SEGMENT_COUNT_MAX];
	size_t payload = 0;
	expect(plan.count >= 1 && plan.count <= SEGMENT_COUNT_MAX && plan.phases >= 1);
	for (uint16_t phase = 0; phase < plan.phases; phase++) {
		for (uint16_t i = phase; i < plan.count; i = (uint16_t)(i + plan.phases))
			places[i] = segment_take(&plan, i, padding);
		for (uint16_t i = phase; i < plan.count; i = (uint16_t)(i + plan.phases)) {
			check_packet(i, places[i], data, original, size, padding);
			payload += segment_size(&plan, i) - (size_t)plan.headers;
		}
		for (uint16_t i = phase; i < plan.count; i = (uint16_t)(i + plan.phases))
			segment_restore(&plan, i);
		expect(memcmp(data, original, size + SEGMENT_PADDING_MAX) == 0);
	}
	expect(payload + plan.headers == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t input_size) {
	struct virtio_header header;
	if (input_size < VIRTIO_HEADER_SIZE + 1 || virtio_decode(input, &header) != ERR_OK)
		return 0;
	uint8_t padding = input[VIRTIO_HEADER_SIZE] % (SEGMENT_PADDING_MAX + 1);
	input += VIRTIO_HEADER_SIZE + 1;
	size_t size = input_size - VIRTIO_HEADER_SIZE - 1;
	uint8_t *data = malloc(size + SEGMENT_PADDING_MAX);
	uint8_t *original = malloc(size + SEGMENT_PADDING_MAX);
	if (data && original) {
		memcpy(data, input, size);
		memset(data + size, 0xb7, SEGMENT_PADDING_MAX);
		memcpy(original, data, size + SEGMENT_PADDING_MAX);
		if (segment_plan(&header, data, size, &plan) == ERR_OK) {
			if (plan.headers == 0) /* its checksum was completed for good */
				memcpy(original, data, size);
			cut(data, size, original, padding);
		} else {
			expect(memcmp(data, original, size + SEGMENT_PADDING_MAX) == 0);
		}
	}
	free(data);
	free(original);
	return 0;
}
