/* Real sockets on the loopback interface. */
#include "transport/loopback.h"

#include <net/if.h>

static const struct udp_options on = {.no_segmentation = false};
static const struct udp_options no_segmentation = {.no_segmentation = true};
static const struct udp_options no_coalescing = {.no_coalescing = true};

/* 64 segments in one message each way; then with a shorter last one. */
static void check_offloaded(enum address_family family) {
	struct loopback *pair = loopback_new(family, on, on);
	assert_true(udp_socket_segments(pair->sender));
	assert_true(udp_socket_coalesces(pair->receiver));
	assert_int_equal(udp_socket_family(pair->sender), family);

	assert_int_equal(loopback_pass(pair, NULL, 64 * 1000, 1000), ERR_OK);
	assert_int_equal(pair->got_count, 1);
	assert_int_equal(pair->messages[0].segment_size, 1000);
	assert_delivered(pair, 64 * 1000);

	assert_int_equal(loopback_pass(pair, NULL, 7 * 1300 + 1, 1300), ERR_OK);
	assert_int_equal(pair->got_count, 1);
	assert_int_equal(pair->messages[0].segment_size, 1300);
	assert_delivered(pair, 7 * 1300 + 1);

	const struct udp_counters *counters = udp_socket_counters(pair->sender);
	assert_int_equal(counters->send_calls, 2);
	assert_int_equal(counters->sent_messages, 2);
	assert_int_equal(counters->sent_datagrams, 64 + 8);
	assert_int_equal(counters->sent_bytes, 64 * 1000 + 7 * 1300 + 1);
	assert_int_equal(counters->send_errors, 0);
	counters = udp_socket_counters(pair->receiver);
	assert_int_equal(counters->receive_calls, 2);
	assert_int_equal(counters->received_messages, 2);
	assert_int_equal(counters->received_datagrams, 64 + 8);
	assert_int_equal(counters->received_bytes, 64 * 1000 + 7 * 1300 + 1);
	assert_int_equal(counters->truncated, 0);
	loopback_free(pair);
}

static void test_offloaded_v4(void **state) {
	check_offloaded(ADDRESS_V4);
}

static void test_offloaded_v6(void **state) {
	check_offloaded(ADDRESS_V6);
}

static void check_single_datagrams(struct loopback *pair) {
	assert_int_equal(loopback_pass(pair, NULL, 63 * 1000 + 10, 1000), ERR_OK);
	assert_int_equal(pair->got_count, 64);
	for (size_t i = 0; i < 64; i++) {
		assert_int_equal(pair->messages[i].size, i < 63 ? 1000 : 10);
		assert_int_equal(pair->messages[i].segment_size, pair->messages[i].size);
	}
	assert_delivered(pair, 63 * 1000 + 10);
	loopback_free(pair);
}

static void test_without_segmentation(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, no_segmentation, on);
	assert_false(udp_socket_segments(pair->sender));
	check_single_datagrams(pair);
}

static void test_without_coalescing(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, no_coalescing);
	assert_false(udp_socket_coalesces(pair->receiver));
	check_single_datagrams(pair);
}

static void test_without_both(void **state) {
	check_single_datagrams(loopback_new(ADDRESS_V6, no_segmentation, no_coalescing));
}

static void test_more_segments_than_one_message_takes(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	assert_int_equal(loopback_pass(pair, NULL, 150 * 100 + 7, 100), ERR_OK);
	assert_int_equal(pair->got_count, 3);
	assert_int_equal(pair->messages[0].size, 64 * 100);
	assert_int_equal(pair->messages[1].size, 64 * 100);
	assert_int_equal(pair->messages[2].size, 22 * 100 + 7);
	assert_delivered(pair, 150 * 100 + 7);
	assert_int_equal(udp_socket_counters(pair->sender)->send_calls, 1);
	assert_int_equal(udp_socket_counters(pair->sender)->sent_datagrams, 151);

	/* 65 would fit by their bytes. */
	assert_int_equal(loopback_pass(pair, NULL, 65 * 1000, 1000), ERR_OK);
	assert_int_equal(pair->got_count, 2);
	assert_int_equal(pair->messages[0].size, 64 * 1000);
	assert_delivered(pair, 65 * 1000);
	loopback_free(pair);
}

/* 65507 / 1400 = 46.8; 65527 / 1489 = 44.007 where 65507 / 1489 = 43.99 */
static void test_more_bytes_than_one_message_takes(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	assert_int_equal(loopback_pass(pair, NULL, 60 * 1400, 1400), ERR_OK);
	assert_int_equal(pair->got_count, 2);
	assert_int_equal(pair->messages[0].size, 46 * 1400);
	assert_delivered(pair, 60 * 1400);
	assert_int_equal(loopback_pass(pair, NULL, 44 * 1489, 1489), ERR_OK);
	assert_int_equal(pair->messages[0].size, 43 * 1489);
	loopback_free(pair);

	pair = loopback_new(ADDRESS_V6, on, on);
	assert_int_equal(loopback_pass(pair, NULL, 44 * 1489, 1489), ERR_OK);
	assert_int_equal(udp_socket_counters(pair->sender)->sent_messages, 1);
	assert_delivered(pair, 44 * 1489);
	loopback_free(pair);
}

/* More messages than one system call takes, among them an empty one, of different sizes. */
static void test_many_messages(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_message messages[UDP_SEND_MESSAGES + 5];
	uint32_t total = 0;
	for (uint32_t i = 0; i < UDP_SEND_MESSAGES + 5; i++) {
		messages[i] = loopback_message(pair, i * 3, 100);
		messages[i].data += total;
		total += i * 3;
	}
	udp_send_many(pair->sender, messages, UDP_SEND_MESSAGES + 5);
	loopback_collect(pair);
	assert_int_equal(udp_socket_counters(pair->sender)->send_calls, 2);
	assert_int_equal(pair->got_count, UDP_SEND_MESSAGES + 5);
	assert_delivered(pair, total);
	for (uint32_t i = 0; i < UDP_SEND_MESSAGES + 5; i++) {
		assert_int_equal(messages[i].error, ERR_OK);
		assert_int_equal(pair->messages[i].size, i * 3);
	}
	udp_send_many(pair->sender, messages, 0);
	loopback_free(pair);
}

/* The bytes in front of a received buffer belong to the receiver's owner. */
static void test_headroom(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_message messages[2] = {loopback_message(pair, 500, 500),
									  loopback_message(pair, 300, 300)};
	udp_send_many(pair->sender, messages, 2);
	const struct udp_received *received;
	size_t count;
	assert_int_equal(udp_receive(pair->receiver, pair->buffers, &received, &count), ERR_OK);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++)
		memset(received[i].data - UDP_RECEIVE_HEADROOM, 0xee, UDP_RECEIVE_HEADROOM);
	assert_memory_equal(received[0].data, pair->sent, 500);
	assert_memory_equal(received[1].data, pair->sent, 300);
	loopback_free(pair);
}

static void assert_came_from(const struct loopback *pair, const char *address) {
	struct endpoint expected = {.address = address_of(address), .port = pair->sender_endpoint.port};
	assert_true(pair->got_count > 0);
	assert_true(endpoint_equal(&pair->messages[0].from, &expected));
}

static void test_source_is_chosen(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_source from = {.address = address_of("127.0.0.2")};
	assert_int_equal(loopback_pass(pair, &from, 4000, 1000), ERR_OK);
	assert_int_equal(pair->got_count, 1);
	assert_came_from(pair, "127.0.0.2");
	assert_delivered(pair, 4000);

	from.interface = if_nametoindex("lo");
	assert_int_equal(loopback_pass(pair, &from, 100, 100), ERR_OK);
	assert_came_from(pair, "127.0.0.2");

	from.address = address_of("127.0.0.1");
	assert_int_equal(loopback_pass(pair, &from, 100, 100), ERR_OK);
	assert_came_from(pair, "127.0.0.1");

	from.address = (struct address){.family = ADDRESS_NONE};
	assert_int_equal(loopback_pass(pair, &from, 100, 100), ERR_OK);
	assert_came_from(pair, "127.0.0.1");
	loopback_free(pair);
}

/* What arrived at 127.0.0.3 is answered from there. */
static void test_answer_leaves_from_where_it_came_to(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	pair->receiver_endpoint.address = address_of("127.0.0.3");
	assert_int_equal(loopback_pass(pair, NULL, 3000, 1000), ERR_OK);
	struct udp_source to = pair->messages[0].to;
	struct address expected = address_of("127.0.0.3");
	assert_true(address_equal(&to.address, &expected));
	assert_int_equal(to.interface, if_nametoindex("lo"));

	struct udp_message answer = {.to = &pair->sender_endpoint,
								 .from = &to,
								 .data = pair->sent,
								 .size = 10,
								 .segment_size = 10};
	udp_send_many(pair->receiver, &answer, 1);
	assert_int_equal(answer.error, ERR_OK);
	const struct udp_received *received;
	size_t count;
	assert_int_equal(udp_receive(pair->sender, pair->buffers, &received, &count), ERR_OK);
	assert_int_equal(count, 1);
	assert_true(endpoint_equal(&received[0].from, &pair->receiver_endpoint));
	loopback_free(pair);
}

/* Nobody can answer from a broadcast address: the interface's own is given instead. */
static void test_broadcast(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	int one = 1;
	assert_int_equal(
		setsockopt(udp_socket_descriptor(pair->sender), SOL_SOCKET, SO_BROADCAST, &one, sizeof one),
		0);
	pair->receiver_endpoint.address = address_of("127.255.255.255");
	assert_int_equal(loopback_pass(pair, NULL, 100, 100), ERR_OK);
	assert_delivered(pair, 100);
	struct address expected = address_of("127.0.0.1");
	assert_true(address_equal(&pair->messages[0].to.address, &expected));
	loopback_free(pair);
}

static void test_source_v6(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V6, on, on);
	struct udp_source from = {.address = address_of("::1"), .interface = if_nametoindex("lo")};
	assert_int_equal(loopback_pass(pair, &from, 4000, 1000), ERR_OK);
	assert_came_from(pair, "::1");
	assert_true(address_equal(&pair->messages[0].to.address, &from.address));
	assert_int_equal(pair->messages[0].to.interface, from.interface);
	loopback_free(pair);
}

/* TEST-NET-3 and the documentation prefix are not ours: the kernel itself refuses. */
static void test_stale_source(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_source from = {.address = address_of("203.0.113.7")};
	assert_int_equal(loopback_pass(pair, &from, 500, 500), ERR_AGAIN);
	assert_delivered(pair, 500);
	assert_came_from(pair, "127.0.0.1");

	assert_int_equal(loopback_pass(pair, &from, 64 * 900, 900), ERR_AGAIN);
	assert_int_equal(pair->got_count, 1); /* still segmented by the kernel */
	assert_delivered(pair, 64 * 900);

	from = (struct udp_source){.address = address_of("127.0.0.1"), .interface = 0x7ffffff0};
	assert_int_equal(loopback_pass(pair, &from, 500, 500), ERR_AGAIN);
	assert_delivered(pair, 500);
	assert_true(udp_socket_segments(pair->sender));
	assert_int_equal(udp_socket_counters(pair->sender)->send_errors, 0);
	loopback_free(pair);
}

static void test_stale_source_v6(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V6, on, on);
	struct udp_source from = {.address = address_of("2001:db8::1")};
	assert_int_equal(loopback_pass(pair, &from, 500, 500), ERR_AGAIN);
	assert_delivered(pair, 500);
	from = (struct udp_source){.address = address_of("::1"), .interface = 0x7ffffff0};
	assert_int_equal(loopback_pass(pair, &from, 3000, 1000), ERR_AGAIN);
	assert_delivered(pair, 3000);
	loopback_free(pair);
}

static void test_nothing_there(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	const struct udp_received *received = NULL;
	size_t count = 77;
	assert_int_equal(udp_receive(pair->receiver, pair->buffers, &received, &count), ERR_AGAIN);
	assert_null(received);
	assert_int_equal(count, 77);
	loopback_free(pair);
}

static void test_no_udp_socket(void **state) {
	struct udp_socket *made = NULL;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(udp_socket_new(ends[0], &on, &made), ERR_INVALID);
	assert_int_equal(close(ends[0]), 0); /* still ours */
	assert_int_equal(close(ends[1]), 0);
	int other = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(udp_socket_new(other, &on, &made), ERR_INVALID);
	assert_int_equal(close(other), 0);
	other = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(udp_socket_new(other, &on, &made), ERR_INVALID);
	assert_int_equal(close(other), 0);
	assert_int_equal(udp_socket_new(-1, &on, &made), ERR_INVALID);
	assert_null(made);
	udp_socket_free(NULL);
	udp_buffers_free(NULL);
}

static int discovery_of(const struct loopback *pair, enum address_family family) {
	int value;
	socklen_t size = sizeof value;
	bool v6 = family == ADDRESS_V6;
	assert_int_equal(getsockopt(udp_socket_descriptor(pair->sender), v6 ? IPPROTO_IPV6 : IPPROTO_IP,
								v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &value, &size),
					 0);
	return value;
}

/* Fragments may leave, IPv4 takes no stranger's answer for the path's MTU, also after a probe. */
static void test_fragmentation(void **state) {
	static const enum address_family families[] = {ADDRESS_V4, ADDRESS_V6};
	static const int expected[] = {IP_PMTUDISC_OMIT, IPV6_PMTUDISC_WANT};
	for (size_t i = 0; i < 2; i++) {
		struct loopback *pair = loopback_new(families[i], on, on);
		assert_int_equal(discovery_of(pair, families[i]), expected[i]);
		struct udp_message message = loopback_message(pair, 100, 100);
		message.way = UDP_WAY_WHOLE;
		udp_send_many(pair->sender, &message, 1);
		assert_int_equal(message.error, ERR_OK);
		assert_int_equal(discovery_of(pair, families[i]), expected[i]);
		loopback_free(pair);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offloaded_v4),
		cmocka_unit_test(test_offloaded_v6),
		cmocka_unit_test(test_without_segmentation),
		cmocka_unit_test(test_without_coalescing),
		cmocka_unit_test(test_without_both),
		cmocka_unit_test(test_more_segments_than_one_message_takes),
		cmocka_unit_test(test_more_bytes_than_one_message_takes),
		cmocka_unit_test(test_many_messages),
		cmocka_unit_test(test_headroom),
		cmocka_unit_test(test_source_is_chosen),
		cmocka_unit_test(test_answer_leaves_from_where_it_came_to),
		cmocka_unit_test(test_broadcast),
		cmocka_unit_test(test_source_v6),
		cmocka_unit_test(test_stale_source),
		cmocka_unit_test(test_stale_source_v6),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_fragmentation),
		cmocka_unit_test(test_no_udp_socket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
