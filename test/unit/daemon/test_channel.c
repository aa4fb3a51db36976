#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/channel.h"

static int open_ends(void **state) {
	static int ends[2];
	*state = ends;
	return channel_pair(ends) ? -1 : 0;
}

static int close_ends(void **state) {
	const int *ends = *state;
	(void)close(ends[0]);
	(void)close(ends[1]);
	return 0;
}

static const struct process_message stop = {.type = PROCESS_STOP, .request = 7};

static void test_message_with_descriptors(void **state) {
	const int *ends = *state;
	int sent[PROCESS_DESCRIPTORS_MAX];
	for (size_t i = 0; i < PROCESS_DESCRIPTORS_MAX; i++)
		sent[i] = ends[i % 2];
	assert_int_equal(channel_send(ends[0], &stop, sent, PROCESS_DESCRIPTORS_MAX), ERR_OK);
	struct channel_message message;
	assert_int_equal(channel_receive(ends[1], &message), ERR_OK);
	assert_int_equal(message.message.type, PROCESS_STOP);
	assert_int_equal(message.message.request, 7);
	assert_int_equal(message.count, PROCESS_DESCRIPTORS_MAX);
	for (size_t i = 0; i < message.count; i++)
		assert_true(fcntl(message.descriptors[i], F_GETFD) & FD_CLOEXEC);
	int taken = channel_message_take(&message, 1), other = message.descriptors[0];
	channel_message_done(&message);
	assert_int_equal(fcntl(other, F_GETFD), -1);
	assert_true(fcntl(taken, F_GETFD) >= 0);
	assert_int_equal(close(taken), 0);
}

static void test_nothing_and_nobody(void **state) {
	int *ends = *state;
	struct channel_message message;
	assert_int_equal(channel_receive(ends[1], &message), ERR_AGAIN);
	assert_int_equal(channel_send(ends[0], &stop, NULL, 0), ERR_OK);
	assert_int_equal(close(ends[0]), 0);
	ends[0] = dup(ends[1]);
	/* What was sent before the end is still there. */
	assert_int_equal(channel_receive(ends[1], &message), ERR_OK);
	assert_int_equal(channel_receive(ends[1], &message), ERR_CLOSED);
	assert_int_equal(channel_send(ends[1], &stop, NULL, 0), ERR_CLOSED);
}

/* A record as no channel_send() makes it; each of its descriptors is the same one. */
static void send_record(int channel, const uint8_t *data, size_t size, int descriptor,
						size_t count) {
	struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE((PROCESS_DESCRIPTORS_MAX + 1) * sizeof(int))];
	} control = {.bytes = {0}};
	struct msghdr record = {.msg_iov = &part,
							.msg_iovlen = 1,
							.msg_control = control.bytes,
							.msg_controllen = CMSG_SPACE(count * sizeof(int))};
	assert_true(count > 0 && count <= PROCESS_DESCRIPTORS_MAX + 1);
	control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(count * sizeof(int)),
									  .cmsg_level = SOL_SOCKET,
									  .cmsg_type = SCM_RIGHTS};
	for (size_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &descriptor, sizeof descriptor);
	assert_int_equal(sendmsg(channel, &record, 0), size);
}

/* It is lost whole; the next one is as good as ever. */
static void assert_refused(const int ends[2], const uint8_t *data, size_t size, size_t count,
						   enum err expected) {
	struct channel_message message = {.count = 0};
	int free_before = dup(0);
	assert_int_equal(close(free_before), 0);
	send_record(ends[0], data, size, ends[0], count);
	assert_int_equal(channel_receive(ends[1], &message), expected);
	assert_int_equal(message.count, 0);
	int free_after = dup(0);
	assert_int_equal(close(free_after), 0);
	assert_int_equal(free_before, free_after);
	assert_int_equal(channel_receive(ends[1], &message), ERR_AGAIN);
	assert_int_equal(channel_send(ends[0], &stop, NULL, 0), ERR_OK);
	assert_int_equal(channel_receive(ends[1], &message), ERR_OK);
}

static void test_bad_record_loses_its_descriptors(void **state) {
	static const uint8_t nonsense[] = "nonsense";
	assert_refused(*state, nonsense, sizeof nonsense, 1, ERR_UNSUPPORTED);
}

/* What was read of it might be a message by itself: that one was not sent. */
static void test_truncated_data(void **state) {
	uint8_t data[PROCESS_MESSAGE_MAX + 1] = {0};
	size_t size;
	assert_int_equal(process_encode(&stop, data, &size), ERR_OK);
	assert_refused(*state, data, PROCESS_MESSAGE_MAX + 1, 1, ERR_TRUNCATED);
	/* That one was read whole. */
	assert_refused(*state, data, PROCESS_MESSAGE_MAX, 1, ERR_TRAILING);
}

/* A good message, of whose descriptors some had no room. */
static void test_truncated_descriptors(void **state) {
	uint8_t data[PROCESS_MESSAGE_MAX];
	size_t size;
	assert_int_equal(process_encode(&stop, data, &size), ERR_OK);
	assert_refused(*state, data, size, PROCESS_DESCRIPTORS_MAX + 1, ERR_TRUNCATED);
}

/*
 * Receives what was sent with two descriptors where there are so many places. Nothing of it stays
 * open.
 */
static enum err receive_with_places(const int *ends, const struct process_message *sent_message,
									int places, struct channel_message *out_message) {
	const int sent[2] = {ends[0], ends[0]};
	struct rlimit before, few;
	const int next = dup(0);
	assert_int_equal(close(next), 0);
	assert_int_equal(channel_send(ends[0], sent_message, sent, 2), ERR_OK);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)(next + places);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	enum err error = channel_receive(ends[1], out_message);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	const int after = dup(0);
	assert_int_equal(close(after), 0);
	assert_int_equal(next, after);
	return error;
}

/* Whoever has no place for one more descriptor hears of it, and nothing worse happens. */
static void test_no_place_for_descriptors(void **state) {
	static const struct process_message bare[] = {
		{.type = PROCESS_CONNECTION},
		{.type = PROCESS_LISTENING, .listening = {.port = 1, .v4 = 2}},
		{.type = PROCESS_RESULT},
		{.type = PROCESS_SET},
		{.type = PROCESS_SOCKETS, .sockets = {PROCESS_SOCKET_TCP_V4, 2, 0}},
		{.type = PROCESS_TEXT},
	};
	/* Without its descriptor it would say that there is none any more. */
	const struct process_message metrics = {.type = PROCESS_METRICS};
	struct channel_message message;
	for (int places = 0; places < 2; places++) {
		for (size_t i = 0; i < sizeof bare / sizeof *bare; i++) {
			assert_int_equal(receive_with_places(*state, &bare[i], places, &message), ERR_OK);
			assert_int_equal(message.message.type, bare[i].type);
			assert_int_equal(message.count, 0);
		}
		assert_int_equal(receive_with_places(*state, &metrics, places, &message), ERR_TRUNCATED);
	}
}

static void test_full_queue(void **state) {
	const int *ends = *state;
	enum err error = ERR_OK;
	unsigned sent = 0;
	for (; sent < 100000 && !error; sent++)
		error = channel_send(ends[0], &stop, NULL, 0);
	assert_int_equal(error, ERR_AGAIN);
	/* A deadline that has passed. */
	assert_int_equal(channel_send_until(ends[0], &stop, NULL, 0, clock_now()), ERR_EXPIRED);
	struct channel_message message;
	assert_int_equal(channel_receive(ends[1], &message), ERR_OK);
	assert_int_equal(channel_send_until(ends[0], &stop, NULL, 0, clock_now() + CLOCK_SECOND),
					 ERR_OK);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_message_with_descriptors, open_ends, close_ends),
		cmocka_unit_test_setup_teardown(test_nothing_and_nobody, open_ends, close_ends),
		cmocka_unit_test_setup_teardown(test_bad_record_loses_its_descriptors, open_ends,
										close_ends),
		cmocka_unit_test_setup_teardown(test_truncated_data, open_ends, close_ends),
		cmocka_unit_test_setup_teardown(test_truncated_descriptors, open_ends, close_ends),
		cmocka_unit_test_setup_teardown(test_no_place_for_descriptors, open_ends, close_ends),
		cmocka_unit_test_setup_teardown(test_full_queue, open_ends, close_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
