#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
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

static void test_bad_record_loses_its_descriptors(void **state) {
	const int *ends = *state;
	struct channel_message message;
	char data[] = "nonsense";
	struct iovec part = {.iov_base = data, .iov_len = sizeof data};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct msghdr record = {.msg_iov = &part,
							.msg_iovlen = 1,
							.msg_control = control.bytes,
							.msg_controllen = sizeof control.bytes};
	control.header = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	*(int *)(void *)CMSG_DATA(&control.header) = ends[0];
	int free_before = dup(0);
	assert_int_equal(close(free_before), 0);
	assert_int_equal(sendmsg(ends[0], &record, 0), sizeof data);
	assert_int_not_equal(channel_receive(ends[1], &message), ERR_OK);
	int free_after = dup(0);
	assert_int_equal(close(free_after), 0);
	assert_int_equal(free_before, free_after);
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
		cmocka_unit_test_setup_teardown(test_full_queue, open_ends, close_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
