#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/mighty_record.h"

static const uint8_t peer_bytes[MIGHTY_RECORD_PEER_SIZE] = {
	[0] = 2,
	[1] = 0xa1,
	[32] = 0xa2,
	/* last handshake */
	[33] = 1,
	2,
	3,
	4,
	5,
	6,
	7,
	8,
	/* endpoint */
	[41] = 6,
	0x20,
	0x01,
	0x0d,
	0xb8,
	[57] = 9,
	[58] = 0,
	0,
	0,
	3,
	0x10,
	0x20,
	/* claimed */
	[64] = 0,
	0,
	1,
	2,
	3,
	4,
	5,
	6,
};

static const uint8_t hello_bytes[MIGHTY_RECORD_HELLO_SIZE] = {
	[0] = 3, [1] = 0xa1, [32] = 0xa2, [33] = 11, 12, 13, 14, 15, 16, 17,
	18,      [41] = 0,   0,           1,         2,  3,  4,  5,  6,
};

static void test_peer(void **state) {
	struct mighty_record_peer peer;
	uint8_t encoded[MIGHTY_RECORD_PEER_SIZE];
	struct slice record = slice_of(peer_bytes, sizeof peer_bytes);
	assert_int_equal(mighty_record_kind(record), MIGHTY_RECORD_PEER);
	assert_int_equal(mighty_record_decode_peer(record, &peer), ERR_OK);
	assert_int_equal(peer.identity[0], 0xa1);
	assert_int_equal(peer.identity[31], 0xa2);
	assert_true(peer.last_handshake == UINT64_C(0x0102030405060708));
	assert_int_equal(peer.endpoint.address.family, ADDRESS_V6);
	assert_int_equal(peer.endpoint.address.bytes[15], 9);
	assert_int_equal(peer.endpoint.scope_id, 3);
	assert_int_equal(peer.endpoint.port, 0x1020);
	assert_true(peer.claimed == UINT64_C(0x010203040506));
	mighty_record_encode_peer(&peer, encoded);
	assert_memory_equal(encoded, peer_bytes, sizeof encoded);
}

static void test_hello(void **state) {
	struct mighty_record_hello hello;
	uint8_t encoded[MIGHTY_RECORD_HELLO_SIZE];
	struct slice record = slice_of(hello_bytes, sizeof hello_bytes);
	assert_int_equal(mighty_record_kind(record), MIGHTY_RECORD_HELLO);
	assert_int_equal(mighty_record_decode_hello(record, &hello), ERR_OK);
	assert_int_equal(hello.identity[31], 0xa2);
	assert_int_equal(hello.instance[0], 11);
	assert_int_equal(hello.instance[7], 18);
	assert_true(hello.time == UINT64_C(0x010203040506));
	mighty_record_encode_hello(&hello, encoded);
	assert_memory_equal(encoded, hello_bytes, sizeof encoded);
}

/* Nothing is given out of a record that is damaged. */
static void test_damaged(void **state) {
	struct mighty_record_peer peer, peer_before;
	struct mighty_record_hello hello, hello_before;
	memset(&peer, 0xa5, sizeof peer);
	memset(&hello, 0xa5, sizeof hello);
	memcpy(&peer_before, &peer, sizeof peer);
	memcpy(&hello_before, &hello, sizeof hello);
	for (size_t size = 0; size < sizeof peer_bytes; size++)
		assert_int_not_equal(mighty_record_decode_peer(slice_of(peer_bytes, size), &peer), ERR_OK);
	for (size_t size = 0; size < sizeof hello_bytes; size++)
		assert_int_not_equal(mighty_record_decode_hello(slice_of(hello_bytes, size), &hello),
							 ERR_OK);
	uint8_t damaged[MIGHTY_RECORD_PEER_SIZE + 1] = {0};
	memcpy(damaged, peer_bytes, sizeof peer_bytes);
	assert_int_equal(mighty_record_decode_peer(slice_of(damaged, sizeof damaged), &peer),
					 ERR_TRAILING);
	for (unsigned family = 0; family < 256; family++) {
		damaged[41] = (uint8_t)family;
		bool fine = family == 0 || family == 4 || family == 6;
		struct mighty_record_peer decoded;
		assert_int_equal(mighty_record_decode_peer(slice_of(damaged, sizeof peer_bytes), &decoded),
						 fine ? ERR_OK : ERR_MALFORMED);
	}
	assert_int_equal(mighty_record_decode_peer(slice_of(hello_bytes, sizeof hello_bytes), &peer),
					 ERR_MALFORMED);
	assert_memory_equal(&peer, &peer_before, sizeof peer);
	assert_memory_equal(&hello, &hello_before, sizeof hello);
}

static void test_kinds(void **state) {
	assert_int_equal(mighty_record_kind(slice_of(NULL, 0)), 0);
	for (unsigned kind = 0; kind < 256; kind++) {
		uint8_t byte = (uint8_t)kind;
		assert_int_equal(mighty_record_kind(slice_of(&byte, 1)), kind == 2 || kind == 3 ? kind : 0);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peer),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
