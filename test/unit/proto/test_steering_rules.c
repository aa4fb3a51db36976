/* Whether the rules find the ids where the codecs write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/steering_rules.h"
#include "wire/mighty.h"
#include "wire/phaze_packet.h"
#include "wire/wireguard.h"

enum { HASH = -1 };

/* The byte that the first rule for the datagram names; HASH: there is none. */
static int byte_of(const uint8_t *data, size_t size) {
	uint32_t word =
		(uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
	for (size_t i = 0; i < STEERING_RULES; i++) {
		const struct steering_rule *rule = &steering_rules[i];
		static const uint8_t nothing[4];
		if ((word & rule->mask) != rule->word)
			continue;
		assert_true(size > rule->offset);
		if (rule->id_offset > 0 && memcmp(data + rule->id_offset, nothing, 4) == 0)
			return HASH;
		return data[rule->offset];
	}
	return HASH;
}

static void test_wireguard(void **state) {
	uint8_t data[WIREGUARD_INITIATION_SIZE];
	const struct wireguard_initiation initiation = {.sender = 0x11223344};
	wireguard_encode_initiation(&initiation, data);
	assert_int_equal(byte_of(data, WIREGUARD_INITIATION_SIZE), HASH);
	const struct wireguard_response response = {.sender = 0x11223344, .receiver = 0x55667788};
	wireguard_encode_response(&response, data);
	assert_int_equal(byte_of(data, WIREGUARD_RESPONSE_SIZE), 0x88);
	const struct wireguard_cookie_reply reply = {.receiver = 0x55667788};
	wireguard_encode_cookie_reply(&reply, data);
	assert_int_equal(byte_of(data, WIREGUARD_COOKIE_REPLY_SIZE), 0x88);
	const struct wireguard_data header = {.receiver = 0x55667788};
	wireguard_encode_data(&header, data);
	assert_int_equal(byte_of(data, WIREGUARD_DATA_HEADER_SIZE), 0x88);
}

static void test_mighty(void **state) {
	uint8_t data[MIGHTY_HEADER_SIZE];
	for (enum mighty_type type = MIGHTY_REQUEST; type <= MIGHTY_DISCONNECT; type++) {
		mighty_encode_header(&(struct mighty_header){.type = type, .session_id = 0xabcd}, data);
		assert_int_equal(byte_of(data, sizeof data), type == MIGHTY_REQUEST ? HASH : 0xcd);
	}
}

static void test_phaze(void **state) {
	uint8_t data[PHAZE_HEADER_SIZE];
	for (enum phaze_type type = PHAZE_DATA; type <= PHAZE_CLOSE; type++) {
		struct phaze_header header = {.type = type, .sequence = 1, .session_id = 0x1234abcd};
		phaze_packet_encode(&header, data);
		assert_int_equal(byte_of(data, sizeof data), 0xcd);
	}
	struct phaze_header hello = {.type = PHAZE_HANDSHAKE};
	phaze_packet_encode(&hello, data);
	assert_int_equal(byte_of(data, sizeof data), HASH);
}

/* Nobody's: STUN, long and short headers of QUIC, zeros. */
static void test_strangers(void **state) {
	const uint8_t strangers[][16] = {{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42},
									 {1, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42},
									 {0xc3, 0, 0, 0, 1},
									 {0x40, 1, 2, 3},
									 {0x50, 0x48, 0x41, 0x5b},
									 {0}};
	for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
		assert_int_equal(byte_of(strangers[i], sizeof strangers[i]), HASH);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wireguard),
		cmocka_unit_test(test_mighty),
		cmocka_unit_test(test_phaze),
		cmocka_unit_test(test_strangers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
