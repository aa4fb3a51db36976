#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "wire/checksum.h"
#include "wire/ip.h"
#include "wire/ip_fragment.h"
#include "wire/packet.h"

static void packet_v4(uint8_t *packet, size_t size) {
	for (size_t i = 0; i < size; i++)
		packet[i] = (uint8_t)(i * 7 + i / 256);
	memset(packet, 0, 20);
	packet[0] = 0x45;
	packet_set_u16(packet + PACKET_V4_TOTAL_SIZE, (uint16_t)size);
	packet_set_u16(packet + PACKET_V4_ID, 0x1234);
	packet[PACKET_V4_PROTOCOL] = IP_PROTOCOL_UDP;
	memcpy(packet + PACKET_V4_ADDRESSES, (uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
}

static void packet_v6(uint8_t *packet, size_t size) {
	for (size_t i = 0; i < size; i++)
		packet[i] = (uint8_t)(i * 7 + i / 256);
	memset(packet, 0, 40);
	packet[0] = 0x60;
	packet_set_u16(packet + PACKET_V6_PAYLOAD_SIZE, (uint16_t)(size - 40));
	packet[PACKET_V6_NEXT_HEADER] = IP_PROTOCOL_TCP;
	packet[8] = packet[24] = 0xfd;
}

/* Joined again, the fragments are the packet. */
static void check(bool v6, size_t size, uint32_t limit) {
	uint8_t packet[2000], joined[2000] = {0}, fragment[2000];
	(v6 ? packet_v6 : packet_v4)(packet, size);
	size_t header = v6 ? 40 : 20, extra = v6 ? 8 : 0, end = 0;
	struct ip_fragment_plan plan;
	assert_int_equal(ip_fragment_plan(packet, size, limit, 0xabcdef01, &plan), ERR_OK);
	for (uint16_t i = 0; i < plan.count; i++) {
		uint32_t made = ip_fragment_size(&plan, i);
		assert_true(made <= limit && made > header + extra);
		ip_fragment_make(&plan, i, fragment);
		struct ip_packet ip;
		assert_int_equal(ip_parse(fragment, made, &ip), ERR_OK);
		assert_int_equal(ip.size, made);
		assert_true(ip.fragment);
		uint32_t offset;
		bool more;
		if (v6) {
			offset = packet_u16(fragment + 42) & ~7U;
			more = packet_u16(fragment + 42) & 1;
			assert_int_equal(fragment[6], 44);
			assert_int_equal(fragment[40], IP_PROTOCOL_TCP);
			assert_int_equal(packet_u32(fragment + 44), 0xabcdef01);
		} else {
			offset = (packet_u16(fragment + PACKET_V4_FRAGMENT) & PACKET_V4_FRAGMENT_OFFSET) * 8U;
			more = packet_u16(fragment + PACKET_V4_FRAGMENT) & PACKET_V4_MORE_FRAGMENTS;
			assert_int_equal(packet_u16(fragment + PACKET_V4_ID), 0x1234);
			assert_int_equal(checksum_fold(checksum_add(0, fragment, 20)), 0xffff);
		}
		assert_int_equal(more, i + 1 < plan.count);
		assert_int_equal(offset, end);
		memcpy(joined + header + offset, fragment + header + extra, made - header - extra);
		end = offset + made - header - extra;
	}
	assert_int_equal(end, size - header);
	assert_memory_equal(joined + header, packet + header, size - header);
}

static void test_round_trip(void **state) {
	for (uint32_t limit = IP_FRAGMENT_LIMIT_MIN; limit < 1300; limit += 13)
		for (size_t size = limit + 1; size < 1900; size += 97) {
			check(false, size, limit);
			check(true, size, limit);
		}
}

/* Fragments of fragments are fragments of the packet. */
static void test_again(void **state) {
	for (int v6 = 0; v6 < 2; v6++) {
		uint8_t packet[1500], large[1500], small[1500], joined[1500] = {0};
		size_t header = v6 ? 40 : 20, extra = v6 ? 8 : 0, end = 0;
		(v6 ? packet_v6 : packet_v4)(packet, sizeof packet);
		struct ip_fragment_plan plan, again;
		assert_int_equal(ip_fragment_plan(packet, sizeof packet, 900, 99, &plan), ERR_OK);
		assert_int_equal(plan.count, 2);
		bool more = true;
		for (uint16_t i = 0; i < plan.count; i++) {
			ip_fragment_make(&plan, i, large);
			assert_int_equal(ip_fragment_plan(large, ip_fragment_size(&plan, i), 300, 1, &again),
							 ERR_OK);
			for (uint16_t k = 0; k < again.count; k++) {
				assert_true(more);
				ip_fragment_make(&again, k, small);
				uint16_t field = packet_u16(small + (v6 ? 42 : PACKET_V4_FRAGMENT));
				uint32_t offset = v6 ? field & ~7U : (field & PACKET_V4_FRAGMENT_OFFSET) * 8U;
				size_t size = ip_fragment_size(&again, k) - header - extra;
				assert_int_equal(offset, end);
				memcpy(joined + header + offset, small + header + extra, size);
				end += size;
				more = field & (v6 ? 1 : PACKET_V4_MORE_FRAGMENTS);
				if (v6) {
					assert_int_equal(small[40], IP_PROTOCOL_TCP);
					assert_int_equal(packet_u32(small + 44), 99);
				}
			}
		}
		assert_false(more);
		assert_int_equal(end, sizeof packet - header);
		assert_memory_equal(joined + header, packet + header, end);
	}
}

static void test_refused(void **state) {
	uint8_t packet[1500];
	struct ip_fragment_plan plan;
	packet_v4(packet, sizeof packet);
	packet_set_u16(packet + PACKET_V4_FRAGMENT, PACKET_V4_DO_NOT_FRAGMENT);
	assert_int_equal(ip_fragment_plan(packet, 1500, 1200, 1, &plan), ERR_UNSUPPORTED);
	packet_v4(packet, sizeof packet);
	assert_int_equal(ip_fragment_plan(packet, 1500, 127, 1, &plan), ERR_INVALID);
	assert_int_equal(ip_fragment_plan(packet, 1499, 1200, 1, &plan), ERR_TRUNCATED);
	packet[0] = 0x46;
	assert_int_equal(ip_fragment_plan(packet, 1500, 1200, 1, &plan), ERR_UNSUPPORTED);
	packet_v4(packet, sizeof packet);
	packet_set_u16(packet + PACKET_V4_FRAGMENT, PACKET_V4_FRAGMENT_OFFSET);
	assert_int_equal(ip_fragment_plan(packet, 1500, 1200, 1, &plan), ERR_MALFORMED);
	packet_v6(packet, sizeof packet);
	packet[PACKET_V6_NEXT_HEADER] = PACKET_V6_HOP_BY_HOP;
	assert_int_equal(ip_fragment_plan(packet, 1500, 1200, 1, &plan), ERR_UNSUPPORTED);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
