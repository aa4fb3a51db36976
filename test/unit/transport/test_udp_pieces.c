/* What the pieces of a split message have of the whole: its source, and no control buffer in vain.
 */
#include "transport/loopback.h"

#include <net/if.h>

static const struct udp_options on = {.no_segmentation = false};
static const struct udp_options no_segmentation = {.no_segmentation = true};

enum { SIZE = 150 * 100 + 7, SEGMENT = 100 };

static void assert_all_from(const struct loopback *pair, size_t at_least, const char *address) {
	struct endpoint expected = {.address = address_of(address), .port = pair->sender_endpoint.port};
	assert_true(pair->got_count >= at_least);
	for (size_t i = 0; i < pair->got_count; i++)
		assert_true(endpoint_equal(&pair->messages[i].from, &expected));
	assert_delivered(pair, SIZE);
}

/* Cut by the kernel's limits, into single datagrams, and after a refusal amid the message. */
static void test_source_of_pieces(void **state) {
	struct udp_source from = {.address = address_of("127.0.0.2"),
							  .interface = if_nametoindex("lo")};
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	assert_int_equal(loopback_pass(pair, &from, SIZE, SEGMENT), ERR_OK);
	assert_all_from(pair, 3, "127.0.0.2");
	loopback_free(pair);

	pair = loopback_new(ADDRESS_V4, no_segmentation, on);
	assert_int_equal(loopback_pass(pair, &from, SIZE, SEGMENT), ERR_OK);
	assert_all_from(pair, 151, "127.0.0.2");
	loopback_free(pair);

	const int errors[] = {EIO, EINVAL, EMSGSIZE};
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		pair = loopback_new(ADDRESS_V4, on, on);
		faults.error = errors[i];
		faults.if_segmented = true;
		faults.one_by_one = true;
		assert_int_equal(loopback_pass(pair, &from, SIZE, SEGMENT), ERR_OK);
		assert_all_from(pair, 151, "127.0.0.2");
		assert_int_equal(udp_socket_segments(pair->sender), errors[i] != EIO);
		loopback_free(pair);
	}
}

/* The same within what the kernel joined again on the receiving side: one place for all of it. */
static void test_destination_of_segments(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	pair->receiver_endpoint.address = address_of("127.0.0.3");
	assert_int_equal(loopback_pass(pair, NULL, SIZE, SEGMENT), ERR_OK);
	struct address expected = address_of("127.0.0.3");
	assert_int_equal(pair->got_count, 3);
	for (size_t i = 0; i < pair->got_count; i++) {
		assert_int_equal(pair->messages[i].segment_size, SEGMENT);
		assert_true(address_equal(&pair->messages[i].to.address, &expected));
		assert_int_equal(pair->messages[i].to.interface, if_nametoindex("lo"));
	}
	loopback_free(pair);
}

static int messages_seen, controls_seen;

/* A pointer to a control buffer of no size is an error to some kernels. */
static int checking_sendmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags) {
	for (unsigned i = 0; i < count; i++) {
		const struct msghdr *header = &messages[i].msg_hdr;
		assert_int_equal(header->msg_control == NULL, header->msg_controllen == 0);
		messages_seen++;
		controls_seen += header->msg_control != NULL;
	}
	return sendmmsg(descriptor, messages, count, flags);
}

static const struct udp_calls checking_calls = {
	.sendmmsg = checking_sendmmsg,
	.recvmmsg = faulty_recvmmsg,
	.poll = faulty_poll,
	.setsockopt = faulty_setsockopt,
};

static void test_no_control_buffer_in_vain(void **state) {
	struct loopback *pair = loopback_new(ADDRESS_V4, on, on);
	struct udp_source none = {.interface = 0}, from = {.address = address_of("127.0.0.2")};
	const struct {
		const struct udp_source *from;
		uint32_t size;
		int controls;
	} cases[] = {{NULL, 50, 0}, {&none, 50, 0}, {&from, 50, 1}, {NULL, 500, 1}, {&from, 500, 1}};
	pair->sender->calls = &checking_calls;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		messages_seen = controls_seen = 0;
		assert_int_equal(loopback_pass(pair, cases[i].from, cases[i].size, 100), ERR_OK);
		assert_int_equal(messages_seen, 1);
		assert_int_equal(controls_seen, cases[i].controls);
		assert_delivered(pair, cases[i].size);
	}
	loopback_free(pair);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_source_of_pieces),
		cmocka_unit_test(test_destination_of_segments),
		cmocka_unit_test(test_no_control_buffer_in_vain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
