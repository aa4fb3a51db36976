#include "ctl/percent.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* The byte that stands at the position, and how many characters it takes; 0: nothing good. */
static size_t decode_byte(struct slice encoded, size_t at, uint8_t *out_byte) {
	uint8_t byte = encoded.data[at];
	size_t size = 1;
	if (byte == '%') {
		size = 3;
		if (encoded.size - at < size ||
			text_hex_decode((const char *)encoded.data + at + 1, 2, &byte, 1))
			return 0;
	}
	if (byte < 0x20 || byte == 0x7f)
		return 0;
	*out_byte = byte;
	return size;
}

enum err percent_decode(struct slice encoded, char *out_text, size_t capacity) {
	uint8_t byte = 0;
	size_t size = 0, step;
	for (size_t i = 0; i < encoded.size; i += step, size++) {
		step = decode_byte(encoded, i, &byte);
		if (step == 0)
			return ERR_MALFORMED;
	}
	if (size >= capacity)
		return ERR_LIMIT;
	for (size_t i = 0; i < encoded.size; i += step) {
		step = decode_byte(encoded, i, &byte);
		*out_text++ = (char)byte;
	}
	*out_text = '\0';
	return ERR_OK;
}

static bool is_plain(char c) {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
		   c == '.' || c == '_' || c == '~';
}

enum err percent_encode(const char *text, char *out_encoded, size_t capacity) {
	static const char digits[] = "0123456789ABCDEF";
	size_t size = 1; /* the NUL */
	for (const char *c = text; *c; c++)
		size += is_plain(*c) ? 1 : 3;
	if (size > capacity)
		return ERR_LIMIT;
	for (const char *c = text; *c; c++) {
		uint8_t byte = (uint8_t)*c;
		if (is_plain(*c)) {
			*out_encoded++ = *c;
			continue;
		}
		*out_encoded++ = '%';
		*out_encoded++ = digits[byte >> 4];
		*out_encoded++ = digits[byte & 15];
	}
	*out_encoded = '\0';
	return ERR_OK;
}
