#include "wire/phantom_hello.h"

#include "base/wipe.h"
#include "wire/cursor.h"

/*
 *  0               1               2                          10
 * +---------------+---------------+---------------------------+-------------------------+---------
 * |  version (1)  |     flags     |  timestamp, ms since 1970 |  random (16 bytes)      | padding
 * +---------------+---------------+---------------------------+-------------------------+---------
 *                                                                                       26
 */
enum {
	FLAG_PADDING = 1 << 0,
	FLAGS_KNOWN = FLAG_PADDING, /* bit 1, compression, is reserved; it and all others are 0 */
};

enum err phantom_hello_encode(const struct phantom_hello *hello, size_t padding_size,
							  uint8_t *out_data, size_t room, size_t *out_size,
							  uint8_t **out_padding) {
	if (padding_size > PHANTOM_HELLO_PADDING_MAX)
		return ERR_INVALID;
	struct writer writer = writer_of(out_data, room);
	writer_u8(&writer, PHANTOM_VERSION);
	writer_u8(&writer, hello->padding_enabled ? FLAG_PADDING : 0);
	writer_u64_be(&writer, hello->timestamp);
	writer_bytes(&writer, hello->random, sizeof hello->random);
	uint8_t *padding = writer.at;
	writer_zeros(&writer, padding_size);
	enum err error = writer_finish(&writer, out_size);
	if (!error)
		*out_padding = padding;
	return error;
}

enum err phantom_hello_decode(struct slice data, struct phantom_hello *out_hello) {
	if (data.size > PHANTOM_HELLO_SIZE_MAX)
		return ERR_LIMIT;
	struct phantom_hello hello = {0};
	struct reader reader = reader_of(data.data, data.size);
	uint8_t version = reader_u8(&reader), flags = reader_u8(&reader);
	hello.padding_enabled = flags & FLAG_PADDING;
	hello.timestamp = reader_u64_be(&reader);
	reader_bytes(&reader, hello.random, sizeof hello.random);
	reader_skip(&reader, reader_left(&reader));
	if (!reader.error && version != PHANTOM_VERSION)
		reader_fail(&reader, ERR_UNSUPPORTED);
	reader_expect(&reader, (flags & ~FLAGS_KNOWN) == 0);
	enum err error = reader_finish(&reader);
	if (!error)
		*out_hello = hello;
	return error;
}

/*
 * +-------------------------------+---------------+---------------+------------------------+
 * |       "PHTN"  (4 bytes)       |  version (1)  |    carrier    |  exporter (32 bytes)   |
 * +-------------------------------+---------------+---------------+------------------------+
 */
enum err phantom_prologue(enum phantom_carrier carrier,
						  const uint8_t exporter[static PHANTOM_EXPORTER_SIZE],
						  uint8_t out_prologue[static PHANTOM_PROLOGUE_SIZE]) {
	bool bound = false;
	switch (carrier) {
	case PHANTOM_CARRIER_TLS:
	case PHANTOM_CARRIER_QUIC:
		if (wipe_is_zero(exporter, PHANTOM_EXPORTER_SIZE))
			return ERR_INVALID;
		bound = true;
		break;
	case PHANTOM_CARRIER_WS:
	case PHANTOM_CARRIER_DNS:
		break;
	default:
		return ERR_INVALID;
	}
	struct writer writer = writer_of(out_prologue, PHANTOM_PROLOGUE_SIZE);
	writer_bytes(&writer, PHANTOM_MAGIC, PHANTOM_MAGIC_SIZE);
	writer_u8(&writer, PHANTOM_VERSION);
	writer_u8(&writer, (uint8_t)carrier);
	if (bound)
		writer_bytes(&writer, exporter, PHANTOM_EXPORTER_SIZE);
	else
		writer_zeros(&writer, PHANTOM_EXPORTER_SIZE);
	return writer.error;
}
