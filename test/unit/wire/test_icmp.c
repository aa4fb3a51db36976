#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/packet.h"

static size_t packet_v4(uint8_t *packet, size_t size, uint8_t protocol, uint8_t first) {
	memset(packet, 0x5a, size);
	memset(packet, 0, 20);
	packet[0] = 0x45;
	packet_set_u16(packet + PACKET_V4_TOTAL_SIZE, (uint16_t)size);
	packet[PACKET_V4_PROTOCOL] = protocol;
	memcpy(packet + PACKET_V4_ADDRESSES, (uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
	packet[20] = first;
	return size;
}

static size_t packet_v6(uint8_t *packet, size_t size, uint8_t protocol, uint8_t first) {
	memset(packet, 0x5a, size);
	memset(packet, 0, 40);
	packet[0] = 0x60;
	packet_set_u16(packet + PACKET_V6_PAYLOAD_SIZE, (uint16_t)(size - 40));
	packet[PACKET_V6_NEXT_HEADER] = protocol;
	packet[8] = packet[24] = 0xfd;
	packet[23] = 1;
	packet[39] = 2;
	packet[40] = first;
	return size;
}

static void test_v4(void **state) {
	uint8_t packet[1500], answer[ICMP_ANSWER_MAX];
	for (size_t size = 29; size <= sizeof packet; size += 31) {
		size_t made = 0, quote = size < 548 ? size : 548;
		packet_v4(packet, size, IP_PROTOCOL_TCP, 0);
		assert_int_equal(icmp_too_big(packet, size, 1240, answer, &made), ERR_OK);
		assert_int_equal(made, 28 + quote);
		struct ip_packet ip;
		assert_int_equal(ip_parse(answer, made, &ip), ERR_OK);
		assert_int_equal(ip.size, made);
		assert_int_equal(ip.protocol, 1);
		assert_memory_equal(ip.source, ((uint8_t[]){10, 0, 0, 2}), 4);
		assert_memory_equal(ip.destination, ((uint8_t[]){10, 0, 0, 1}), 4);
		assert_int_equal(checksum_fold(checksum_add(0, answer, 20)), 0xffff);
		assert_int_equal(checksum_fold(checksum_add(0, answer + 20, made - 20)), 0xffff);
		assert_int_equal(answer[20], 3);
		assert_int_equal(answer[21], 4);
		assert_int_equal(packet_u16(answer + 26), 1240);
		assert_memory_equal(answer + 28, packet, quote);
	}
}

static void test_v6(void **state) {
	uint8_t packet[1500], answer[ICMP_ANSWER_MAX];
	for (size_t size = 49; size <= sizeof packet; size += 31) {
		size_t made = 0, quote = size < 1232 ? size : 1232;
		packet_v6(packet, size, IP_PROTOCOL_UDP, 0);
		assert_int_equal(icmp_too_big(packet, size, 1300, answer, &made), ERR_OK);
		assert_int_equal(made, 48 + quote);
		assert_int_equal(packet_u16(answer + PACKET_V6_PAYLOAD_SIZE), made - 40);
		assert_memory_equal(answer + 8, packet + 24, 16);
		assert_memory_equal(answer + 24, packet + 8, 16);
		uint64_t sum = checksum_pseudo(answer, PACKET_V6_ICMP, made - 40);
		assert_int_equal(checksum_fold(checksum_add(sum, answer + 40, made - 40)), 0xffff);
		assert_int_equal(answer[40], 2);
		assert_int_equal(answer[41], 0);
		assert_int_equal(packet_u32(answer + 44), 1300);
		assert_memory_equal(answer + 48, packet, quote);
	}
}

static enum err of(const uint8_t *packet, size_t size) {
	uint8_t answer[ICMP_ANSWER_MAX];
	size_t made = 12345;
	enum err error = icmp_too_big(packet, size, 1280, answer, &made);
	assert_int_equal(error ? made : 12345, 12345);
	return error;
}

static void test_nobody_answers(void **state) {
	uint8_t packet[100];
	size_t size = sizeof packet;
	/* Errors of ICMP; questions are answered. */
	static const uint8_t errors[] = {3, 4, 5, 11, 12};
	for (size_t i = 0; i < sizeof errors; i++) {
		packet_v4(packet, size, 1, errors[i]);
		assert_int_equal(of(packet, size), ERR_UNSUPPORTED);
	}
	packet_v4(packet, size, 1, 8);
	assert_int_equal(of(packet, size), ERR_OK);
	packet_v6(packet, size, PACKET_V6_ICMP, 127);
	assert_int_equal(of(packet, size), ERR_UNSUPPORTED);
	packet_v6(packet, size, PACKET_V6_ICMP, 128);
	assert_int_equal(of(packet, size), ERR_OK);
	/* Later fragments. */
	packet_v4(packet, size, 17, 0);
	packet_set_u16(packet + PACKET_V4_FRAGMENT, PACKET_V4_MORE_FRAGMENTS);
	assert_int_equal(of(packet, size), ERR_OK);
	packet_set_u16(packet + PACKET_V4_FRAGMENT, 1);
	assert_int_equal(of(packet, size), ERR_UNSUPPORTED);
	/* Of several, of nobody. */
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {{12, 224}, {16, 239}, {16, 255}, {12, 0}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		packet_v4(packet, size, 17, 0);
		packet[rows[i].at] = rows[i].value;
		assert_int_equal(of(packet, size), ERR_UNSUPPORTED);
	}
	packet_v6(packet, size, 17, 0);
	packet[24] = 0xff;
	assert_int_equal(of(packet, size), ERR_UNSUPPORTED);
	packet_v6(packet, size, 17, 0);
	memset(packet + 8, 0, 16);
	assert_int_equal(of(packet, size), ERR_UNSUPPORTED);
	/* A header alone, and none. */
	packet_v4(packet, 20 + 1, 1, 0);
	packet_set_u16(packet + PACKET_V4_TOTAL_SIZE, 20);
	assert_int_equal(of(packet, 20), ERR_UNSUPPORTED);
	assert_int_not_equal(of(packet, 19), ERR_OK);
	assert_int_not_equal(of((const uint8_t *)"", 0), ERR_OK);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
		cmocka_unit_test(test_nobody_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
