#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "bench/generator/identity.h"
#include "bench/generator/packet.h"
#include "wire/checksum.h"
#include "wire/ip.h"

#define SERVER ((struct address){.bytes = {10, 98, 0, 1}, .family = ADDRESS_V4})

static bool header_is_sound(const uint8_t *packet) {
	return checksum_fold(checksum_add(0, packet, IP_V4_HEADER_SIZE)) == 0xffff;
}

static void test_udp_packet(void **state) {
	uint8_t bytes[PACKET_SIZE_MAX];
	const struct address from = identity_address(5), to = SERVER;
	packet_udp(bytes, sizeof bytes, &from, &to, 9);
	struct ip_packet packet;
	assert_int_equal(ip_parse(bytes, sizeof bytes, &packet), ERR_OK);
	assert_int_equal(packet.size, PACKET_SIZE_MAX);
	assert_int_equal(packet.protocol, IP_PROTOCOL_UDP);
	assert_memory_equal(packet.source, from.bytes, ADDRESS_V4_SIZE);
	assert_memory_equal(packet.destination, to.bytes, ADDRESS_V4_SIZE);
	assert_true(header_is_sound(bytes));
	/* Port 9 there and back, the size, no checksum. */
	const uint8_t udp[] = {0, 9, 0, 9, (1420 - 20) >> 8, (1420 - 20) & 0xff, 0, 0};
	assert_memory_equal(bytes + IP_V4_HEADER_SIZE, udp, sizeof udp);
}

static void test_another_source(void **state) {
	uint8_t bytes[PACKET_SIZE_MIN];
	const struct address from = identity_address(5), other = identity_address(6), to = SERVER;
	packet_udp(bytes, sizeof bytes, &from, &to, 9);
	packet_set_source(bytes, &other);
	struct ip_packet packet;
	assert_int_equal(ip_parse(bytes, sizeof bytes, &packet), ERR_OK);
	assert_memory_equal(packet.source, other.bytes, ADDRESS_V4_SIZE);
	assert_true(header_is_sound(bytes));
}

static void test_echo_carries_its_time(void **state) {
	uint8_t bytes[PACKET_ECHO_SIZE];
	const struct address from = identity_address(5), to = SERVER;
	const uint64_t now = UINT64_C(0x123456789abcdef0);
	uint64_t sent = 0;
	packet_echo(bytes, &from, &to, 77, now);
	assert_true(header_is_sound(bytes));
	assert_int_equal(
		checksum_fold(checksum_add(0, bytes + IP_V4_HEADER_SIZE, sizeof bytes - IP_V4_HEADER_SIZE)),
		0xffff);
	assert_false(packet_is_answer(bytes, sizeof bytes, &sent)); /* a request */
	bytes[IP_V4_HEADER_SIZE] = 0;                               /* echo reply */
	assert_true(packet_is_answer(bytes, sizeof bytes, &sent));
	assert_int_equal(sent, now);
	assert_false(packet_is_answer(bytes, sizeof bytes - 1, &sent));
	packet_udp(bytes, sizeof bytes, &from, &to, 9);
	assert_false(packet_is_answer(bytes, sizeof bytes, &sent));
}

static void test_padding(void **state) {
	assert_int_equal(packet_padded(0), 0);
	assert_int_equal(packet_padded(1), 16);
	assert_int_equal(packet_padded(64), 64);
	assert_int_equal(packet_padded(1409), PACKET_SIZE_MAX); /* not 1424 */
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp_packet),
		cmocka_unit_test(test_another_source),
		cmocka_unit_test(test_echo_carries_its_time),
		cmocka_unit_test(test_padding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
