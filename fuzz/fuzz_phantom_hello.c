/* Any bytes as a hello: what decodes is encoded to the same bytes, but for its padding. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "wire/phantom_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct phantom_hello hello, before;
	memset(&hello, 0xa5, sizeof hello);
	memcpy(&before, &hello, sizeof hello);
	if (phantom_hello_decode(slice_of(data, size), &hello)) {
		expect(memcmp(&hello, &before, sizeof hello) == 0);
		return 0;
	}
	uint8_t again[PHANTOM_HELLO_SIZE_MAX], *padding;
	size_t again_size;
	expect(!phantom_hello_encode(&hello, size - PHANTOM_HELLO_SIZE_MIN, again, sizeof again,
								 &again_size, &padding));
	expect(again_size == size && padding == again + PHANTOM_HELLO_SIZE_MIN);
	expect(memcmp(again, data, PHANTOM_HELLO_SIZE_MIN) == 0);
	return 0;
}
