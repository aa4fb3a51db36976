/* What the kernel may answer, injected between the socket and the kernel. */
#include "transport/loopback.h"

static const struct udp_options on = {.no_segmentation = false};

static void test_eio_switches_segmentation_off(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_source from = {.address = address_of("127.0.0.2")};
	faults.error = EIO;
	faults.if_segmented = true;
	assert_int_equal(loopback_pass(pair, &from, 10 * 1000 + 3, 1000), ERR_OK);
	assert_false(udp_socket_segments(pair->sender));
	assert_int_equal(pair->got_count, 11);
	assert_true(address_equal(&pair->messages[10].from.address, &from.address));
	assert_delivered(pair, 10 * 1000 + 3);
	assert_int_equal(faults.segmented_calls, 1);
	assert_int_equal(loopback_pass(pair, NULL, 10 * 1000, 1000), ERR_OK);
	assert_int_equal(faults.segmented_calls, 1); /* not tried again */
	assert_delivered(pair, 10 * 1000);
	loopback_free(pair);
}

/* EIO without UDP_SEGMENT is just an error. */
static void test_eio_of_a_single_datagram(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	faults.error = EIO;
	assert_int_equal(loopback_pass(pair, NULL, 100, 100), ERR_IO);
	assert_int_equal(pair->got_count, 0);
	assert_true(udp_socket_segments(pair->sender));
	assert_int_equal(udp_socket_counters(pair->sender)->send_errors, 1);
	loopback_free(pair);
}

static void test_einval_sends_one_message_plain(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_source from = {.address = address_of("127.0.0.2")};
	faults.error = EINVAL;
	faults.if_segmented = true;
	faults.times = 1;
	struct udp_message messages[2] = {loopback_message(pair, 5000, 1000),
									  loopback_message(pair, 6000, 1000)};
	messages[0].from = &from;
	messages[1].data += 5000;
	udp_send_many(pair->sender, messages, 2);
	loopback_collect(pair);
	assert_int_equal(messages[0].error, ERR_OK); /* the source was not to blame */
	assert_int_equal(messages[1].error, ERR_OK);
	assert_int_equal(pair->got_count, 5 + 1);
	assert_true(address_equal(&pair->messages[0].from.address, &from.address));
	assert_delivered(pair, 11000);
	assert_true(udp_socket_segments(pair->sender));
	loopback_free(pair);
}

static void test_emsgsize_never_switches_segmentation_off(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	faults.error = EMSGSIZE;
	faults.if_segmented = true;
	for (int i = 0; i < 2 * UDP_SEGMENT_REFUSALS; i++) {
		assert_int_equal(loopback_pass(pair, NULL, 2500, 1000), ERR_OK);
		assert_delivered(pair, 2500);
		assert_true(udp_socket_segments(pair->sender));
	}
	loopback_free(pair);
}

static void test_einval_again_and_again_switches_segmentation_off(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	faults.if_segmented = true;
	for (int round = 0; round < 2; round++) {
		faults.error = EINVAL;
		for (int i = 0; i < UDP_SEGMENT_REFUSALS - 1; i++) {
			assert_int_equal(loopback_pass(pair, NULL, 2000, 1000), ERR_OK);
			assert_delivered(pair, 2000);
			assert_true(udp_socket_segments(pair->sender));
		}
		if (round == 0) { /* one success, and counting starts anew */
			faults.error = 0;
			assert_int_equal(loopback_pass(pair, NULL, 2000, 1000), ERR_OK);
		}
	}
	assert_int_equal(loopback_pass(pair, NULL, 2000, 1000), ERR_OK);
	assert_delivered(pair, 2000);
	assert_false(udp_socket_segments(pair->sender));
	loopback_free(pair);
}

/* Counters of the caller's outlive the socket, and say what it uses at the time. */
static void test_counters_of_others(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_counters counters = {.sent_datagrams = 100};
	udp_socket_count_in(pair->sender, &counters);
	assert_ptr_equal(udp_socket_counters(pair->sender), &counters);
	assert_true(counters.open && counters.segments && counters.coalesces);
	faults.if_segmented = true;
	faults.error = EIO;
	assert_int_equal(loopback_pass(pair, NULL, 4000, 1000), ERR_OK);
	assert_int_equal(counters.sent_datagrams, 104);
	assert_true(counters.open && !counters.segments && counters.coalesces);
	loopback_free(pair);
	assert_false(counters.open);
	assert_int_equal(counters.sent_datagrams, 104);
}

/* Stale sources do not speak against segmentation, however many there are. */
static void test_stale_sources_keep_segmentation(void **state) {
	static const int errors[] = {EADDRNOTAVAIL, ENETUNREACH, EHOSTUNREACH, EINVAL, ENODEV};
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_source from = {.address = address_of("127.0.0.2")};
	faults.if_source = true;
	for (int i = 0; i < 3 * UDP_SEGMENT_REFUSALS; i++) {
		faults.error = errors[i % 5];
		assert_int_equal(loopback_pass(pair, &from, 4000, 1000), ERR_AGAIN);
		assert_int_equal(pair->got_count, 1);
		assert_delivered(pair, 4000);
		struct address local = address_of("127.0.0.1");
		assert_true(address_equal(&pair->messages[0].from.address, &local));
	}
	assert_true(udp_socket_segments(pair->sender));
	faults.if_source = false;
	faults.if_segmented = true;
	faults.error = EINVAL;
	for (int i = 0; i < UDP_SEGMENT_REFUSALS - 1; i++)
		assert_int_equal(loopback_pass(pair, NULL, 4000, 1000), ERR_OK);
	assert_true(udp_socket_segments(pair->sender)); /* none of the above was counted */
	loopback_free(pair);
}

/* Both at once: the source is stale and the segments do not fit. */
static void test_einval_of_both(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_source from = {.address = address_of("127.0.0.2")};
	faults.error = EINVAL;
	faults.if_source = faults.if_segmented = true;
	assert_int_equal(loopback_pass(pair, &from, 4000, 1000), ERR_AGAIN);
	assert_int_equal(pair->got_count, 4);
	assert_delivered(pair, 4000);
	loopback_free(pair);
}

static void test_einval_of_everything_ends(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_source from = {.address = address_of("127.0.0.2")};
	faults.error = EINVAL;
	assert_int_equal(loopback_pass(pair, &from, 4000, 1000), ERR_INVALID);
	assert_int_equal(pair->got_count, 0);
	assert_int_equal(udp_socket_counters(pair->sender)->send_calls, 4);
	assert_int_equal(udp_socket_counters(pair->sender)->send_errors, 1);
	assert_true(udp_socket_segments(pair->sender));
	loopback_free(pair);
}

static void test_full_for_a_while(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	faults.error = EAGAIN;
	faults.times = UDP_SEND_WAITS;
	assert_int_equal(loopback_pass(pair, NULL, 3000, 1000), ERR_OK);
	assert_delivered(pair, 3000);
	assert_int_equal(faults.polls, UDP_SEND_WAITS);
	assert_int_equal(faults.polls_of_nothing, 0);
	loopback_free(pair);
}

/* However often it is full, as long as something goes in between. */
static void test_full_again_and_again(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_message messages[5];
	for (uint32_t i = 0; i < 5; i++) {
		messages[i] = loopback_message(pair, 1000, 1000);
		messages[i].data += i * 1000;
	}
	faults.error = EAGAIN;
	faults.times = faults.rearm = UDP_SEND_WAITS;
	faults.one_by_one = true;
	udp_send_many(pair->sender, messages, 5);
	loopback_collect(pair);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(messages[i].error, ERR_OK);
	assert_delivered(pair, 5000);
	assert_int_equal(faults.polls, 5 * UDP_SEND_WAITS);
	loopback_free(pair);
}

static void check_full_for_long(int error, int polls_of_nothing) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_message messages[3];
	for (size_t i = 0; i < 3; i++)
		messages[i] = loopback_message(pair, 100, 100);
	faults.error = error;
	udp_send_many(pair->sender, messages, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(messages[i].error, ERR_LIMIT);
	assert_int_equal(faults.polls, UDP_SEND_WAITS); /* once a call, not once a message */
	assert_int_equal(faults.polls_of_nothing, polls_of_nothing);
	assert_int_equal(udp_socket_counters(pair->sender)->send_errors, 3);
	assert_int_equal(loopback_pass(pair, NULL, 100, 100), ERR_LIMIT);
	assert_int_equal(faults.polls, 2 * UDP_SEND_WAITS); /* the next call waits again */
	loopback_free(pair);
}

static void test_full_for_long(void **state) {
	check_full_for_long(EAGAIN, 0);
}

/* poll() would say at once that the socket has room: the device has not. */
static void test_device_full_for_long(void **state) {
	check_full_for_long(ENOBUFS, UDP_SEND_WAITS);
}

static void test_interrupted(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	faults.error = EINTR;
	faults.times = 3;
	assert_int_equal(loopback_pass(pair, NULL, 3000, 1000), ERR_OK);
	assert_delivered(pair, 3000);
	loopback_free(pair);
}

static void test_another_error_drops_one_message(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_message messages[3];
	for (size_t i = 0; i < 3; i++) {
		messages[i] = loopback_message(pair, 3000, 1000);
		messages[i].data += (i == 2 ? 3000 : 0);
	}
	messages[1].segment_size = 3000; /* the one without UDP_SEGMENT ... */
	struct udp_source from = {.address = address_of("127.0.0.2")};
	messages[1].from = &from; /* ... and the only one with a source */
	faults.error = EPERM;
	faults.if_source = true;
	udp_send_many(pair->sender, messages, 3);
	loopback_collect(pair);
	assert_int_equal(messages[0].error, ERR_OK);
	assert_int_equal(messages[1].error, ERR_PERMISSION);
	assert_int_equal(messages[2].error, ERR_OK);
	assert_delivered(pair, 6000);
	loopback_free(pair);
}

/* Having given up once, the call waits no more, whatever else can be sent. */
static void test_gives_up_once_a_call(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_source from = {.address = address_of("127.0.0.2")};
	struct udp_message messages[3];
	for (size_t i = 0; i < 3; i++) {
		messages[i] = loopback_message(pair, 1000, 1000);
		messages[i].from = i == 1 ? NULL : &from;
	}
	faults.error = EAGAIN;
	faults.if_source = true;
	udp_send_many(pair->sender, messages, 3);
	loopback_collect(pair);
	assert_int_equal(messages[0].error, ERR_LIMIT);
	assert_int_equal(messages[1].error, ERR_OK);
	assert_int_equal(messages[2].error, ERR_LIMIT);
	assert_int_equal(faults.polls, UDP_SEND_WAITS);
	assert_delivered(pair, 1000);
	loopback_free(pair);
}

/* An error in the middle of a split message: its rest is dropped, the next one begins anew. */
static void test_error_behind_a_piece(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_message messages[2];
	for (uint32_t i = 0; i < 2; i++) {
		messages[i] = loopback_message(pair, 130 * 100, 100);
		messages[i].data += i * 6400;
	}
	faults.error = EPERM;
	faults.times = 0;
	faults.rearm = 1;
	faults.one_by_one = true;
	udp_send_many(pair->sender, messages, 2);
	loopback_collect(pair);
	assert_int_equal(messages[0].error, ERR_PERMISSION);
	assert_int_equal(messages[1].error, ERR_PERMISSION);
	assert_int_equal(pair->got_count, 2);
	assert_delivered(pair, 2 * 6400);
	loopback_free(pair);
}

/* The kernel may stop anywhere, in the middle of a split message, too. */
static void test_sent_one_by_one(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_message messages[3];
	for (uint32_t i = 0; i < 3; i++) {
		messages[i] = loopback_message(pair, 130 * 100, 100);
		messages[i].data += i * 13000;
	}
	faults.one_by_one = true;
	udp_send_many(pair->sender, messages, 3);
	loopback_collect(pair);
	assert_int_equal(pair->got_count, 9);
	assert_delivered(pair, 39000);
	assert_int_equal(udp_socket_counters(pair->sender)->send_calls, 9);
	assert_int_equal(udp_socket_counters(pair->sender)->sent_datagrams, 390);
	loopback_free(pair);
}

static void test_unfit_messages(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct endpoint v6 = {.address = address_of("::1"), .port = 9};
	struct endpoint none = {.port = 9};
	struct udp_source other_family = {.address = address_of("::1")};
	struct udp_message messages[5];
	for (size_t i = 0; i < 5; i++)
		messages[i] = loopback_message(pair, 100, 100);
	messages[0].to = &v6;
	messages[1].segment_size = 0;
	messages[2].from = &other_family; /* is no source for us */
	messages[3].to = &none;
	messages[4].size = messages[4].segment_size = 0;
	udp_send_many(pair->sender, messages, 5);
	loopback_collect(pair);
	assert_int_equal(messages[0].error, ERR_INVALID);
	assert_int_equal(messages[1].error, ERR_INVALID);
	assert_int_equal(messages[2].error, ERR_OK);
	assert_int_equal(messages[3].error, ERR_INVALID);
	assert_int_equal(messages[4].error, ERR_OK);
	assert_int_equal(pair->got_count, 2);
	assert_int_equal(pair->messages[1].size, 0);
	assert_int_equal(udp_socket_counters(pair->sender)->send_errors, 3);
	loopback_free(pair);
}

/* More than IPv4 carries: the kernel's EMSGSIZE, and no endless splitting. */
static void test_segment_larger_than_a_datagram(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	assert_int_equal(loopback_pass(pair, NULL, 65508, 65508), ERR_IO);
	assert_int_equal(loopback_pass(pair, NULL, 65507, 65507), ERR_OK);
	assert_delivered(pair, 65507);
	loopback_free(pair);
}

/* A kernel without the offloads. */
static void test_options_missing(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	uint16_t port;
	struct udp_socket *made = NULL;
	int descriptor = open_bound(ADDRESS_V4, &port);
	faults.refused_level = SOL_UDP;
	faults.refused_name = UDP_SEGMENT;
	assert_int_equal(udp_socket_new_with(descriptor, &on, &faulty_calls, &made), ERR_OK);
	assert_false(udp_socket_segments(made));
	assert_true(udp_socket_coalesces(made));
	udp_socket_free(made);

	descriptor = open_bound(ADDRESS_V4, &port);
	faults.refused_name = UDP_GRO;
	assert_int_equal(udp_socket_new_with(descriptor, &on, &faulty_calls, &made), ERR_OK);
	assert_true(udp_socket_segments(made));
	assert_false(udp_socket_coalesces(made));
	udp_socket_free(made);

	descriptor = open_bound(ADDRESS_V4, &port);
	faults.refused_level = IPPROTO_IP;
	faults.refused_name = IP_PKTINFO;
	made = NULL;
	assert_int_equal(udp_socket_new_with(descriptor, &on, &faulty_calls, &made), ERR_UNSUPPORTED);
	assert_null(made);
	assert_int_equal(close(descriptor), 0); /* still ours */
	loopback_free(pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eio_switches_segmentation_off),
		cmocka_unit_test(test_eio_of_a_single_datagram),
		cmocka_unit_test(test_einval_sends_one_message_plain),
		cmocka_unit_test(test_emsgsize_never_switches_segmentation_off),
		cmocka_unit_test(test_einval_again_and_again_switches_segmentation_off),
		cmocka_unit_test(test_counters_of_others),
		cmocka_unit_test(test_stale_sources_keep_segmentation),
		cmocka_unit_test(test_einval_of_both),
		cmocka_unit_test(test_einval_of_everything_ends),
		cmocka_unit_test(test_full_for_a_while),
		cmocka_unit_test(test_full_again_and_again),
		cmocka_unit_test(test_full_for_long),
		cmocka_unit_test(test_device_full_for_long),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_another_error_drops_one_message),
		cmocka_unit_test(test_gives_up_once_a_call),
		cmocka_unit_test(test_error_behind_a_piece),
		cmocka_unit_test(test_sent_one_by_one),
		cmocka_unit_test(test_unfit_messages),
		cmocka_unit_test(test_segment_larger_than_a_datagram),
		cmocka_unit_test(test_options_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
