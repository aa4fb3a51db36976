#include "wire/base64url.h"

#include "wire/cursor.h"

enum { BITS = 6, NO_CHARACTER = 64 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static uint32_t value_of(uint8_t character) {
	if (character >= 'A' && character <= 'Z')
		return character - 'A';
	if (character >= 'a' && character <= 'z')
		return character - 'a' + 26u;
	if (character >= '0' && character <= '9')
		return character - '0' + 52u;
	if (character == '-')
		return 62;
	return character == '_' ? 63 : NO_CHARACTER;
}

enum err base64url_encode(struct slice data, char *out_text, size_t room, size_t *out_size) {
	size_t size = BASE64URL_TEXT_SIZE(data.size);
	if (room <= size)
		return ERR_LIMIT;
	struct reader reader = reader_of(data.data, data.size);
	struct writer writer = writer_of(out_text, room);
	uint32_t bits = 0; /* the lowest `held` of them are still to be written */
	unsigned held = 0;
	while (reader_left(&reader) > 0) {
		bits = bits << 8 | reader_u8(&reader);
		for (held += 8; held >= BITS; held -= BITS)
			writer_u8(&writer, (uint8_t)alphabet[bits >> (held - BITS) & 63]);
	}
	if (held > 0)
		writer_u8(&writer, (uint8_t)alphabet[bits << (BITS - held) & 63]);
	writer_u8(&writer, '\0');
	*out_size = size;
	return ERR_OK;
}

/* Whether the encoder would write it: characters, their number, and zeros behind the last byte. */
static bool is_canonical(struct slice text) {
	struct reader reader = reader_of(text.data, text.size);
	uint32_t last = 0;
	while (reader_left(&reader) > 0) {
		last = value_of(reader_u8(&reader));
		if (last == NO_CHARACTER)
			return false;
	}
	switch (text.size % 4) {
	case 0:
		return true;
	case 2:
		return (last & 15) == 0;
	case 3:
		return (last & 3) == 0;
	default:
		return false;
	}
}

enum err base64url_decode(struct slice text, uint8_t *out_data, size_t room, size_t *out_size) {
	if (!is_canonical(text))
		return ERR_MALFORMED;
	size_t size = text.size / 4 * 3 + text.size % 4 * 3 / 4;
	if (size > room)
		return ERR_LIMIT;
	struct reader reader = reader_of(text.data, text.size);
	uint32_t bits = 0; /* the lowest `held` of them are of the next byte */
	unsigned held = 0;
	for (size_t at = 0; reader_left(&reader) > 0;) {
		bits = bits << BITS | value_of(reader_u8(&reader));
		held += BITS;
		if (held >= 8) {
			held -= 8;
			out_data[at++] = (uint8_t)(bits >> held);
		}
	}
	*out_size = size;
	return ERR_OK;
}
