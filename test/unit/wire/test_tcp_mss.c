#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "wire/checksum.h"
#include "wire/packet.h"
#include "wire/tcp_mss.h"

enum { SYN = PACKET_TCP_SYN, SYN_ACK = PACKET_TCP_SYN | PACKET_TCP_ACK };

struct made {
	uint8_t data[200];
	size_t ip, size; /* of the headers in front of TCP, and of all */
};

static void set_checksum(struct made *made) {
	uint8_t *tcp = made->data + made->ip;
	packet_set_u16(tcp + PACKET_TCP_CHECKSUM, 0);
	uint64_t sum = checksum_pseudo(made->data, 6, made->size - made->ip);
	packet_set_raw_u16(tcp + PACKET_TCP_CHECKSUM,
					   (uint16_t)~checksum_fold(checksum_add(sum, tcp, made->size - made->ip)));
}

static void assert_checksum(const struct made *made) {
	uint64_t sum = checksum_pseudo(made->data, 6, made->size - made->ip);
	assert_int_equal(checksum_fold(checksum_add(sum, made->data + made->ip, made->size - made->ip)),
					 0xffff);
}

/* Options are padded with their end; v6_options bytes of destination options come before TCP. */
static struct made make(bool v6, size_t v6_options, uint8_t flags, const uint8_t *options,
						size_t count) {
	struct made made = {.ip = v6 ? 40 + v6_options : 20};
	size_t padded = (count + 3) / 4 * 4;
	made.size = made.ip + 20 + padded + 5;
	memset(made.data, 0x5a, made.size);
	memset(made.data, 0, made.ip + 20 + padded);
	if (v6) {
		made.data[0] = 0x60;
		packet_set_u16(made.data + PACKET_V6_PAYLOAD_SIZE, (uint16_t)(made.size - 40));
		made.data[PACKET_V6_NEXT_HEADER] = v6_options ? PACKET_V6_DESTINATION_OPTIONS : 6;
		made.data[8] = made.data[24] = 0xfd;
		if (v6_options) {
			made.data[40] = 6;
			made.data[41] = (uint8_t)(v6_options / 8 - 1);
		}
	} else {
		made.data[0] = 0x45;
		packet_set_u16(made.data + PACKET_V4_TOTAL_SIZE, (uint16_t)made.size);
		made.data[PACKET_V4_PROTOCOL] = 6;
		memcpy(made.data + PACKET_V4_ADDRESSES, (uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
	}
	uint8_t *tcp = made.data + made.ip;
	memcpy(tcp, (uint8_t[]){0x12, 0x34, 0, 80, 1, 2, 3, 4}, 8);
	tcp[PACKET_TCP_DATA_OFFSET] = (uint8_t)((20 + padded) / 4 << 4);
	tcp[PACKET_TCP_FLAGS] = flags;
	memcpy(tcp + 20, options, count);
	set_checksum(&made);
	return made;
}

static void assert_kept(struct made made, uint32_t mtu) {
	struct made before = made;
	assert_false(tcp_mss_clamp(made.data, made.size, mtu));
	assert_memory_equal(before.data, made.data, sizeof made.data);
}

/* The segment size 1400 stands at `at` behind options that mean nothing. */
static void test_places(void **state) {
	for (unsigned v6 = 0; v6 < 2; v6++)
		for (size_t at = 0; at < 30; at++)
			for (unsigned answer = 0; answer < 2; answer++) {
				uint8_t options[40];
				memset(options, 1, sizeof options);
				memcpy(options + at, (uint8_t[]){2, 4, 1400 >> 8, 1400 & 255}, 4);
				uint32_t headers = v6 ? 60 : 40;
				struct made made =
					make(v6, v6 ? at / 8 * 8 : 0, answer ? SYN_ACK : SYN, options, at + 4);
				assert_checksum(&made);
				assert_kept(made, 1400 + headers);
				assert_true(tcp_mss_clamp(made.data, sizeof made.data, 1399 + headers));
				assert_checksum(&made);
				assert_true(tcp_mss_clamp(made.data, made.size, 1200));
				assert_int_equal(packet_u16(made.data + made.ip + 20 + at + 2), 1200 - headers);
				assert_checksum(&made);
				assert_kept(made, 1200);
				assert_kept(made, headers);
			}
}

/* All sums come out right, whatever they were. */
static void test_sums(void **state) {
	for (uint32_t port = 0; port <= UINT16_MAX; port += 3) {
		struct made made = make(false, 0, SYN, (uint8_t[]){1, 2, 4, 5, 180}, 5);
		packet_set_u16(made.data + made.ip, (uint16_t)port);
		set_checksum(&made);
		assert_true(tcp_mss_clamp(made.data, made.size, 1280));
		assert_checksum(&made);
	}
}

static void test_between_others(void **state) {
	/* Timestamps, selective acknowledgments, window scale: as Linux sends them, and behind. */
	const uint8_t first[] = {2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7};
	const uint8_t last[] = {4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 3, 3, 7, 2, 4, 5, 180};
	struct made made = make(false, 0, SYN, first, sizeof first);
	assert_true(tcp_mss_clamp(made.data, made.size, 1300));
	assert_int_equal(packet_u16(made.data + made.ip + 22), 1260);
	assert_checksum(&made);
	made = make(true, 0, SYN, last, sizeof last);
	assert_true(tcp_mss_clamp(made.data, made.size, 1300));
	assert_int_equal(packet_u16(made.data + made.ip + 20 + 17), 1240);
	assert_checksum(&made);
}

static void test_what_is_kept(void **state) {
	const uint8_t mss[] = {2, 4, 5, 180};
	struct made made = make(false, 0, PACKET_TCP_ACK, mss, sizeof mss);
	assert_kept(made, 1280);
	assert_kept(make(false, 0, SYN | PACKET_TCP_RST, mss, sizeof mss), 1280);
	/* After the end, with a wrong length, in another option's value, half outside. */
	assert_kept(make(false, 0, SYN, (uint8_t[]){0, 2, 4, 5, 180}, 5), 1280);
	assert_kept(make(false, 0, SYN, (uint8_t[]){2, 6, 5, 180, 1, 1}, 6), 1280);
	assert_kept(make(false, 0, SYN, (uint8_t[]){253, 6, 2, 4, 5, 180}, 6), 1280);
	assert_kept(make(false, 0, SYN, (uint8_t[]){8, 0, 2, 4, 5, 180}, 6), 1280);
	assert_kept(make(false, 0, SYN, (uint8_t[]){8, 1, 2, 4, 5, 180}, 6), 1280);
	assert_kept(make(false, 0, SYN, (uint8_t[]){1, 1, 1, 1, 1, 1, 2, 4}, 8), 1280);
	assert_kept(make(false, 0, SYN, (uint8_t[]){8, 255, 1, 1}, 4), 1280);
	assert_kept(make(false, 0, SYN, mss, 0), 1280);
	/* Options that reach behind the packet, and a header that is too short. */
	made = make(false, 0, SYN, mss, sizeof mss);
	made.data[made.ip + PACKET_TCP_DATA_OFFSET] = 0xf0;
	assert_kept(made, 1280);
	made.data[made.ip + PACKET_TCP_DATA_OFFSET] = 0x40;
	assert_kept(made, 1280);
	/* A fragment, another protocol. */
	made = make(false, 0, SYN, mss, sizeof mss);
	packet_set_u16(made.data + PACKET_V4_FRAGMENT, PACKET_V4_MORE_FRAGMENTS);
	assert_kept(made, 1280);
	made = make(false, 0, SYN, mss, sizeof mss);
	made.data[PACKET_V4_PROTOCOL] = 17;
	assert_kept(made, 1280);
	/* Cut anywhere. */
	made = make(true, 16, SYN, mss, sizeof mss);
	for (size_t size = 0; size < made.size; size++) {
		struct made cut = made;
		assert_false(tcp_mss_clamp(cut.data, size, 1280));
		if (size > 40) {
			packet_set_u16(cut.data + PACKET_V6_PAYLOAD_SIZE, (uint16_t)(size - 40));
			bool whole = size >= made.ip + 24;
			assert_true(tcp_mss_clamp(cut.data, size, 1280) == whole);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_between_others),
		cmocka_unit_test(test_what_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
