#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "wire/mighty.h"

enum { ROOM = 70000 };

/* A datagram with a header as it should be and zeros behind it. */
static size_t make(uint8_t *data, enum mighty_type type, size_t size) {
	const struct mighty_header header = {
		.type = type,
		.session_id = type == MIGHTY_REQUEST ? 0 : 0x1234,
		.sequence = type >= MIGHTY_DATA ? 1 : 0,
		.length = (uint16_t)(size - MIGHTY_HEADER_SIZE),
	};
	memset(data, 0, size);
	mighty_encode_header(&header, data);
	return size;
}

/* From memory of just that size, so that a step beyond it is found. */
static enum mighty_type classify(const uint8_t *data, size_t size) {
	uint8_t *copy = malloc(size > 0 ? size : 1);
	assert_non_null(copy);
	memcpy(copy, data, size);
	const enum mighty_type type = mighty_classify(copy, size);
	free(copy);
	return type;
}

static void headers_go_there_and_back(void **state) {
	uint8_t data[40] = {0};
	struct mighty_header header = {MIGHTY_DATA, 0xabcd, 0x01020304, 28}, again;
	mighty_encode_header(&header, data);
	assert_memory_equal(data, "\x14\0\xab\xcd\1\2\3\4\0\0\0\x1c", MIGHTY_HEADER_SIZE);
	assert_int_equal(mighty_decode_header(data, sizeof data, &again), ERR_OK);
	assert_int_equal(again.type, MIGHTY_DATA);
	assert_int_equal(again.session_id, 0xabcd);
	assert_int_equal(again.sequence, 0x01020304);
	assert_int_equal(again.length, 28);
}

static void only_sizes_of_the_type_are_claimed(void **state) {
	static const struct {
		enum mighty_type type;
		size_t least, most;
	} rows[] = {
		{MIGHTY_REQUEST, 1200, 1200}, {MIGHTY_COMPLETE, 72, 72},     {MIGHTY_KEEPALIVE, 49, 49},
		{MIGHTY_DISCONNECT, 40, 40},  {MIGHTY_DATA, 40, 12 + 65535},
	};
	static uint8_t data[ROOM];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (size_t size = 12; size < 1300; size++) {
			const bool good = size >= rows[i].least && size <= rows[i].most;
			make(data, rows[i].type, size);
			assert_int_equal(classify(data, size), good ? rows[i].type : 0);
		}
	}
	for (size_t size = 12; size < 1300; size++) {
		make(data, MIGHTY_RESPONSE, size);
		assert_int_equal(classify(data, size),
						 size == 77 || (size >= 140 && size <= 1200) ? MIGHTY_RESPONSE : 0);
	}
	make(data, MIGHTY_DATA, 12 + 65535);
	assert_int_equal(classify(data, 12 + 65535), MIGHTY_DATA);
	/* A length of 65536 and as many bytes. */
	make(data, MIGHTY_DATA, 12 + 65536);
	memcpy(data + 8, "\0\1\0\0", 4);
	assert_int_equal(classify(data, 12 + 65536), 0);
}

static void every_rule_of_the_header_holds(void **state) {
	uint8_t data[1300];
	struct mighty_header header = {.session_id = 7};
	for (size_t size = 0; size < MIGHTY_HEADER_SIZE; size++) {
		make(data, MIGHTY_DATA, 64);
		assert_int_equal(classify(data, size), 0);
	}
	for (unsigned first = 0; first < 256; first++) { /* versions and types */
		make(data, MIGHTY_DATA, 64);
		data[0] = (uint8_t)first;
		assert_int_equal(classify(data, 64), first == 0x14 ? MIGHTY_DATA : 0);
	}
	for (unsigned bit = 0; bit < 8; bit++) { /* reserved */
		make(data, MIGHTY_DATA, 64);
		data[1] = (uint8_t)(1 << bit);
		assert_int_equal(classify(data, 64), 0);
	}
	for (size_t size = 60; size < 70; size++) { /* the length is the rest's */
		make(data, MIGHTY_DATA, 64);
		assert_int_equal(mighty_decode_header(data, size, &header), size < 64   ? ERR_TRUNCATED
																	: size > 64 ? ERR_TRAILING
																				: ERR_OK);
	}
	make(data, MIGHTY_DATA, 64); /* 2^32 more, were it taken modulo 2^16 */
	data[9] = 1;
	assert_int_equal(classify(data, 64), 0);
	make(data, MIGHTY_DATA, 64); /* no sequence 0, no id 0 */
	data[7] = 0;
	assert_int_equal(classify(data, 64), 0);
	make(data, MIGHTY_DATA, 64);
	data[2] = data[3] = 0;
	assert_int_equal(classify(data, 64), 0);
	make(data, MIGHTY_DATA, 64);
	memset(data + 4, 0xff, 4); /* the last sequence */
	assert_int_equal(classify(data, 64), MIGHTY_DATA);
	static const struct {
		enum mighty_type type;
		size_t size;
	} handshakes[] = {{MIGHTY_REQUEST, 1200}, {MIGHTY_RESPONSE, 77}, {MIGHTY_COMPLETE, 72}};
	for (size_t i = 0; i < 3; i++) {
		make(data, handshakes[i].type, handshakes[i].size);
		assert_int_equal(classify(data, handshakes[i].size), handshakes[i].type);
		data[7] = 1; /* no sequence but 0 */
		assert_int_equal(classify(data, handshakes[i].size), 0);
		make(data, handshakes[i].type, handshakes[i].size);
		data[3] ^= 0x34; /* an id for a ClientHello, another or none for the others */
		data[2] ^= 0x12;
		assert_int_equal(classify(data, handshakes[i].size), 0);
	}
}

/* What other protocols on the same port send. */
static void strangers_are_not_claimed(void **state) {
	static const struct {
		char start[20];
		size_t size;
	} rows[] = {
		{"\0\1\0\0\x21\x12\xa4\x42", 20},   /* STUN */
		{"\1\1\0\x0c\x21\x12\xa4\x42", 32}, /* its answer */
		{"\1\0\0\0", 148},                  /* WireGuard's */
		{"\2\0\0\0", 92},
		{"\4\0\0\0", 96},
		{"PHAZ\1\1\0\0\0\1\1\2\3\4\0\x1c", 44},     /* Phaze's */
		{"\xc3\0\0\0\1", 1200},                     /* QUIC, long header */
		{"\x41", 100},                              /* and short */
		{"\x14\xfe\xfd", 64},                       /* an alert of DTLS */
		{"\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x34", 65}, /* its handshake */
		{"\x16\3\1\0\x3c", 65},                     /* TLS */
	};
	uint8_t data[1200];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		memset(data, 0, sizeof data);
		memcpy(data, rows[i].start, sizeof rows[i].start);
		assert_int_equal(classify(data, rows[i].size), 0);
	}
}

static struct mighty_client_hello example_hello(void) {
	struct mighty_client_hello hello = {
		.session_id = 0x5678,
		.time = 0x0102030405060708,
		.cipher_count = 2,
		.ciphers = {1, 2},
	};
	memset(hello.instance, 0xa1, sizeof hello.instance);
	memset(hello.random, 0xa2, sizeof hello.random);
	memset(hello.key, 0xa3, sizeof hello.key);
	memset(hello.psk_id, 0xa4, sizeof hello.psk_id);
	memset(hello.cookie, 0xa5, sizeof hello.cookie);
	memset(hello.mac, 0xa6, sizeof hello.mac);
	return hello;
}

enum { AT_ID = 12, AT_COUNT = 102, AT_FLAGS = 105, AT_COOKIE_SIZE = 106, AT_MAC = 1168 };

static void client_hellos_go_there_and_back(void **state) {
	uint8_t data[MIGHTY_CLIENT_HELLO_SIZE], second[MIGHTY_CLIENT_HELLO_SIZE];
	for (size_t count = 0; count <= MIGHTY_CIPHERS_MAX + 1; count++) {
		struct mighty_client_hello hello = example_hello(), again;
		hello.cipher_count = count;
		hello.has_cookie = count % 2;
		const bool good = count > 0 && count <= MIGHTY_CIPHERS_MAX;
		assert_int_equal(mighty_encode_client_hello(&hello, data), good ? ERR_OK : ERR_INVALID);
		if (!good)
			continue;
		assert_int_equal(classify(data, sizeof data), MIGHTY_REQUEST);
		assert_int_equal(mighty_decode_client_hello(data, sizeof data, &again), ERR_OK);
		assert_int_equal(again.cipher_count, count);
		assert_int_equal(again.has_cookie, hello.has_cookie);
		assert_int_equal(again.session_id, hello.session_id);
		assert_true(again.time == hello.time);
		assert_memory_equal(again.ciphers, hello.ciphers, count);
		assert_int_equal(mighty_encode_client_hello(&again, second), ERR_OK);
		assert_memory_equal(second, data, sizeof data);
	}
	const struct mighty_client_hello hello = example_hello();
	assert_int_equal(mighty_encode_client_hello(&hello, data), ERR_OK);
	assert_memory_equal(data, "\x11\0\0\0\0\0\0\0\0\0\x04\xa4\x56\x78\xa1", 15);
	assert_memory_equal(data + 86, "\1\2\3\4\5\6\7\x08\xa4", 9);
	assert_memory_equal(data + AT_COUNT, "\2\1\2\0\0\0", 6);
	assert_memory_equal(data + AT_MAC - 1, "\0\xa6", 2);
}

static void client_hellos_are_strict(void **state) {
	static const struct {
		size_t at;
		uint8_t value;
		enum err error;
	} rows[] = {
		{AT_COUNT, 0, ERR_MALFORMED},
		{AT_COUNT, 1, ERR_MALFORMED}, /* the second cipher is read as flags */
		{AT_FLAGS, 1, ERR_UNSUPPORTED},
		{AT_FLAGS, 2, ERR_MALFORMED},
		{AT_FLAGS, 0x80, ERR_MALFORMED},
		{AT_FLAGS, 0x81, ERR_MALFORMED},
		{AT_COOKIE_SIZE, 1, ERR_MALFORMED},
		{AT_COOKIE_SIZE, 31, ERR_MALFORMED},
		{AT_COOKIE_SIZE, 33, ERR_MALFORMED},
		{AT_COOKIE_SIZE, 255, ERR_MALFORMED},
		{AT_COOKIE_SIZE, 32, ERR_OK},           /* of zeros, why not */
		{AT_COOKIE_SIZE + 1, 1, ERR_MALFORMED}, /* padding */
		{AT_MAC - 1, 1, ERR_MALFORMED},
		{AT_MAC, 1, ERR_OK},
		{0, 0x12, ERR_MALFORMED},
		{0, 0x21, ERR_MALFORMED},
		{3, 1, ERR_MALFORMED},
	};
	const struct mighty_client_hello example = example_hello();
	uint8_t data[MIGHTY_CLIENT_HELLO_SIZE];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mighty_client_hello hello = {.session_id = 9};
		assert_int_equal(mighty_encode_client_hello(&example, data), ERR_OK);
		data[rows[i].at] = rows[i].value;
		enum err error = mighty_decode_client_hello(data, sizeof data, &hello);
		if (error != rows[i].error)
			fail_msg("row %zu: %s", i, err_name(error));
		if (error)
			assert_int_equal(hello.session_id, 9);
	}
	struct mighty_client_hello hello = example;
	hello.session_id = 0;
	assert_int_equal(mighty_encode_client_hello(&hello, data), ERR_OK);
	assert_int_equal(mighty_decode_client_hello(data, sizeof data, &hello), ERR_MALFORMED);
	/* Padding, wherever. */
	assert_int_equal(mighty_encode_client_hello(&example, data), ERR_OK);
	for (size_t at = AT_COOKIE_SIZE + 1; at < AT_MAC; at++) {
		data[at] = 1;
		assert_int_equal(mighty_decode_client_hello(data, sizeof data, &hello), ERR_MALFORMED);
		data[at] = 0;
	}
}

static void answers_go_there_and_back(void **state) {
	static uint8_t sealed[MIGHTY_PARAMETERS_SIZE_MAX + AEAD_TAG_SIZE + 1];
	uint8_t data[MIGHTY_SERVER_HELLO_SIZE_MAX + 1];
	struct mighty_server_hello hello = {.receiver = 0x1122, .session_id = 0x3344, .cipher = 2};
	struct mighty_server_hello again = {.receiver = 9};
	struct mighty_cookie_answer answer = {.receiver = 0x1122}, second = {.receiver = 9};
	size_t size = 0;
	memset(sealed, 0x55, sizeof sealed);
	hello.random[0] = hello.key[0] = hello.mac[0] = hello.nonce[0] = 0x77;
	hello.sealed = slice_of(sealed, AEAD_TAG_SIZE - 1);
	assert_int_equal(mighty_encode_server_hello(&hello, data, sizeof data, &size), ERR_INVALID);
	hello.sealed.size = sizeof sealed;
	assert_int_equal(mighty_encode_server_hello(&hello, data, sizeof data, &size), ERR_LIMIT);
	hello.sealed.size = AEAD_TAG_SIZE + 3;
	assert_int_equal(mighty_encode_server_hello(&hello, data, 142, &size), ERR_LIMIT);
	assert_int_equal(size, 0);
	for (size_t sealed_size = AEAD_TAG_SIZE; sealed_size < sizeof sealed; sealed_size++) {
		hello.sealed.size = sealed_size;
		assert_int_equal(mighty_encode_server_hello(&hello, data, sizeof data, &size), ERR_OK);
		assert_int_equal(size, 124 + sealed_size);
		assert_int_equal(classify(data, size), MIGHTY_RESPONSE);
		assert_false(mighty_is_cookie_answer(data, size));
		assert_int_equal(mighty_decode_server_hello(data, size, &again), ERR_OK);
		assert_int_equal(again.receiver, 0x1122);
		assert_int_equal(again.session_id, 0x3344);
		assert_int_equal(again.cipher, 2);
		assert_int_equal(again.sealed.size, sealed_size);
		assert_ptr_equal(again.sealed.data, data + 124);
		assert_memory_equal(again.nonce, hello.nonce, sizeof hello.nonce);
		assert_memory_equal(again.mac, hello.mac, sizeof hello.mac);
		assert_int_equal(mighty_decode_cookie_answer(data, size, &second), ERR_MALFORMED);
	}
	data[12] = 2; /* neither of the two */
	assert_int_equal(mighty_decode_server_hello(data, size, &again), ERR_MALFORMED);
	data[12] = 1;
	assert_int_equal(mighty_decode_cookie_answer(data, size, &second), ERR_TRAILING);
	data[12] = data[13] = data[14] = 0; /* no id */
	assert_int_equal(mighty_decode_server_hello(data, size, &again), ERR_MALFORMED);
	assert_int_equal(second.receiver, 9);

	answer.cookie[0] = answer.cookie[31] = answer.mac[31] = 0x99;
	mighty_encode_cookie_answer(&answer, data);
	assert_memory_equal(data, "\x12\0\x11\x22\0\0\0\0\0\0\0\x41\1\x99", 14);
	assert_true(mighty_is_cookie_answer(data, MIGHTY_COOKIE_ANSWER_SIZE));
	assert_int_equal(mighty_decode_cookie_answer(data, MIGHTY_COOKIE_ANSWER_SIZE, &second), ERR_OK);
	assert_memory_equal(&second, &answer, sizeof answer);
	data[12] = 0;
	assert_int_equal(mighty_decode_server_hello(data, MIGHTY_COOKIE_ANSWER_SIZE, &again),
					 ERR_TRUNCATED);
	assert_int_equal(mighty_decode_cookie_answer(data, MIGHTY_COOKIE_ANSWER_SIZE, &second),
					 ERR_MALFORMED);
}

static void finalizes_go_there_and_back(void **state) {
	uint8_t data[MIGHTY_FINALIZE_SIZE];
	struct mighty_finalize finalize = {.receiver = 0xabcd}, finalize_again;
	finalize.nonce[0] = finalize.sealed[47] = 0x31;
	mighty_encode_finalize(&finalize, data);
	assert_memory_equal(data, "\x13\0\xab\xcd\0\0\0\0\0\0\0\x3c\x31", 13);
	assert_int_equal(mighty_decode_finalize(data, sizeof data, &finalize_again), ERR_OK);
	assert_memory_equal(&finalize, &finalize_again, sizeof finalize);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_go_there_and_back),
		cmocka_unit_test(only_sizes_of_the_type_are_claimed),
		cmocka_unit_test(every_rule_of_the_header_holds),
		cmocka_unit_test(strangers_are_not_claimed),
		cmocka_unit_test(client_hellos_go_there_and_back),
		cmocka_unit_test(client_hellos_are_strict),
		cmocka_unit_test(answers_go_there_and_back),
		cmocka_unit_test(finalizes_go_there_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
