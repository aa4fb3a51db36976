#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/channel.h"
#include "daemon/supervisor.h"

/*
 * The supervised program is this one: its first argument is the name that it tells on its channel;
 * then it ends when it is told to.
 */
static int be_supervised(const char *name) {
	struct process_message message = {.type = PROCESS_UP};
	struct channel_message stop;
	strncpy(message.order.name, name, sizeof message.order.name - 1);
	if (channel_send(SUPERVISOR_CHANNEL, &message, NULL, 0) ||
		channel_wait(SUPERVISOR_CHANNEL, POLLIN, clock_now() + 30 * CLOCK_SECOND) ||
		channel_receive(SUPERVISOR_CHANNEL, &stop))
		return 1;
	return 7;
}

static void start(struct supervisor *supervisor, char *name) {
	char program[] = "test", *arguments[] = {program, name, NULL};
	assert_int_equal(supervisor_start(supervisor, arguments, clock_now()), ERR_OK);
}

static void assert_tells(const struct supervisor *supervisor, const char *name) {
	struct channel_message message;
	assert_int_equal(channel_wait(supervisor->channel, POLLIN, clock_now() + 30 * CLOCK_SECOND),
					 ERR_OK);
	assert_int_equal(channel_receive(supervisor->channel, &message), ERR_OK);
	assert_string_equal(message.message.order.name, name);
}

static int wait_until_reaped(struct supervisor *supervisor) {
	int status;
	while (!supervisor_reap(supervisor, clock_now(), &status))
		(void)poll(NULL, 0, 1);
	return status;
}

static void test_two_side_by_side(void **state) {
	struct supervisor first, second;
	char one[] = "one", two[] = "two", again[] = "again";
	assert_int_equal(supervisor_init(&first), ERR_OK);
	assert_int_equal(supervisor_init(&second), ERR_OK);
	start(&first, one);
	start(&second, two);
	assert_tells(&second, "two");
	assert_tells(&first, "one");

	/* The end of one is nothing to the other. */
	int status;
	supervisor_kill(&first);
	assert_int_equal(WTERMSIG(wait_until_reaped(&first)), SIGKILL);
	assert_false(supervisor_reap(&second, clock_now(), &status));
	assert_true(first.restart_at != CLOCK_NEVER);
	assert_true(second.restart_at == CLOCK_NEVER);

	start(&first, again);
	assert_tells(&first, "again");
	const struct process_message stop = {.type = PROCESS_STOP};
	assert_int_equal(channel_send(second.channel, &stop, NULL, 0), ERR_OK);
	assert_int_equal(WEXITSTATUS(wait_until_reaped(&second)), 7);
	supervisor_done(&first);
	supervisor_done(&second);
}

int main(int count, char **arguments) {
	if (count > 1)
		return be_supervised(arguments[1]);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_side_by_side),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
