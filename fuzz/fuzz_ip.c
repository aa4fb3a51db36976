/* What a packet is said to have lies inside it. */
#include <stdbool.h>
#include <stdint.h>

#include "expect.h"
#include "wire/checksum.h"
#include "wire/ip.h"

/* Behind the fixed fields, inside the header. */
static void check_inside(const uint8_t *data, size_t header_size, const uint8_t *at, size_t size) {
	expect(at > data && (size_t)(at - data) + size <= header_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct ip_packet packet = {.size = 4711};
	if (ip_parse(data, size, &packet)) {
		expect(packet.size == 4711);
		return 0;
	}
	expect(packet.family == data[0] >> 4);
	expect(packet.size <= size && packet.header_size <= packet.size);
	size_t address_size = packet.family == ADDRESS_V4 ? ADDRESS_V4_SIZE : ADDRESS_V6_SIZE;
	check_inside(data, packet.header_size, packet.source, address_size);
	check_inside(data, packet.header_size, packet.destination, address_size);
	expect(packet.destination == packet.source + address_size);

	/* Cut to its own length it is the same packet, and one byte less is truncated. */
	struct ip_packet cut;
	expect(!ip_parse(data, packet.size, &cut) && cut.size == packet.size);
	expect(ip_parse(data, packet.size - 1, &cut) == ERR_TRUNCATED);

	/* Nothing that a checksum of it reads lies outside (for the sanitizers to see). */
	uint64_t sum = checksum_pseudo(data, packet.protocol, packet.size - packet.header_size);
	sum = checksum_add(sum, data + packet.header_size, packet.size - packet.header_size);
	expect(checksum_fold(sum) == checksum_fold(checksum_fold(sum)));
	return 0;
}
