#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/wireguard.h"

enum { SIZE_MAX_TESTED = 200 };

/* A message of that type whose bytes behind the first word are all different: 4, 5, 6, … */
static void fill_message(uint8_t *data, size_t size, uint8_t type) {
	memset(data, 0, 4);
	data[0] = type;
	for (size_t i = 4; i < size; i++)
		data[i] = (uint8_t)i;
}

static void assert_counts_from(const uint8_t *data, size_t size, uint8_t first) {
	for (size_t i = 0; i < size; i++)
		assert_int_equal(data[i], (uint8_t)(first + i));
}

static void test_initiation(void **state) {
	uint8_t data[WIREGUARD_INITIATION_SIZE], again[WIREGUARD_INITIATION_SIZE];
	struct wireguard_initiation message;
	fill_message(data, sizeof data, 1);
	assert_int_equal(wireguard_decode_initiation(data, sizeof data, &message), ERR_OK);
	assert_int_equal(message.sender, 0x07060504);
	assert_counts_from(message.ephemeral, 32, 8);
	assert_counts_from(message.sealed_static, 48, 40);
	assert_counts_from(message.sealed_timestamp, 28, 88);
	assert_counts_from(message.mac1, 16, 116);
	assert_counts_from(message.mac2, 16, 132);
	wireguard_encode_initiation(&message, again);
	assert_memory_equal(again, data, sizeof data);
}

static void test_response(void **state) {
	uint8_t data[WIREGUARD_RESPONSE_SIZE], again[WIREGUARD_RESPONSE_SIZE];
	struct wireguard_response message;
	fill_message(data, sizeof data, 2);
	assert_int_equal(wireguard_decode_response(data, sizeof data, &message), ERR_OK);
	assert_int_equal(message.sender, 0x07060504);
	assert_int_equal(message.receiver, 0x0b0a0908);
	assert_counts_from(message.ephemeral, 32, 12);
	assert_counts_from(message.sealed_empty, 16, 44);
	assert_counts_from(message.mac1, 16, 60);
	assert_counts_from(message.mac2, 16, 76);
	wireguard_encode_response(&message, again);
	assert_memory_equal(again, data, sizeof data);
}

static void test_cookie_reply(void **state) {
	uint8_t data[WIREGUARD_COOKIE_REPLY_SIZE], again[WIREGUARD_COOKIE_REPLY_SIZE];
	struct wireguard_cookie_reply message;
	fill_message(data, sizeof data, 3);
	assert_int_equal(wireguard_decode_cookie_reply(data, sizeof data, &message), ERR_OK);
	assert_int_equal(message.receiver, 0x07060504);
	assert_counts_from(message.nonce, 24, 8);
	assert_counts_from(message.sealed_cookie, 32, 32);
	wireguard_encode_cookie_reply(&message, again);
	assert_memory_equal(again, data, sizeof data);
}

static void test_data(void **state) {
	uint8_t data[WIREGUARD_DATA_OVERHEAD + 7], again[WIREGUARD_DATA_HEADER_SIZE];
	struct wireguard_data message;
	fill_message(data, sizeof data, 4);
	for (size_t size = WIREGUARD_DATA_OVERHEAD; size <= sizeof data; size++) {
		assert_int_equal(wireguard_decode_data(data, size, &message), ERR_OK);
		assert_int_equal(message.receiver, 0x07060504);
		assert_int_equal(message.counter, UINT64_C(0x0f0e0d0c0b0a0908));
		wireguard_encode_data(&message, again);
		assert_memory_equal(again, data, sizeof again);
	}
}

/* The sizes that each type may have, by what the whitepaper says and not by our constants. */
static enum wireguard_type expected_type(uint8_t type, size_t size) {
	switch (type) {
	case 1:
		return size == 148 ? WIREGUARD_INITIATION : 0;
	case 2:
		return size == 92 ? WIREGUARD_RESPONSE : 0;
	case 3:
		return size == 64 ? WIREGUARD_COOKIE_REPLY : 0;
	case 4:
		return size >= 32 ? WIREGUARD_DATA : 0;
	default:
		return 0;
	}
}

static enum err decode_any(uint8_t type, const uint8_t *data, size_t size) {
	union {
		struct wireguard_initiation initiation;
		struct wireguard_response response;
		struct wireguard_cookie_reply cookie_reply;
		struct wireguard_data data;
	} message, before;
	memset(&message, 0xee, sizeof message);
	memcpy(&before, &message, sizeof message);
	enum err error;
	switch (type) {
	case 1:
		error = wireguard_decode_initiation(data, size, &message.initiation);
		break;
	case 2:
		error = wireguard_decode_response(data, size, &message.response);
		break;
	case 3:
		error = wireguard_decode_cookie_reply(data, size, &message.cookie_reply);
		break;
	default:
		error = wireguard_decode_data(data, size, &message.data);
	}
	if (error)
		assert_memory_equal(&message, &before, sizeof message);
	return error;
}

static void test_types_and_sizes(void **state) {
	uint8_t data[SIZE_MAX_TESTED];
	for (unsigned type = 0; type < 256; type++) {
		fill_message(data, sizeof data, (uint8_t)type);
		for (size_t size = 0; size <= sizeof data; size++)
			assert_int_equal(wireguard_classify(data, size), expected_type((uint8_t)type, size));
	}
	assert_int_equal(wireguard_classify(NULL, 0), 0);
}

static void test_decoders_agree_on_sizes(void **state) {
	static const size_t exact[] = {0, 148, 92, 64, 32};
	uint8_t data[SIZE_MAX_TESTED];
	for (uint8_t type = 1; type <= 4; type++) {
		fill_message(data, sizeof data, type);
		for (size_t size = 0; size <= sizeof data; size++) {
			enum err expected = size < exact[type]               ? ERR_TRUNCATED
								: size > exact[type] && type < 4 ? ERR_TRAILING
																 : ERR_OK;
			enum err error = decode_any(type, data, size);
			assert_int_equal(error, expected);
		}
	}
}

static void test_reserved_bytes_are_zero(void **state) {
	static const size_t sizes[] = {0, 148, 92, 64, 32};
	uint8_t data[SIZE_MAX_TESTED];
	for (uint8_t type = 1; type <= 4; type++) {
		fill_message(data, sizeof data, type);
		for (size_t bit = 8; bit < 32; bit++) {
			data[bit / 8] = (uint8_t)(1 << bit % 8);
			assert_int_equal(wireguard_classify(data, sizes[type]), 0);
			assert_int_equal(decode_any(type, data, sizes[type]), ERR_MALFORMED);
			data[bit / 8] = 0;
		}
		data[0] = (uint8_t)(type % 4 + 1);
		assert_int_equal(decode_any(type, data, sizes[type]), ERR_MALFORMED);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_initiation),
		cmocka_unit_test(test_response),
		cmocka_unit_test(test_cookie_reply),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_types_and_sizes),
		cmocka_unit_test(test_decoders_agree_on_sizes),
		cmocka_unit_test(test_reserved_bytes_are_zero),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
