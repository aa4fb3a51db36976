#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/control_loop.h"
#include "loop/control_task.h"

/* A socket pair: each byte that comes asks for the task, which notes how many had come. */
struct desk {
	struct control_loop *loop;
	struct control_watch *watch;
	struct control_task *task;
	int ends[2];
	unsigned asked, runs, again, asked_at_run;
	bool frees;
};

static void on_byte(void *context, uint32_t events) {
	struct desk *desk = context;
	char byte;
	while (read(desk->ends[0], &byte, 1) == 1) {
		desk->asked++;
		control_task_set(desk->task);
		assert_int_equal(desk->runs, 0);
	}
}

static void on_turn(void *context) {
	struct desk *desk = context;
	desk->runs++;
	desk->asked_at_run = desk->asked;
	if (desk->frees) {
		control_task_free(desk->task);
		desk->task = NULL;
	}
	if (desk->again > 0) {
		desk->again--;
		control_task_set(desk->task);
	} else {
		control_loop_stop(desk->loop);
	}
}

static int set_up(void **state) {
	struct desk *desk = calloc(1, sizeof *desk);
	assert_non_null(desk);
	assert_int_equal(control_loop_new(&desk->loop), ERR_OK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, desk->ends), 0);
	assert_int_equal(
		control_watch_new(desk->loop, desk->ends[0], EPOLLIN, on_byte, desk, &desk->watch), ERR_OK);
	assert_int_equal(control_task_new(desk->loop, on_turn, desk, &desk->task), ERR_OK);
	*state = desk;
	return 0;
}

static int tear_down(void **state) {
	struct desk *desk = *state;
	control_watch_free(desk->watch);
	control_task_free(desk->task);
	control_loop_free(desk->loop);
	(void)close(desk->ends[0]);
	(void)close(desk->ends[1]);
	free(desk);
	return 0;
}

/* Once, behind all that the turn brought, and before the loop waits. */
static void once_a_turn(void **state) {
	struct desk *desk = *state;
	assert_int_equal(write(desk->ends[1], "abc", 3), 3);
	control_loop_run(desk->loop);
	assert_int_equal(desk->runs, 1);
	assert_int_equal(desk->asked_at_run, 3);
}

static void before_the_loop_runs(void **state) {
	struct desk *desk = *state;
	control_task_set(desk->task);
	control_task_set(desk->task);
	control_loop_run(desk->loop);
	assert_int_equal(desk->runs, 1);
}

/* It does not keep the loop from waiting, but for as long as it asks for itself. */
static void asks_for_itself(void **state) {
	struct desk *desk = *state;
	desk->again = 5;
	control_task_set(desk->task);
	control_loop_run(desk->loop);
	assert_int_equal(desk->runs, 6);
}

static void freed_inside(void **state) {
	struct desk *desk = *state;
	desk->frees = true;
	control_task_set(desk->task);
	control_loop_run(desk->loop);
	assert_int_equal(desk->runs, 1);
	control_task_free(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(once_a_turn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(before_the_loop_runs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(asks_for_itself, set_up, tear_down),
		cmocka_unit_test_setup_teardown(freed_inside, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
