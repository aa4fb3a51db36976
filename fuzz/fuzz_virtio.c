/* A header that decodes encodes to the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/virtio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct virtio_header header;
	uint8_t again[VIRTIO_HEADER_SIZE];
	if (size < VIRTIO_HEADER_SIZE || virtio_decode(data, &header))
		return 0;
	if (header.gso_type & VIRTIO_GSO_ECN)
		abort();
	virtio_encode(&header, again);
	if (memcmp(again, data, sizeof again) != 0)
		abort();
	return 0;
}
