/* Records of the last run: decoded, and encoded again to the same bytes. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "expect.h"
#include "proto/wireguard_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct slice record = slice_of(data, size);
	expect(wireguard_record_is_peer(record) == (size > 0 && data[0] == WIREGUARD_RECORD_PEER));
	struct wireguard_record_peer peer, before;
	memset(&peer, 0xa5, sizeof peer);
	memcpy(&before, &peer, sizeof peer);
	if (wireguard_record_decode_peer(record, &peer) != ERR_OK) {
		expect(memcmp(&peer, &before, sizeof peer) == 0);
		return 0;
	}
	expect(size == WIREGUARD_RECORD_PEER_SIZE);
	uint8_t encoded[WIREGUARD_RECORD_PEER_SIZE];
	wireguard_record_encode_peer(&peer, encoded);
	expect(encoded[0] == WIREGUARD_RECORD_PEER);
	expect(memcmp(encoded + 1, data + 1, size - 1) == 0);
	return 0;
}
