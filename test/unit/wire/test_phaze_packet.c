#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "wire/phaze_packet.h"

enum { ROOM = PHAZE_PACKET_SIZE_MAX + 16 };

/* A datagram with a header as it should be and zeros behind it. */
static size_t make(uint8_t *data, enum phaze_type type, uint32_t sequence, uint32_t session_id,
				   size_t size) {
	const struct phaze_header header = {type, sequence, session_id,
										(uint16_t)(size - PHAZE_HEADER_SIZE)};
	memset(data, 0, size);
	phaze_packet_encode(&header, data);
	return size;
}

/* From memory of just that size, so that a step beyond it is found. */
static enum err decode(const uint8_t *data, size_t size) {
	uint8_t *copy = malloc(size > 0 ? size : 1);
	struct phaze_header header;
	assert_non_null(copy);
	memcpy(copy, data, size);
	enum err error = phaze_packet_decode(copy, size, &header);
	free(copy);
	return error;
}

static void headers_go_there_and_back(void **state) {
	uint8_t data[60] = {0};
	const struct phaze_header header = {PHAZE_DATA, 0x01020304, 0xa1b2c3d4, 44};
	struct phaze_header again;
	phaze_packet_encode(&header, data);
	assert_memory_equal(data, "PHAZ\1\1\1\2\3\4\xa1\xb2\xc3\xd4\0\x2c", PHAZE_HEADER_SIZE);
	assert_int_equal(phaze_packet_decode(data, sizeof data, &again), ERR_OK);
	assert_int_equal(again.type, header.type);
	assert_int_equal(again.sequence, header.sequence);
	assert_int_equal(again.session_id, header.session_id);
	assert_int_equal(again.length, header.length);
	assert_int_equal(phaze_packet_decode_head(data, &again), ERR_OK);
	assert_int_equal(again.length, 44);
}

static void only_sizes_of_the_type_are_taken(void **state) {
	static const struct {
		enum phaze_type type;
		uint32_t sequence, session_id;
		size_t least, most, other;
	} rows[] = {
		{PHAZE_HANDSHAKE, 0, 0, 1200, 1200, 1200}, /* ClientHello */
		{PHAZE_HANDSHAKE, 0, 9, 85, 85, 91},       /* Retry, ServerHello */
		{PHAZE_HANDSHAKE, 1, 9, 49, 1149, 49},     {PHAZE_DATA, 1, 9, 44, 65551, 44},
		{PHAZE_KEEPALIVE, 1, 9, 53, 53, 53},       {PHAZE_REKEY, 1, 9, 45, 45, 85},
		{PHAZE_CLOSE, 1, 9, 45, 45, 45},
	};
	static uint8_t data[ROOM];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (size_t size = PHAZE_HEADER_SIZE; size < 1300; size++) {
			const bool good =
				(size >= rows[i].least && size <= rows[i].most) || size == rows[i].other;
			make(data, rows[i].type, rows[i].sequence, rows[i].session_id, size);
			assert_int_equal(decode(data, size), good ? ERR_OK : ERR_MALFORMED);
		}
	}
	make(data, PHAZE_DATA, 1, 9, PHAZE_PACKET_SIZE_MAX);
	assert_int_equal(decode(data, PHAZE_PACKET_SIZE_MAX), ERR_OK);
	assert_int_equal(decode(data, PHAZE_PACKET_SIZE_MAX + 1), ERR_TRAILING);
}

static void every_rule_of_the_header_holds(void **state) {
	uint8_t data[1300];
	make(data, PHAZE_DATA, 1, 9, 64);
	for (size_t size = 0; size < 64; size++)
		assert_int_equal(decode(data, size), ERR_TRUNCATED);
	assert_int_equal(decode(data, 65), ERR_TRAILING);
	for (size_t i = 0; i < 5; i++) { /* magic and version, in every bit */
		for (unsigned bit = 0; bit < 8; bit++) {
			make(data, PHAZE_DATA, 1, 9, 64);
			data[i] ^= (uint8_t)(1 << bit);
			assert_int_equal(decode(data, 64), ERR_MALFORMED);
		}
	}
	for (unsigned type = 0; type < 256; type++) {
		make(data, PHAZE_DATA, 1, 9, 64);
		data[5] = (uint8_t)type;
		assert_int_equal(decode(data, 64),
						 type == PHAZE_DATA || type == PHAZE_HANDSHAKE ? ERR_OK : ERR_MALFORMED);
	}
	make(data, PHAZE_DATA, 0, 9, 64); /* no sequence 0, no id 0 */
	assert_int_equal(decode(data, 64), ERR_MALFORMED);
	make(data, PHAZE_DATA, 1, 0, 64);
	assert_int_equal(decode(data, 64), ERR_MALFORMED);
	make(data, PHAZE_DATA, UINT32_MAX, UINT32_MAX, 64);
	assert_int_equal(decode(data, 64), ERR_OK);
	make(data, PHAZE_HANDSHAKE, 0, 9, 1200); /* a ClientHello to somebody */
	assert_int_equal(decode(data, 1200), ERR_MALFORMED);
	make(data, PHAZE_HANDSHAKE, 0, 0, 91); /* a ServerHello to nobody */
	assert_int_equal(decode(data, 91), ERR_MALFORMED);
	make(data, PHAZE_HANDSHAKE, 1, 0, 64);
	assert_int_equal(decode(data, 64), ERR_MALFORMED);
}

/* What other protocols on the same port send. */
static void strangers_are_not_taken(void **state) {
	static const struct {
		char start[20];
		size_t size;
	} rows[] = {
		{"\0\1\0\0\x21\x12\xa4\x42", 20},       /* STUN */
		{"\1\0\0\0", 148},                      /* WireGuard */
		{"\x11\0\0\0\0\0\0\0\0\0\4\xa4", 1200}, /* Mighty */
		{"\xc3\0\0\0\1", 1200},                 /* QUIC, long header */
		{"PHAZ\1\1\0\0\0\1\0\0\0\1\0\x1c", 45}, /* short header, by chance, not quite */
		{"\x16\3\1\0\x3c", 65},                 /* TLS */
		{"SSH-2.0-OpenSSH_9.2", 20},
		{"PHAZ\2\2", 1200},
	};
	uint8_t data[1200];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		memset(data, 0, sizeof data);
		memcpy(data, rows[i].start, sizeof rows[i].start);
		assert_int_not_equal(decode(data, rows[i].size), ERR_OK);
	}
	assert_true(phaze_packet_begins(NULL, 0));
	assert_true(phaze_packet_begins((const uint8_t *)"P", 1));
	assert_true(phaze_packet_begins((const uint8_t *)"PHAZ\1\7", 6));
	assert_false(phaze_packet_begins((const uint8_t *)"PHAZ\2", 5));
	assert_false(phaze_packet_begins((const uint8_t *)"Q", 1));
}

static void rekeys_go_there_and_back(void **state) {
	uint8_t data[PHAZE_REKEY_SIZE + 1] = {1, 0, 0, 0, 5, 0xa1, 0xb2, 0xc3, 0xd4};
	uint8_t again[PHAZE_REKEY_SIZE];
	struct phaze_rekey_message message;
	size_t made;
	memset(data + 9, 0x77, sizeof data - 9);
	for (uint8_t kind = 0; kind < 4; kind++) {
		const size_t right = kind == PHAZE_REKEY_ASK ? 1 : PHAZE_REKEY_SIZE;
		data[0] = kind;
		for (size_t size = 1; size <= sizeof data; size++)
			assert_int_equal(phaze_packet_decode_rekey(data, size, &message),
							 kind > 2       ? ERR_MALFORMED
							 : size < right ? ERR_TRUNCATED
							 : size > right ? ERR_TRAILING
											: ERR_OK);
		if (kind > 2)
			continue;
		assert_int_equal(phaze_packet_decode_rekey(data, right, &message), ERR_OK);
		phaze_packet_encode_rekey(&message, again, &made);
		assert_int_equal(made, right);
		assert_memory_equal(again, data, right);
	}
	data[0] = 1;
	assert_int_equal(phaze_packet_decode_rekey(data, PHAZE_REKEY_SIZE, &message), ERR_OK);
	assert_int_equal(message.generation, 5);
	assert_int_equal(message.session_id, 0xa1b2c3d4);
	memset(data + 5, 0, 4); /* no id 0 */
	assert_int_equal(phaze_packet_decode_rekey(data, PHAZE_REKEY_SIZE, &message), ERR_MALFORMED);
	data[5] = 1;
	data[4] = 0; /* no generation 0: that is the handshake's */
	assert_int_equal(phaze_packet_decode_rekey(data, PHAZE_REKEY_SIZE, &message), ERR_MALFORMED);
}

static void codes_of_later_versions_end_a_session_too(void **state) {
	enum phaze_close_code code;
	uint8_t data[2] = {0};
	for (unsigned value = 0; value < 256; value++) {
		data[0] = (uint8_t)value;
		assert_int_equal(phaze_packet_decode_close(data, 1, &code), ERR_OK);
		assert_int_equal(code, value <= PHAZE_CLOSE_REPLACED ? value : PHAZE_CLOSE_DONE);
	}
	assert_int_equal(phaze_packet_decode_close(data, 0, &code), ERR_TRUNCATED);
	assert_int_equal(phaze_packet_decode_close(data, 2, &code), ERR_TRAILING);
	phaze_packet_encode_close(PHAZE_CLOSE_QUOTA, data);
	assert_int_equal(data[0], 4);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_go_there_and_back),
		cmocka_unit_test(only_sizes_of_the_type_are_taken),
		cmocka_unit_test(every_rule_of_the_header_holds),
		cmocka_unit_test(strangers_are_not_taken),
		cmocka_unit_test(rekeys_go_there_and_back),
		cmocka_unit_test(codes_of_later_versions_end_a_session_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
