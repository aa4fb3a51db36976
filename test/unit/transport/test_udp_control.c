/* Control messages as bytes, and what receiving makes of them without a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#include "transport/udp/udp_internal.h"

static size_t put(uint8_t *at, int level, int type, const void *data, size_t size) {
	struct cmsghdr header = {.cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type};
	memset(at, 0xa5, CMSG_SPACE(size)); /* padding need not be zero */
	memcpy(at, &header, sizeof header);
	memcpy(at + CMSG_LEN(0), data, size);
	return CMSG_SPACE(size);
}

static const int gro_size = 1392;
static const uint32_t drop_count = 4000000000;
static const struct in_pktinfo info_v4 = {
	.ipi_ifindex = 7, .ipi_spec_dst.s_addr = 0x04030201, .ipi_addr.s_addr = 0xffffffff};

/* Puts message number which of the four below. */
static size_t put_number(uint8_t *at, size_t which) {
	switch (which) {
	case 0:
		return put(at, IPPROTO_IP, IP_PKTINFO, &info_v4, sizeof info_v4);
	case 1:
		return put(at, SOL_UDP, UDP_GRO, &gro_size, sizeof gro_size);
	case 2:
		return put(at, SOL_SOCKET, SO_RXQ_OVFL, &drop_count, sizeof drop_count);
	default:
		return put(at, SOL_SOCKET, SCM_TIMESTAMP, "unknown", 7);
	}
}

static void test_any_order(void **state) {
	for (size_t order = 0; order < 256; order++) {
		uint8_t buffer[256];
		size_t size = 0;
		unsigned seen = 0;
		for (size_t i = 0; i < 4; i++) {
			size_t which = order >> (2 * i) & 3;
			size += put_number(buffer + size, which);
			seen |= 1U << which;
		}
		struct udp_control control;
		udp_control_parse(buffer, size, &control);
		static const uint8_t address[4] = {1, 2, 3, 4};
		assert_int_equal(control.segment_size, seen & 2 ? gro_size : 0);
		assert_int_equal(control.has_drops, (seen & 4) != 0);
		assert_int_equal(control.drops, seen & 4 ? drop_count : 0);
		assert_int_equal(control.to.interface, seen & 1 ? 7 : 0);
		assert_int_equal(control.to.address.family, seen & 1 ? ADDRESS_V4 : ADDRESS_NONE);
		if (seen & 1)
			assert_memory_equal(control.to.address.bytes, address, 4);
	}
}

static void test_v6(void **state) {
	uint8_t buffer[64];
	struct in6_pktinfo info = {.ipi6_ifindex = 9, .ipi6_addr = IN6ADDR_LOOPBACK_INIT};
	size_t size = put(buffer, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
	struct udp_control control;
	udp_control_parse(buffer, size, &control);
	assert_int_equal(control.to.interface, 9);
	assert_int_equal(control.to.address.family, ADDRESS_V6);
	assert_memory_equal(control.to.address.bytes, &info.ipi6_addr, 16);
}

static void test_narrow_segment_size(void **state) {
	uint8_t buffer[64];
	uint16_t narrow = 60000;
	struct udp_control control;
	udp_control_parse(buffer, put(buffer, SOL_UDP, UDP_GRO, &narrow, sizeof narrow), &control);
	assert_int_equal(control.segment_size, 60000);
	int negative = -1;
	udp_control_parse(buffer, put(buffer, SOL_UDP, UDP_GRO, &negative, sizeof negative), &control);
	assert_int_equal(control.segment_size, 0);
}

/* Every cut of a good buffer: messages that are whole count, others do not. */
static void test_cut(void **state) {
	uint8_t buffer[128];
	size_t first = put_number(buffer, 1);
	size_t size = first + put_number(buffer + first, 0);
	for (size_t cut = 0; cut <= size; cut++) {
		struct udp_control control;
		udp_control_parse(buffer, cut, &control);
		assert_int_equal(control.segment_size, cut >= CMSG_LEN(sizeof gro_size) ? gro_size : 0);
		assert_int_equal(control.to.interface, cut >= first + CMSG_LEN(sizeof info_v4) ? 7 : 0);
	}
	struct udp_control control;
	udp_control_parse(NULL, 0, &control);
	assert_int_equal(control.to.address.family, ADDRESS_NONE);
}

/* Lengths that lie, and messages that are too short for what they are. */
static void test_lying_lengths(void **state) {
	static const size_t lengths[] = {0, 1, CMSG_LEN(0) - 1, SIZE_MAX, SIZE_MAX - 7, 1000};
	uint8_t buffer[128];
	size_t size = put_number(buffer, 1);
	size += put_number(buffer + size, 0);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		memcpy(buffer, &lengths[i], sizeof lengths[i]); /* cmsg_len is the first field */
		struct udp_control control;
		udp_control_parse(buffer, size, &control);
		assert_int_equal(control.segment_size, 0);
		assert_int_equal(control.to.interface, 0);
	}
	for (int which = 0; which < 3; which++) {
		static const int kinds[3][2] = {
			{IPPROTO_IP, IP_PKTINFO}, {IPPROTO_IPV6, IPV6_PKTINFO}, {SOL_SOCKET, SO_RXQ_OVFL}};
		size = put(buffer, kinds[which][0], kinds[which][1], "abc", 3);
		size += put_number(buffer + size, 1);
		struct udp_control control;
		udp_control_parse(buffer, size, &control);
		assert_int_equal(control.to.address.family, ADDRESS_NONE);
		assert_false(control.has_drops);
		assert_int_equal(control.segment_size, gro_size); /* the next one is found */
	}
}

/* What is built parses with the C library's own macros, and is zero where nothing was put. */
static void check_build(const struct udp_source *from, uint16_t segment_size, int level, int type) {
	struct udp_control_buffer buffer;
	memset(&buffer, 0xff, sizeof buffer);
	size_t size = udp_control_build(from, segment_size, &buffer);
	for (size_t i = size; i < sizeof buffer.bytes; i++)
		assert_int_equal(buffer.bytes[i], 0);
	struct msghdr header = {.msg_control = buffer.bytes, .msg_controllen = size};
	struct cmsghdr *item = CMSG_FIRSTHDR(&header);
	if (from) {
		assert_non_null(item);
		assert_int_equal(item->cmsg_level, level);
		assert_int_equal(item->cmsg_type, type);
		struct udp_control control;
		udp_control_parse(buffer.bytes, size, &control);
		assert_true(address_equal(&control.to.address, &from->address));
		assert_int_equal(control.to.interface, from->interface);
		item = CMSG_NXTHDR(&header, item);
	}
	if (segment_size > 0) {
		uint16_t got;
		assert_non_null(item);
		assert_int_equal(item->cmsg_level, SOL_UDP);
		assert_int_equal(item->cmsg_type, UDP_SEGMENT);
		assert_int_equal(item->cmsg_len, CMSG_LEN(sizeof got));
		memcpy(&got, CMSG_DATA(item), sizeof got);
		assert_int_equal(got, segment_size);
		item = CMSG_NXTHDR(&header, item);
	}
	assert_null(item);
}

static void test_build(void **state) {
	struct udp_source v4 = {.interface = 3}, v6 = {.interface = 4}, none = {.interface = 5};
	assert_int_equal(address_parse("192.0.2.200", &v4.address), ERR_OK);
	assert_int_equal(address_parse("2001:db8::77", &v6.address), ERR_OK);
	for (uint16_t size = 0; size < 3; size++) {
		check_build(NULL, size, 0, 0);
		check_build(&v4, size, IPPROTO_IP, IP_PKTINFO);
		check_build(&v6, size, IPPROTO_IPV6, IPV6_PKTINFO);
	}
	struct udp_control_buffer buffer;
	assert_int_equal(udp_control_build(&none, 0, &buffer), 0);
	assert_int_equal(udp_control_build(NULL, 0, &buffer), 0);
}

/* A kernel that delivers scripted messages. */
struct scripted {
	int flags, error;
	uint32_t size, drops;
	bool strange_name;
};

static const struct scripted *script;
static unsigned script_count;

static int scripted_recvmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags,
							 struct timespec *timeout) {
	assert_true(flags & MSG_DONTWAIT);
	assert_true(script_count <= count);
	if (script[0].error) {
		errno = script[0].error;
		script++;
		return -1;
	}
	for (unsigned i = 0; i < script_count; i++) {
		struct msghdr *header = &messages[i].msg_hdr;
		/* Whatever happened before, the kernel is offered all of the buffers. */
		assert_int_equal(header->msg_namelen, sizeof(union udp_name));
		assert_int_equal(header->msg_controllen, UDP_CONTROL_SIZE);
		assert_int_equal(header->msg_iov->iov_len, UDP_DATA_MAX);
		assert_int_equal(header->msg_flags, 0);
		struct sockaddr_in name = {.sin_family = script[i].strange_name ? AF_UNIX : AF_INET,
								   .sin_port = htons((uint16_t)(1000 + i))};
		memcpy(header->msg_name, &name, sizeof name);
		header->msg_namelen = sizeof name;
		uint8_t *control = header->msg_control;
		size_t size = put_number(control, 1);
		size += put(control + size, SOL_SOCKET, SO_RXQ_OVFL, &script[i].drops, 4);
		header->msg_controllen = size;
		header->msg_flags = script[i].flags;
		messages[i].msg_len = script[i].size;
	}
	return (int)script_count;
}

static const struct udp_calls scripted_calls = {
	.recvmmsg = scripted_recvmmsg,
	.setsockopt = setsockopt,
};

static void receive_script(const struct scripted *items, unsigned count, struct udp_socket *from,
						   struct udp_buffers *buffers, const struct udp_received **out_received,
						   size_t expected) {
	size_t got;
	script = items;
	script_count = count;
	assert_int_equal(udp_receive(from, buffers, out_received, &got), ERR_OK);
	assert_int_equal(got, expected);
}

static void test_received_messages(void **state) {
	struct udp_socket *made = NULL;
	struct udp_buffers *buffers = NULL;
	const struct udp_received *received;
	const struct udp_options options = {.no_segmentation = false};
	int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
	if (descriptor < 0) {
		print_message("skipped: no IPv4 sockets\n");
		skip();
	}
	assert_int_equal(udp_socket_new_with(descriptor, &options, &scripted_calls, &made), ERR_OK);
	assert_int_equal(udp_buffers_new(&buffers), ERR_OK);
	const struct udp_counters *counters = udp_socket_counters(made);

	static const struct scripted truncated[] = {
		{.size = 5000, .drops = 2},         {.size = 65536, .flags = MSG_TRUNC, .drops = 5},
		{.size = 100, .drops = 4}, /* out of order */
		{.size = 100, .flags = MSG_CTRUNC}, {.size = 100, .strange_name = true},
		{.size = 1392, .drops = 6}};
	receive_script(truncated, 6, made, buffers, &received, 3);
	assert_int_equal(counters->truncated, 2);
	assert_int_equal(counters->kernel_drops, 6);
	assert_int_equal(counters->received_messages, 3);
	assert_int_equal(counters->received_bytes, 5000 + 100 + 1392);
	assert_int_equal(received[0].from.port, 1000);
	assert_int_equal(received[0].segment_size, gro_size);
	assert_int_equal(received[1].from.port, 1002);
	assert_int_equal(received[1].segment_size, 100); /* never above the size */
	assert_int_equal(received[2].from.port, 1005);
	assert_ptr_not_equal(received[1].data, received[2].data);

	static const struct scripted all_truncated[] = {{.size = 9, .flags = MSG_TRUNC, .drops = 7}};
	receive_script(all_truncated, 1, made, buffers, &received, 0);
	assert_int_equal(counters->kernel_drops, 7);

	/* 32 bits wrap. */
	made->last_drops = UINT32_MAX;
	static const struct scripted wrapped[] = {{.size = 1, .drops = 2}};
	receive_script(wrapped, 1, made, buffers, &received, 1);
	assert_int_equal(counters->kernel_drops, 10);

	static const struct scripted interrupted[] = {{.error = EINTR}, {.size = 1, .drops = 2}};
	receive_script(interrupted, 1, made, buffers, &received, 1);

	static const struct scripted broken[] = {{.error = ENOMEM}};
	size_t count = 5;
	script = broken;
	assert_int_equal(udp_receive(made, buffers, &received, &count), ERR_NO_MEMORY);
	assert_int_equal(count, 5);
	udp_buffers_free(buffers);
	udp_socket_free(made);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order),           cmocka_unit_test(test_v6),
		cmocka_unit_test(test_narrow_segment_size), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_lying_lengths),       cmocka_unit_test(test_build),
		cmocka_unit_test(test_received_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
