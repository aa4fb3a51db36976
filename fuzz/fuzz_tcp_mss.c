/* What is lowered was larger, is not lowered again, and nothing else than it and the sum changes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/ip.h"
#include "wire/tcp_mss.h"

enum { PACKET_MAX = 2048, MTU = 1280, CHANGED_MAX = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size > PACKET_MAX)
		return 0;
	/* Of just that size, so that a byte too far is noticed. */
	uint8_t *packet = malloc(size ? size : 1);
	if (!packet)
		return 0;
	memcpy(packet, data, size);
	bool changed = tcp_mss_clamp(packet, size, MTU);
	size_t different = 0;
	for (size_t i = 0; i < size; i++)
		different += packet[i] != data[i];
	if (different > CHANGED_MAX || (!changed && different > 0))
		abort();
	struct ip_packet ip;
	if (changed && (ip_parse(packet, size, &ip) || tcp_mss_clamp(packet, size, MTU)))
		abort();
	free(packet);
	return 0;
}
