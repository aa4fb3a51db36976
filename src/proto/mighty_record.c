#include "proto/mighty_record.h"

#include "wire/cursor.h"

enum mighty_record_kind mighty_record_kind(struct slice record) {
	struct reader reader = reader_of(record.data, record.size);
	uint8_t kind = reader_u8(&reader);
	return kind == MIGHTY_RECORD_PEER || kind == MIGHTY_RECORD_HELLO ? kind : 0;
}

static bool is_endpoint(const struct endpoint *endpoint) {
	return endpoint->address.family == ADDRESS_NONE || endpoint->address.family == ADDRESS_V4 ||
		   endpoint->address.family == ADDRESS_V6;
}

enum err mighty_record_decode_peer(struct slice record, struct mighty_record_peer *out_peer) {
	struct reader reader = reader_of(record.data, record.size);
	struct mighty_record_peer peer = {.last_handshake = 0};
	reader_expect(&reader, reader_u8(&reader) == MIGHTY_RECORD_PEER);
	reader_bytes(&reader, peer.identity, sizeof peer.identity);
	peer.last_handshake = reader_u64_be(&reader);
	peer.endpoint.address.family = reader_u8(&reader);
	reader_bytes(&reader, peer.endpoint.address.bytes, sizeof peer.endpoint.address.bytes);
	peer.endpoint.scope_id = reader_u32_be(&reader);
	peer.endpoint.port = reader_u16_be(&reader);
	peer.claimed = reader_u64_be(&reader);
	reader_expect(&reader, is_endpoint(&peer.endpoint));
	enum err error = reader_finish(&reader);
	if (!error)
		*out_peer = peer;
	return error;
}

void mighty_record_encode_peer(const struct mighty_record_peer *peer,
							   uint8_t out_data[static MIGHTY_RECORD_PEER_SIZE]) {
	struct writer writer = writer_of(out_data, MIGHTY_RECORD_PEER_SIZE);
	writer_u8(&writer, MIGHTY_RECORD_PEER);
	writer_bytes(&writer, peer->identity, sizeof peer->identity);
	writer_u64_be(&writer, peer->last_handshake);
	writer_u8(&writer, peer->endpoint.address.family);
	writer_bytes(&writer, peer->endpoint.address.bytes, sizeof peer->endpoint.address.bytes);
	writer_u32_be(&writer, peer->endpoint.scope_id);
	writer_u16_be(&writer, peer->endpoint.port);
	writer_u64_be(&writer, peer->claimed);
}

enum err mighty_record_decode_hello(struct slice record, struct mighty_record_hello *out_hello) {
	struct reader reader = reader_of(record.data, record.size);
	struct mighty_record_hello hello;
	reader_expect(&reader, reader_u8(&reader) == MIGHTY_RECORD_HELLO);
	reader_bytes(&reader, hello.identity, sizeof hello.identity);
	reader_bytes(&reader, hello.instance, sizeof hello.instance);
	hello.time = reader_u64_be(&reader);
	enum err error = reader_finish(&reader);
	if (!error)
		*out_hello = hello;
	return error;
}

void mighty_record_encode_hello(const struct mighty_record_hello *hello,
								uint8_t out_data[static MIGHTY_RECORD_HELLO_SIZE]) {
	struct writer writer = writer_of(out_data, MIGHTY_RECORD_HELLO_SIZE);
	writer_u8(&writer, MIGHTY_RECORD_HELLO);
	writer_bytes(&writer, hello->identity, sizeof hello->identity);
	writer_bytes(&writer, hello->instance, sizeof hello->instance);
	writer_u64_be(&writer, hello->time);
}
