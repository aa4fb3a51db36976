#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/ip.h"

enum { V4_SIZE = 28, V6_SIZE = 48 };

static const uint8_t v4_packet[V4_SIZE] = {
	0x45, 0, 0,   V4_SIZE, 0x12, 0x34, 0x40, 0,  64,  IP_PROTOCOL_UDP,
	0,    0, 192, 0,       2,    1,    198,  51, 100, 2,
};

static const uint8_t v6_packet[V6_SIZE] = {
	0x60, 0,    0,    0,    0,    8,    IP_PROTOCOL_TCP,
	64,   0x20, 0x01, 0x0d, 0xb8, 0,    0,
	0,    0,    0,    0,    0,    0,    0,
	0,    0,    1,    0x20, 0x01, 0x0d, 0xb8,
	0,    0,    0,    0,    0,    0,    0,
	0,    0,    0,    0,    2,
};

static void test_v4(void **state) {
	struct ip_packet packet;
	assert_int_equal(ip_parse(v4_packet, V4_SIZE, &packet), ERR_OK);
	assert_int_equal(packet.family, ADDRESS_V4);
	assert_int_equal(packet.protocol, IP_PROTOCOL_UDP);
	assert_int_equal(packet.header_size, 20);
	assert_int_equal(packet.size, V4_SIZE);
	assert_false(packet.fragment);
	assert_false(packet.options);
	assert_ptr_equal(packet.source, v4_packet + 12);
	assert_ptr_equal(packet.destination, v4_packet + 16);
}

static void test_v6(void **state) {
	struct ip_packet packet;
	assert_int_equal(ip_parse(v6_packet, V6_SIZE, &packet), ERR_OK);
	assert_int_equal(packet.family, ADDRESS_V6);
	assert_int_equal(packet.protocol, IP_PROTOCOL_TCP);
	assert_int_equal(packet.header_size, 40);
	assert_int_equal(packet.size, V6_SIZE);
	assert_false(packet.fragment);
	assert_false(packet.options);
	assert_ptr_equal(packet.source, v6_packet + 8);
	assert_ptr_equal(packet.destination, v6_packet + 24);
}

/* Everything shorter than the packet says is truncated, everything longer is padding. */
static void test_sizes(void **state) {
	static const struct {
		const uint8_t *data;
		size_t size;
	} rows[] = {{v4_packet, V4_SIZE}, {v6_packet, V6_SIZE}};
	for (size_t i = 0; i < 2; i++) {
		uint8_t padded[V6_SIZE + 16] = {0};
		struct ip_packet packet = {.size = 4711};
		memcpy(padded, rows[i].data, rows[i].size);
		assert_int_equal(ip_parse(padded, 0, &packet), ERR_MALFORMED);
		for (size_t size = 1; size < rows[i].size; size++) {
			assert_int_equal(ip_parse(padded, size, &packet), ERR_TRUNCATED);
			assert_int_equal(packet.size, 4711);
		}
		for (size_t size = rows[i].size; size <= sizeof padded; size++) {
			assert_int_equal(ip_parse(padded, size, &packet), ERR_OK);
			assert_int_equal(packet.size, rows[i].size);
		}
	}
	assert_int_equal(ip_parse(NULL, 0, &(struct ip_packet){0}), ERR_MALFORMED);
}

static void test_other_versions(void **state) {
	for (unsigned version = 0; version < 16; version++) {
		uint8_t data[V6_SIZE];
		struct ip_packet packet;
		memcpy(data, version == 4 ? v4_packet : v6_packet, version == 4 ? V4_SIZE : V6_SIZE);
		data[0] = (uint8_t)(version << 4 | (data[0] & 15));
		bool good = version == 4 || version == 6;
		assert_int_equal(ip_parse(data, sizeof data, &packet), good ? ERR_OK : ERR_MALFORMED);
	}
}

static void test_v4_header_sizes(void **state) {
	for (uint8_t words = 0; words < 16; words++) {
		uint8_t data[64] = {0};
		struct ip_packet packet;
		memcpy(data, v4_packet, V4_SIZE);
		data[0] = 0x40 | words;
		data[3] = 60;
		enum err error = ip_parse(data, sizeof data, &packet);
		assert_int_equal(error, words < 5 ? ERR_MALFORMED : ERR_OK);
		if (error)
			continue;
		assert_int_equal(packet.header_size, words * 4);
		assert_int_equal(packet.options, words > 5);
		/* A header that is longer than its packet. */
		data[3] = (uint8_t)(words * 4 - 1);
		assert_int_equal(ip_parse(data, sizeof data, &packet), ERR_MALFORMED);
		data[3] = (uint8_t)(words * 4);
		assert_int_equal(ip_parse(data, sizeof data, &packet), ERR_OK);
	}
}

static void test_v4_fragments(void **state) {
	static const struct {
		uint8_t high, low;
		bool fragment;
	} rows[] = {
		{0x00, 0, false}, {0x40, 0, false}, {0x80, 0, false}, {0x20, 0, true},
		{0x00, 1, true},  {0x1f, 0, true},  {0x60, 0, true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t data[V4_SIZE];
		struct ip_packet packet;
		memcpy(data, v4_packet, V4_SIZE);
		data[6] = rows[i].high;
		data[7] = rows[i].low;
		assert_int_equal(ip_parse(data, sizeof data, &packet), ERR_OK);
		assert_int_equal(packet.fragment, rows[i].fragment);
	}
}

static void test_v6_next_headers(void **state) {
	for (unsigned next = 0; next < 256; next++) {
		uint8_t data[V6_SIZE];
		struct ip_packet packet;
		memcpy(data, v6_packet, V6_SIZE);
		data[6] = (uint8_t)next;
		assert_int_equal(ip_parse(data, sizeof data, &packet), ERR_OK);
		assert_int_equal(packet.protocol, next);
		assert_int_equal(packet.fragment, next == 44);
		assert_int_equal(packet.options, next != 6 && next != 17 && next != 58);
	}
}

static void test_largest(void **state) {
	static uint8_t data[40 + 65535];
	struct ip_packet packet;
	memcpy(data, v6_packet, V6_SIZE);
	data[4] = data[5] = 0xff;
	assert_int_equal(ip_parse(data, sizeof data, &packet), ERR_OK);
	assert_int_equal(packet.size, sizeof data);
	assert_int_equal(ip_parse(data, sizeof data - 1, &packet), ERR_TRUNCATED);
	memcpy(data, v4_packet, V4_SIZE);
	data[2] = data[3] = 0xff;
	assert_int_equal(ip_parse(data, sizeof data, &packet), ERR_OK);
	assert_int_equal(packet.size, 65535);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_other_versions),
		cmocka_unit_test(test_v4_header_sizes),
		cmocka_unit_test(test_v4_fragments),
		cmocka_unit_test(test_v6_next_headers),
		cmocka_unit_test(test_largest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
