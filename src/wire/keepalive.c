#include "wire/keepalive.h"

#include "wire/cursor.h"

/*
 *   0        1         9
 *   | kind 1 | bytes 8 |
 */
enum err keepalive_decode(const uint8_t *data, size_t size, struct keepalive *out_keepalive) {
	struct reader reader = reader_of(data, size);
	struct keepalive keepalive = {.kind = reader_u8(&reader)};
	reader_expect(&reader, keepalive.kind <= KEEPALIVE_PONG);
	reader_bytes(&reader, keepalive.bytes, sizeof keepalive.bytes);
	enum err error = reader_finish(&reader);
	if (!error)
		*out_keepalive = keepalive;
	return error;
}

void keepalive_encode(const struct keepalive *keepalive, uint8_t out_data[static KEEPALIVE_SIZE]) {
	struct writer writer = writer_of(out_data, KEEPALIVE_SIZE);
	writer_u8(&writer, (uint8_t)keepalive->kind);
	writer_bytes(&writer, keepalive->bytes, sizeof keepalive->bytes);
}
