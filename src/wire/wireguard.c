#include "wire/wireguard.h"

#include "wire/cursor.h"

/*
 * Decoders and encoders of a message stand side by side under its diagram: offsets and sizes in
 * bytes, integers little-endian. The first word of all is the type and three zero bytes.
 */

static void read_type(struct reader *reader, enum wireguard_type type) {
	reader_expect(reader, reader_u32_le(reader) == type);
}

static void write_type(struct writer *writer, enum wireguard_type type) {
	writer_u32_le(writer, type);
}

enum wireguard_type wireguard_classify(const uint8_t *data, size_t size) {
	struct reader reader = reader_of(data, size);
	enum wireguard_type type = reader_u32_le(&reader);
	switch (type) {
	case WIREGUARD_INITIATION:
		return size == WIREGUARD_INITIATION_SIZE ? type : 0;
	case WIREGUARD_RESPONSE:
		return size == WIREGUARD_RESPONSE_SIZE ? type : 0;
	case WIREGUARD_COOKIE_REPLY:
		return size == WIREGUARD_COOKIE_REPLY_SIZE ? type : 0;
	case WIREGUARD_DATA:
		return size >= WIREGUARD_DATA_OVERHEAD ? type : 0;
	}
	return 0;
}

/*
 *   0        4        8           40             88                116      132      148
 *   | type 4 | sender | ephemeral | static 32+16 | timestamp 12+16 | mac1 16 | mac2 16 |
 */
enum err wireguard_decode_initiation(const uint8_t *data, size_t size,
									 struct wireguard_initiation *out) {
	struct reader reader = reader_of(data, size);
	struct wireguard_initiation message;
	read_type(&reader, WIREGUARD_INITIATION);
	message.sender = reader_u32_le(&reader);
	reader_bytes(&reader, message.ephemeral, sizeof message.ephemeral);
	reader_bytes(&reader, message.sealed_static, sizeof message.sealed_static);
	reader_bytes(&reader, message.sealed_timestamp, sizeof message.sealed_timestamp);
	reader_bytes(&reader, message.mac1, sizeof message.mac1);
	reader_bytes(&reader, message.mac2, sizeof message.mac2);
	enum err error = reader_finish(&reader);
	if (!error)
		*out = message;
	return error;
}

void wireguard_encode_initiation(const struct wireguard_initiation *message,
								 uint8_t out_data[static WIREGUARD_INITIATION_SIZE]) {
	struct writer writer = writer_of(out_data, WIREGUARD_INITIATION_SIZE);
	write_type(&writer, WIREGUARD_INITIATION);
	writer_u32_le(&writer, message->sender);
	writer_bytes(&writer, message->ephemeral, sizeof message->ephemeral);
	writer_bytes(&writer, message->sealed_static, sizeof message->sealed_static);
	writer_bytes(&writer, message->sealed_timestamp, sizeof message->sealed_timestamp);
	writer_bytes(&writer, message->mac1, sizeof message->mac1);
	writer_bytes(&writer, message->mac2, sizeof message->mac2);
}

/*
 *   0        4        8          12          44           60        76        92
 *   | type 4 | sender | receiver | ephemeral | empty 0+16 | mac1 16 | mac2 16 |
 */
enum err wireguard_decode_response(const uint8_t *data, size_t size,
								   struct wireguard_response *out) {
	struct reader reader = reader_of(data, size);
	struct wireguard_response message;
	read_type(&reader, WIREGUARD_RESPONSE);
	message.sender = reader_u32_le(&reader);
	message.receiver = reader_u32_le(&reader);
	reader_bytes(&reader, message.ephemeral, sizeof message.ephemeral);
	reader_bytes(&reader, message.sealed_empty, sizeof message.sealed_empty);
	reader_bytes(&reader, message.mac1, sizeof message.mac1);
	reader_bytes(&reader, message.mac2, sizeof message.mac2);
	enum err error = reader_finish(&reader);
	if (!error)
		*out = message;
	return error;
}

void wireguard_encode_response(const struct wireguard_response *message,
							   uint8_t out_data[static WIREGUARD_RESPONSE_SIZE]) {
	struct writer writer = writer_of(out_data, WIREGUARD_RESPONSE_SIZE);
	write_type(&writer, WIREGUARD_RESPONSE);
	writer_u32_le(&writer, message->sender);
	writer_u32_le(&writer, message->receiver);
	writer_bytes(&writer, message->ephemeral, sizeof message->ephemeral);
	writer_bytes(&writer, message->sealed_empty, sizeof message->sealed_empty);
	writer_bytes(&writer, message->mac1, sizeof message->mac1);
	writer_bytes(&writer, message->mac2, sizeof message->mac2);
}

/*
 *   0        4          8          32             64
 *   | type 4 | receiver | nonce 24 | cookie 16+16 |
 */
enum err wireguard_decode_cookie_reply(const uint8_t *data, size_t size,
									   struct wireguard_cookie_reply *out) {
	struct reader reader = reader_of(data, size);
	struct wireguard_cookie_reply message;
	read_type(&reader, WIREGUARD_COOKIE_REPLY);
	message.receiver = reader_u32_le(&reader);
	reader_bytes(&reader, message.nonce, sizeof message.nonce);
	reader_bytes(&reader, message.sealed_cookie, sizeof message.sealed_cookie);
	enum err error = reader_finish(&reader);
	if (!error)
		*out = message;
	return error;
}

void wireguard_encode_cookie_reply(const struct wireguard_cookie_reply *message,
								   uint8_t out_data[static WIREGUARD_COOKIE_REPLY_SIZE]) {
	struct writer writer = writer_of(out_data, WIREGUARD_COOKIE_REPLY_SIZE);
	write_type(&writer, WIREGUARD_COOKIE_REPLY);
	writer_u32_le(&writer, message->receiver);
	writer_bytes(&writer, message->nonce, sizeof message->nonce);
	writer_bytes(&writer, message->sealed_cookie, sizeof message->sealed_cookie);
}

/*
 *   0        4          8           16                 32 + n
 *   | type 4 | receiver | counter 8 | packet n + tag 16 |
 *
 * Senders pad packets to 16 bytes, receivers take any size. The sealed packet is the caller's.
 */
enum err wireguard_decode_data(const uint8_t *data, size_t size, struct wireguard_data *out) {
	struct reader reader = reader_of(data, size);
	struct wireguard_data message;
	read_type(&reader, WIREGUARD_DATA);
	message.receiver = reader_u32_le(&reader);
	message.counter = reader_u64_le(&reader);
	reader_skip(&reader, AEAD_TAG_SIZE);
	reader_skip(&reader, reader_left(&reader));
	enum err error = reader_finish(&reader);
	if (!error)
		*out = message;
	return error;
}

void wireguard_encode_data(const struct wireguard_data *message,
						   uint8_t out_data[static WIREGUARD_DATA_HEADER_SIZE]) {
	struct writer writer = writer_of(out_data, WIREGUARD_DATA_HEADER_SIZE);
	write_type(&writer, WIREGUARD_DATA);
	writer_u32_le(&writer, message->receiver);
	writer_u64_le(&writer, message->counter);
}

uint32_t wireguard_receiver(const uint8_t *data, size_t size) {
	struct reader reader = reader_of(data, size);
	switch (reader_u32_le(&reader)) {
	case WIREGUARD_RESPONSE:
		reader_skip(&reader, 4); /* sender */
		return reader_u32_le(&reader);
	case WIREGUARD_COOKIE_REPLY:
	case WIREGUARD_DATA:
		return reader_u32_le(&reader);
	default:
		return 0;
	}
}

void wireguard_data_nonce(uint64_t counter, uint8_t out_nonce[static AEAD_NONCE_SIZE]) {
	struct writer writer = writer_of(out_nonce, AEAD_NONCE_SIZE);
	writer_u32_le(&writer, 0);
	writer_u64_le(&writer, counter);
}
