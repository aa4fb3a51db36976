#include "wire/phaze_packet.h"

#include "wire/cursor.h"
#include "wire/keepalive.h"

/*
 *   0       4             5      6            10           14         16
 *   | PHAZ  | version (1) | type | sequence 4 | session id | length 2 | length bytes
 */
static const uint8_t start[] = {'P', 'H', 'A', 'Z', PHAZE_VERSION};

static bool plain_size_fits(const struct phaze_header *header) {
	const size_t size = PHAZE_HEADER_SIZE + header->length;
	if (header->session_id == 0)
		return size == PHAZE_CLIENT_HELLO_SIZE;
	return size == PHAZE_RETRY_SIZE || size == PHAZE_SERVER_HELLO_SIZE;
}

static bool sealed_size_fits(const struct phaze_header *header) {
	enum { AROUND = AEAD_NONCE_SIZE + AEAD_TAG_SIZE };
	if (header->session_id == 0 || header->length < AROUND)
		return false;
	const size_t inside = header->length - (size_t)AROUND;
	switch (header->type) {
	case PHAZE_DATA:
		return true;
	case PHAZE_HANDSHAKE:
		return inside >= PHAZE_MESSAGE_HEAD_SIZE &&
			   inside <= PHAZE_MESSAGE_HEAD_SIZE + PHAZE_PIECE_SIZE;
	case PHAZE_KEEPALIVE:
		return inside == KEEPALIVE_SIZE;
	case PHAZE_REKEY:
		return inside == PHAZE_REKEY_ASK_SIZE || inside == PHAZE_REKEY_SIZE;
	case PHAZE_CLOSE:
		return inside == PHAZE_CLOSE_SIZE;
	}
	return false;
}

static void read_header(struct reader *reader, struct phaze_header *out_header) {
	uint8_t first[sizeof start];
	reader_bytes(reader, first, sizeof first);
	reader_expect(reader, memcmp(first, start, sizeof start) == 0);
	out_header->type = reader_u8(reader);
	out_header->sequence = reader_u32_be(reader);
	out_header->session_id = reader_u32_be(reader);
	out_header->length = reader_u16_be(reader);
	const bool plain = out_header->type == PHAZE_HANDSHAKE && out_header->sequence == 0;
	reader_expect(reader, plain || out_header->sequence > 0);
	reader_expect(reader, plain ? plain_size_fits(out_header) : sealed_size_fits(out_header));
}

enum err phaze_packet_decode_head(const uint8_t data[static PHAZE_HEADER_SIZE],
								  struct phaze_header *out_header) {
	struct reader reader = reader_of(data, PHAZE_HEADER_SIZE);
	struct phaze_header header;
	read_header(&reader, &header);
	if (!reader.error)
		*out_header = header;
	return reader.error;
}

enum err phaze_packet_decode(const uint8_t *data, size_t size, struct phaze_header *out_header) {
	struct reader reader = reader_of(data, size);
	struct phaze_header header;
	read_header(&reader, &header);
	reader_skip(&reader, header.length);
	enum err error = reader_finish(&reader);
	if (!error)
		*out_header = header;
	return error;
}

static void write_header(struct writer *writer, const struct phaze_header *header) {
	writer_bytes(writer, start, sizeof start);
	writer_u8(writer, (uint8_t)header->type);
	writer_u32_be(writer, header->sequence);
	writer_u32_be(writer, header->session_id);
	writer_u16_be(writer, header->length);
}

void phaze_packet_encode(const struct phaze_header *header,
						 uint8_t out_data[static PHAZE_HEADER_SIZE]) {
	struct writer writer = writer_of(out_data, PHAZE_HEADER_SIZE);
	write_header(&writer, header);
}

void phaze_packet_encode_front(const struct phaze_header *header,
							   const uint8_t nonce[static AEAD_NONCE_SIZE],
							   uint8_t out_data[static PHAZE_FRONT]) {
	struct writer writer = writer_of(out_data, PHAZE_FRONT);
	write_header(&writer, header);
	writer_bytes(&writer, nonce, AEAD_NONCE_SIZE);
}

void phaze_packet_nonce(const uint8_t data[static PHAZE_FRONT],
						uint8_t out_nonce[static AEAD_NONCE_SIZE]) {
	struct reader reader = reader_of(data, PHAZE_FRONT);
	reader_skip(&reader, PHAZE_HEADER_SIZE);
	reader_bytes(&reader, out_nonce, AEAD_NONCE_SIZE);
}

bool phaze_packet_begins(const uint8_t *data, size_t size) {
	return size == 0 || memcmp(data, start, size < sizeof start ? size : sizeof start) == 0;
}

/*
 *   0        1              5            9        41
 *   | kind 1 | generation 4 | session id | key 32 |     kind 0 ends after itself
 */
enum err phaze_packet_decode_rekey(const uint8_t *data, size_t size,
								   struct phaze_rekey_message *out_message) {
	struct reader reader = reader_of(data, size);
	struct phaze_rekey_message message = {.kind = reader_u8(&reader)};
	reader_expect(&reader, message.kind <= PHAZE_REKEY_ANSWER);
	if (message.kind != PHAZE_REKEY_ASK) {
		message.generation = reader_u32_be(&reader);
		message.session_id = reader_u32_be(&reader);
		reader_bytes(&reader, message.key, sizeof message.key);
		reader_expect(&reader, message.generation > 0 && message.session_id != 0);
	}
	enum err error = reader_finish(&reader);
	if (!error)
		*out_message = message;
	return error;
}

void phaze_packet_encode_rekey(const struct phaze_rekey_message *message,
							   uint8_t out_data[static PHAZE_REKEY_SIZE], size_t *out_size) {
	struct writer writer = writer_of(out_data, PHAZE_REKEY_SIZE);
	writer_u8(&writer, (uint8_t)message->kind);
	if (message->kind != PHAZE_REKEY_ASK) {
		writer_u32_be(&writer, message->generation);
		writer_u32_be(&writer, message->session_id);
		writer_bytes(&writer, message->key, sizeof message->key);
	}
	*out_size = writer_size(&writer);
}

/*
 *   0        1
 *   | code 1 |
 */
enum err phaze_packet_decode_close(const uint8_t *data, size_t size,
								   enum phaze_close_code *out_code) {
	struct reader reader = reader_of(data, size);
	const uint8_t code = reader_u8(&reader);
	enum err error = reader_finish(&reader);
	if (!error)
		*out_code = code <= PHAZE_CLOSE_REPLACED ? code : PHAZE_CLOSE_DONE;
	return error;
}

void phaze_packet_encode_close(enum phaze_close_code code,
							   uint8_t out_data[static PHAZE_CLOSE_SIZE]) {
	struct writer writer = writer_of(out_data, PHAZE_CLOSE_SIZE);
	writer_u8(&writer, (uint8_t)code);
}
