#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_net.h>
#include <string.h>

#include "wire/virtio.h"

/* The kernel's own names and layout are the reference here. */
static void test_matches_the_kernel(void **state) {
	static const uint8_t types[] = {VIRTIO_NET_HDR_GSO_NONE, VIRTIO_NET_HDR_GSO_TCPV4,
									VIRTIO_NET_HDR_GSO_TCPV6, 5 /* GSO_UDP_L4 */};
	assert_int_equal(sizeof(struct virtio_net_hdr), VIRTIO_HEADER_SIZE);
	assert_int_equal(VIRTIO_NEEDS_CHECKSUM, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	for (size_t i = 0; i < sizeof types; i++) {
		for (int ecn = 0; ecn < 2; ecn++) {
			struct virtio_net_hdr kernel = {
				.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				.gso_type = (uint8_t)(types[i] | (ecn ? VIRTIO_NET_HDR_GSO_ECN : 0)),
				.hdr_len = 0x0102,
				.gso_size = 0x0304,
				.csum_start = 0x0506,
				.csum_offset = 0x0708,
			};
			uint8_t data[VIRTIO_HEADER_SIZE], again[VIRTIO_HEADER_SIZE];
			struct virtio_header header;
			memcpy(data, &kernel, sizeof data);
			assert_int_equal(virtio_decode(data, &header), ERR_OK);
			assert_int_equal(header.flags, VIRTIO_NEEDS_CHECKSUM);
			assert_int_equal(header.gso_type, types[i]);
			assert_int_equal(header.ecn, ecn);
			assert_int_equal(header.header_size, 0x0102);
			assert_int_equal(header.gso_size, 0x0304);
			assert_int_equal(header.checksum_start, 0x0506);
			assert_int_equal(header.checksum_offset, 0x0708);
			virtio_encode(&header, again);
			assert_memory_equal(again, data, sizeof data);
		}
	}
}

static void test_only_known_types(void **state) {
	for (unsigned type = 0; type < 256; type++) {
		uint8_t data[VIRTIO_HEADER_SIZE] = {0, (uint8_t)type};
		struct virtio_header header = {.gso_size = 4711};
		unsigned plain = type & 0x7f;
		bool known = plain == 0 || plain == 1 || plain == 4 || plain == 5;
		assert_int_equal(virtio_decode(data, &header), known ? ERR_OK : ERR_MALFORMED);
		assert_int_equal(header.gso_size, known ? 0 : 4711);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches_the_kernel),
		cmocka_unit_test(test_only_known_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
