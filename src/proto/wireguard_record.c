#include "proto/wireguard_record.h"

#include "wire/cursor.h"

bool wireguard_record_is_peer(struct slice record) {
	return record.size > 0 && record.data[0] == WIREGUARD_RECORD_PEER;
}

enum err wireguard_record_decode_peer(struct slice record, struct wireguard_record_peer *out_peer) {
	struct reader reader = reader_of(record.data, record.size);
	struct wireguard_record_peer peer = {.last_handshake = 0};
	reader_skip(&reader, 1);
	reader_bytes(&reader, peer.public_key, sizeof peer.public_key);
	peer.last_handshake = reader_u64_be(&reader);
	peer.endpoint.address.family = reader_u8(&reader);
	reader_bytes(&reader, peer.endpoint.address.bytes, sizeof peer.endpoint.address.bytes);
	peer.endpoint.scope_id = reader_u32_be(&reader);
	peer.endpoint.port = reader_u16_be(&reader);
	reader_bytes(&reader, peer.timestamp, sizeof peer.timestamp);
	peer.claimed = reader_u64_be(&reader);
	enum err error = reader_finish(&reader);
	if (error != ERR_OK)
		return error;
	switch (peer.endpoint.address.family) {
	case ADDRESS_NONE:
	case ADDRESS_V4:
	case ADDRESS_V6:
		*out_peer = peer;
		return ERR_OK;
	default:
		return ERR_MALFORMED;
	}
}

void wireguard_record_encode_peer(const struct wireguard_record_peer *peer,
								  uint8_t out_data[static WIREGUARD_RECORD_PEER_SIZE]) {
	struct writer writer = writer_of(out_data, WIREGUARD_RECORD_PEER_SIZE);
	writer_u8(&writer, WIREGUARD_RECORD_PEER);
	writer_bytes(&writer, peer->public_key, sizeof peer->public_key);
	writer_u64_be(&writer, peer->last_handshake);
	writer_u8(&writer, peer->endpoint.address.family);
	writer_bytes(&writer, peer->endpoint.address.bytes, sizeof peer->endpoint.address.bytes);
	writer_u32_be(&writer, peer->endpoint.scope_id);
	writer_u16_be(&writer, peer->endpoint.port);
	writer_bytes(&writer, peer->timestamp, sizeof peer->timestamp);
	writer_u64_be(&writer, peer->claimed);
}
