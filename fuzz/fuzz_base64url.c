/* Any text: what decodes is what the encoder writes, and any bytes come back from their text. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "wire/base64url.h"

enum { ROOM = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static uint8_t bytes[ROOM];
	static char text[ROOM];
	size_t bytes_size, text_size;
	if (size > ROOM / 2)
		return 0;
	if (!base64url_decode(slice_of(data, size), bytes, sizeof bytes, &bytes_size)) {
		expect(bytes_size == BASE64URL_DATA_SIZE(size));
		expect(!base64url_encode(slice_of(bytes, bytes_size), text, sizeof text, &text_size));
		expect(text_size == size && text[size] == '\0');
		expect(size == 0 || memcmp(text, data, size) == 0);
	}
	expect(!base64url_encode(slice_of(data, size), text, sizeof text, &text_size));
	expect(!base64url_decode(slice_of(text, text_size), bytes, sizeof bytes, &bytes_size));
	expect(bytes_size == size && (size == 0 || memcmp(bytes, data, size) == 0));
	return 0;
}
