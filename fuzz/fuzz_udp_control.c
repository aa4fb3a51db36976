/* Hostile control buffers; and what is built from what was read must read the same again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "transport/udp/udp_control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct udp_control control, again;
	udp_control_parse(data, size, &control);
	if (!control.has_drops && control.drops != 0)
		abort();
	if (control.to.address.family == ADDRESS_NONE && control.to.interface != 0)
		abort();

	struct udp_control_buffer buffer;
	size_t built = udp_control_build(&control.to, (uint16_t)control.segment_size, &buffer);
	if (built > sizeof buffer.bytes)
		abort();
	udp_control_parse(buffer.bytes, built, &again);
	if (!address_equal(&again.to.address, &control.to.address) ||
		again.to.interface != control.to.interface)
		abort();

	/* Every shorter buffer is fine, too: a copy of exact size lets a sanitizer see one byte more.
	 */
	size_t shorter = size > 0 ? size - 1 : 0;
	uint8_t *copy = malloc(shorter > 0 ? shorter : 1);
	if (!copy)
		return 0;
	if (shorter > 0)
		memcpy(copy, data, shorter);
	udp_control_parse(copy, shorter, &again);
	free(copy);
	return 0;
}
