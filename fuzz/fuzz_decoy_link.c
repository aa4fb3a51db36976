/* A message that decodes encodes to the same bytes. The first byte: which end it is for. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "wire/decoy_link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static uint8_t again[DECOY_LINK_MESSAGE_MAX];
	if (size < 1)
		return 0;
	struct decoy_link_message message;
	size_t encoded = 0;
	if (decoy_link_decode(data[0] & 1 ? DECOY_LINK_NET : DECOY_LINK_SITE, data + 1, size - 1,
						  &message))
		return 0;
	expect(message.bytes.size <= DECOY_LINK_DATA_MAX);
	expect(!decoy_link_encode(&message, again, sizeof again, &encoded));
	expect(encoded == size - 1 && memcmp(again, data + 1, encoded) == 0);
	return 0;
}
