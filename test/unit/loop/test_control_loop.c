#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/control_loop.h"

/* A socket pair, one end of it watched. */
struct desk {
	struct control_loop *loop;
	struct control_watch *watch;
	struct control_timer *timer, *other;
	int ends[2];
	uint32_t events;
	unsigned calls, ticks;
	uint64_t at;
};

static int set_up(void **state) {
	struct desk *desk = calloc(1, sizeof *desk);
	assert_non_null(desk);
	assert_int_equal(control_loop_new(&desk->loop), ERR_OK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, desk->ends), 0);
	*state = desk;
	return 0;
}

static int tear_down(void **state) {
	struct desk *desk = *state;
	control_watch_free(desk->watch);
	control_timer_free(desk->timer);
	control_timer_free(desk->other);
	control_loop_free(desk->loop);
	(void)close(desk->ends[0]);
	if (desk->ends[1] >= 0)
		(void)close(desk->ends[1]);
	free(desk);
	return 0;
}

static void note(void *context, uint32_t events) {
	struct desk *desk = context;
	desk->events = events;
	desk->calls++;
	control_loop_stop(desk->loop);
}

static void watch(struct desk *desk, uint32_t events) {
	assert_int_equal(control_watch_new(desk->loop, desk->ends[0], events, note, desk, &desk->watch),
					 ERR_OK);
}

static void tick(void *context) {
	struct desk *desk = context;
	desk->ticks++;
	desk->at = clock_now();
	control_loop_stop(desk->loop);
}

static void set_timer(struct desk *desk, uint64_t in) {
	if (!desk->timer)
		assert_int_equal(control_timer_new(desk->loop, tick, desk, &desk->timer), ERR_OK);
	control_timer_set(desk->timer, in);
}

static void tells_what_is_ready(void **state) {
	struct desk *desk = *state;
	watch(desk, EPOLLIN);
	assert_int_equal(write(desk->ends[1], "a", 1), 1);
	control_loop_run(desk->loop);
	assert_int_equal(desk->events, EPOLLIN);
	/* Level-triggered: not read, so told again. */
	control_loop_run(desk->loop);
	assert_int_equal(desk->calls, 2);
	assert_int_equal(control_watch_change(desk->watch, EPOLLOUT), ERR_OK);
	control_loop_run(desk->loop);
	assert_int_equal(desk->events, EPOLLOUT);
	assert_int_equal(control_watch_change(desk->watch, EPOLLIN | EPOLLOUT), ERR_OK);
	control_loop_run(desk->loop);
	assert_int_equal(desk->events, EPOLLIN | EPOLLOUT);
}

static void a_watch_for_nothing_is_silent(void **state) {
	struct desk *desk = *state;
	watch(desk, EPOLLIN);
	assert_int_equal(write(desk->ends[1], "a", 1), 1);
	assert_int_equal(control_watch_change(desk->watch, 0), ERR_OK);
	set_timer(desk, 5 * CLOCK_MILLISECOND);
	control_loop_run(desk->loop);
	assert_int_equal(desk->calls, 0);
	assert_int_equal(desk->ticks, 1);
	assert_int_equal(control_watch_change(desk->watch, EPOLLIN), ERR_OK);
	control_loop_run(desk->loop);
	assert_int_equal(desk->calls, 1);
}

static void the_end_is_readable(void **state) {
	struct desk *desk = *state;
	watch(desk, EPOLLIN);
	(void)close(desk->ends[1]);
	desk->ends[1] = -1;
	control_loop_run(desk->loop);
	assert_true(desk->events & EPOLLIN);
	char byte;
	assert_int_equal(read(desk->ends[0], &byte, 1), 0);
}

/* A close with bytes that nobody read is an error at the other end: told once more, and not lost.
 */
static void an_error_is_told(void **state) {
	struct desk *desk = *state;
	watch(desk, EPOLLIN);
	assert_int_equal(write(desk->ends[0], "a", 1), 1);
	(void)close(desk->ends[1]);
	desk->ends[1] = -1;
	control_loop_run(desk->loop);
	assert_true(desk->events & EPOLLERR);
	assert_true(desk->events & EPOLLIN);
	char byte;
	assert_int_equal(read(desk->ends[0], &byte, 1), -1); /* takes the error */
	control_loop_run(desk->loop);
	assert_int_equal(desk->calls, 2);
	assert_true(desk->events & EPOLLIN);
}

static void free_inside(void *context, uint32_t events) {
	struct desk *desk = context;
	control_watch_free(desk->watch);
	desk->watch = NULL;
	note(context, events);
}

static void a_watch_may_free_itself(void **state) {
	struct desk *desk = *state;
	assert_int_equal(
		control_watch_new(desk->loop, desk->ends[0], EPOLLIN, free_inside, desk, &desk->watch),
		ERR_OK);
	assert_int_equal(write(desk->ends[1], "a", 1), 1);
	control_loop_run(desk->loop);
	assert_int_equal(desk->calls, 1);
	/* The descriptor may be watched anew. */
	watch(desk, EPOLLIN);
	control_loop_run(desk->loop);
	assert_int_equal(desk->calls, 2);
}

static void only_descriptors_that_can_wait(void **state) {
	struct desk *desk = *state;
	struct control_watch *none = NULL;
	assert_int_not_equal(control_watch_new(desk->loop, -1, EPOLLIN, note, desk, &none), ERR_OK);
	FILE *file = tmpfile();
	assert_non_null(file);
	assert_int_not_equal(control_watch_new(desk->loop, fileno(file), EPOLLIN, note, desk, &none),
						 ERR_OK);
	assert_null(none);
	(void)fclose(file);
}

static void a_timer_is_never_early(void **state) {
	struct desk *desk = *state;
	for (uint64_t in = 1; in < 4 * CLOCK_MILLISECOND; in += 777 * CLOCK_MICROSECOND) {
		/* The loop's own idea of the time is old by then. */
		uint64_t until = clock_now() + 3 * CLOCK_MILLISECOND;
		while (clock_now() < until)
			;
		uint64_t start = clock_now();
		set_timer(desk, in);
		control_loop_run(desk->loop);
		assert_true(desk->at >= start + in);
	}
	assert_int_equal(desk->ticks, 6);
}

static void set_again(void *context) {
	struct desk *desk = context;
	if (desk->ticks < 2)
		control_timer_set(desk->other, 0);
	else
		control_loop_stop(desk->loop);
	desk->ticks++;
}

static void a_timer_may_be_set_again_inside(void **state) {
	struct desk *desk = *state;
	assert_int_equal(control_timer_new(desk->loop, set_again, desk, &desk->other), ERR_OK);
	control_timer_set(desk->other, 0);
	control_loop_run(desk->loop);
	assert_int_equal(desk->ticks, 3);
}

static void free_timer_inside(void *context) {
	struct desk *desk = context;
	control_timer_free(desk->other);
	desk->other = NULL;
	tick(context);
}

static void a_timer_may_free_itself(void **state) {
	struct desk *desk = *state;
	assert_int_equal(control_timer_new(desk->loop, free_timer_inside, desk, &desk->other), ERR_OK);
	control_timer_set(desk->other, 0);
	control_loop_run(desk->loop);
	assert_int_equal(desk->ticks, 1);
}

static void never_due(void *context) {
	fail();
}

static void a_stopped_timer_is_silent(void **state) {
	struct desk *desk = *state;
	assert_int_equal(control_timer_new(desk->loop, never_due, desk, &desk->other), ERR_OK);
	control_timer_set(desk->other, CLOCK_MILLISECOND);
	control_timer_stop(desk->other);
	set_timer(desk, 5 * CLOCK_MILLISECOND);
	control_loop_run(desk->loop);
	/* A later time replaces an earlier one, and "never" is a time too. */
	control_timer_set(desk->other, CLOCK_MILLISECOND);
	control_timer_set(desk->other, CLOCK_NEVER);
	set_timer(desk, 5 * CLOCK_MILLISECOND);
	control_loop_run(desk->loop);
	assert_int_equal(desk->ticks, 2);
}

static void an_empty_loop_waits_until_it_is_stopped(void **state) {
	struct desk *desk = *state;
	control_loop_stop(desk->loop);
	control_loop_run(desk->loop); /* stopped before it ran */
	set_timer(desk, CLOCK_MILLISECOND);
	control_loop_run(desk->loop);
	assert_int_equal(desk->ticks, 1);
	assert_string_equal(getenv("UV_USE_IO_URING"), "0");
	assert_non_null(control_loop_native(desk->loop));
}

static void nothing_is_freed_as_well(void **state) {
	control_watch_free(NULL);
	control_timer_free(NULL);
	control_loop_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(tells_what_is_ready),
		TEST(a_watch_for_nothing_is_silent),
		TEST(the_end_is_readable),
		TEST(an_error_is_told),
		TEST(a_watch_may_free_itself),
		TEST(only_descriptors_that_can_wait),
		TEST(a_timer_is_never_early),
		TEST(a_timer_may_be_set_again_inside),
		TEST(a_timer_may_free_itself),
		TEST(a_stopped_timer_is_silent),
		TEST(an_empty_loop_waits_until_it_is_stopped),
		cmocka_unit_test(nothing_is_freed_as_well),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
