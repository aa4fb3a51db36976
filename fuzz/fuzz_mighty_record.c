/* Records of the last run: decoded, and encoded again to the same bytes. */
#include <string.h>

#include "expect.h"
#include "proto/mighty_record.h"

static void check_peer(struct slice record) {
	struct mighty_record_peer peer;
	uint8_t encoded[MIGHTY_RECORD_PEER_SIZE];
	if (mighty_record_decode_peer(record, &peer))
		return;
	expect(mighty_record_kind(record) == MIGHTY_RECORD_PEER && record.size == sizeof encoded);
	mighty_record_encode_peer(&peer, encoded);
	expect(memcmp(encoded, record.data, sizeof encoded) == 0);
}

static void check_hello(struct slice record) {
	struct mighty_record_hello hello;
	uint8_t encoded[MIGHTY_RECORD_HELLO_SIZE];
	if (mighty_record_decode_hello(record, &hello))
		return;
	expect(mighty_record_kind(record) == MIGHTY_RECORD_HELLO && record.size == sizeof encoded);
	mighty_record_encode_hello(&hello, encoded);
	expect(memcmp(encoded, record.data, sizeof encoded) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	check_peer(slice_of(data, size));
	check_hello(slice_of(data, size));
	return 0;
}
