/* Fragments are packets, none too large, and together as long as what was cut. */
#include <stdint.h>
#include <stdlib.h>

#include "wire/ip.h"
#include "wire/ip_fragment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static uint8_t fragment[65536];
	struct ip_fragment_plan plan;
	if (size < 1)
		return 0;
	uint32_t limit = IP_FRAGMENT_LIMIT_MIN + data[0];
	if (ip_fragment_plan(data + 1, size - 1, limit, 7, &plan))
		return 0;
	uint32_t sum = 0, overhead = plan.header_size + (plan.v6 ? 8 : 0);
	for (uint16_t i = 0; i < plan.count; i++) {
		struct ip_packet ip;
		uint32_t made = ip_fragment_size(&plan, i);
		if (made > limit)
			abort();
		ip_fragment_make(&plan, i, fragment);
		if (ip_parse(fragment, made, &ip) || ip.size != made)
			abort();
		sum += made - overhead;
	}
	if (sum != plan.payload_size)
		abort();
	return 0;
}
