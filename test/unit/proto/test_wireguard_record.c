#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/device_record.h"
#include "proto/wireguard_record.h"

static const uint8_t bytes[WIREGUARD_RECORD_PEER_SIZE] = {
	2,    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,   11,   12,   13, 14, 15, 16,
	17,   18,   19,   20,   21,   22,   23,   24,   25,   26,   27,   28,   29,   30, 31, 32, 0x01,
	0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 6,    0xfe, 0x80, 0,    0,    0,    0,  0,  0,  0,
	0,    0,    0,    0,    0,    0,    9,    0xa1, 0xa2, 0xa3, 0xa4, 0xc8, 0xd5, 61, 62, 63, 64,
	65,   66,   67,   68,   69,   70,   71,   72,   1,    2,    3,    4,    5,    6,  7,  8,
};

static void test_known(void **state) {
	struct wireguard_record_peer peer;
	assert_int_equal(wireguard_record_decode_peer(slice_of(bytes, sizeof bytes), &peer), ERR_OK);
	for (uint8_t i = 0; i < 32; i++)
		assert_int_equal(peer.public_key[i], i + 1);
	assert_true(peer.last_handshake == UINT64_C(0x0102030405060708));
	assert_int_equal(peer.endpoint.address.family, ADDRESS_V6);
	assert_int_equal(peer.endpoint.address.bytes[0], 0xfe);
	assert_int_equal(peer.endpoint.address.bytes[15], 9);
	assert_int_equal(peer.endpoint.scope_id, UINT32_C(0xa1a2a3a4));
	assert_int_equal(peer.endpoint.port, 0xc8d5);
	assert_int_equal(peer.timestamp[0], 61);
	assert_int_equal(peer.timestamp[11], 72);
	assert_true(peer.claimed == UINT64_C(0x0102030405060708));
	uint8_t encoded[WIREGUARD_RECORD_PEER_SIZE];
	memset(encoded, 0xee, sizeof encoded);
	wireguard_record_encode_peer(&peer, encoded);
	assert_memory_equal(encoded, bytes, sizeof bytes);
}

static void test_damaged(void **state) {
	struct wireguard_record_peer peer, before;
	memset(&peer, 0xa5, sizeof peer);
	memcpy(&before, &peer, sizeof peer);
	uint8_t damaged[WIREGUARD_RECORD_PEER_SIZE + 1] = {0};
	memcpy(damaged, bytes, sizeof bytes);
	for (size_t size = 0; size < sizeof bytes; size++)
		assert_int_equal(wireguard_record_decode_peer(slice_of(damaged, size), &peer),
						 ERR_TRUNCATED);
	assert_int_equal(wireguard_record_decode_peer(slice_of(damaged, sizeof damaged), &peer),
					 ERR_TRAILING);
	for (unsigned family = 0; family < 256; family++) {
		damaged[41] = (uint8_t)family;
		bool known = family == ADDRESS_NONE || family == ADDRESS_V4 || family == ADDRESS_V6;
		if (known)
			continue;
		assert_int_equal(wireguard_record_decode_peer(slice_of(damaged, sizeof bytes), &peer),
						 ERR_MALFORMED);
	}
	assert_memory_equal(&peer, &before, sizeof peer);
}

static void test_kinds(void **state) {
	struct slice lines;
	assert_false(wireguard_record_is_peer(slice_of(NULL, 0)));
	assert_false(device_record_is_set(slice_of(NULL, 0), &lines));
	for (unsigned kind = 0; kind < 256; kind++) {
		uint8_t head[] = {(uint8_t)kind, 'a'};
		struct slice record = slice_of(head, sizeof head);
		assert_int_equal(wireguard_record_is_peer(record), kind == WIREGUARD_RECORD_PEER);
		assert_int_equal(device_record_is_set(record, &lines), kind == DEVICE_RECORD_SET);
		if (kind == DEVICE_RECORD_SET) {
			assert_int_equal(lines.size, 1);
			assert_ptr_equal(lines.data, head + 1);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
