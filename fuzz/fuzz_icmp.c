/* The answer to a packet is a packet that nobody answers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/icmp.h"
#include "wire/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	uint8_t answer[ICMP_ANSWER_MAX], second[ICMP_ANSWER_MAX];
	size_t made;
	struct ip_packet ip;
	if (icmp_too_big(data, size, 1280, answer, &made))
		return 0;
	if (made > sizeof answer || ip_parse(answer, made, &ip) || ip.size != made)
		abort();
	if (icmp_too_big(answer, made, 1280, second, &made) != ERR_UNSUPPORTED)
		abort();
	return 0;
}
