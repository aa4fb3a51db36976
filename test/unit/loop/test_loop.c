#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/loop.h"

static struct loop *new_loop(void) {
	struct loop *loop = NULL;
	assert_int_equal(loop_new(&loop), ERR_OK);
	assert_non_null(loop);
	return loop;
}

/* Hands out what is ready, without waiting. */
static void poll_now(struct loop *loop) {
	assert_int_equal(loop_wait(loop, 1000, 1000), ERR_OK);
}

struct channel {
	int ends[2];
	struct loop_source source;
	unsigned calls;
	uint32_t events;
};

static void count_call(void *context, uint32_t events) {
	struct channel *channel = context;
	channel->calls++;
	channel->events = events;
}

static void open_channel(struct channel *channel) {
	*channel = (struct channel){.source = {.ready = count_call, .context = channel}};
	assert_int_equal(pipe2(channel->ends, O_CLOEXEC | O_NONBLOCK), 0);
}

static void close_channel(struct channel *channel) {
	(void)close(channel->ends[0]);
	(void)close(channel->ends[1]);
}

static void send_byte(struct channel *channel) {
	assert_int_equal(write(channel->ends[1], "x", 1), 1);
}

static void test_ready_sources_are_called(void **state) {
	struct loop *loop = new_loop();
	struct channel first, second;
	open_channel(&first);
	open_channel(&second);
	assert_int_equal(loop_add(loop, first.ends[0], EPOLLIN, &first.source), ERR_OK);
	assert_int_equal(loop_add(loop, second.ends[0], EPOLLIN, &second.source), ERR_OK);
	assert_int_equal(loop_add(loop, first.ends[0], EPOLLIN, &second.source), ERR_EXISTS);
	poll_now(loop);
	assert_int_equal(first.calls + second.calls, 0);
	send_byte(&second);
	poll_now(loop);
	assert_int_equal(first.calls, 0);
	assert_int_equal(second.calls, 1);
	assert_int_equal(second.events, EPOLLIN);
	poll_now(loop); /* level-triggered */
	assert_int_equal(second.calls, 2);

	(void)close(first.ends[1]);
	first.ends[1] = -1;
	poll_now(loop);
	assert_int_equal(first.events, EPOLLHUP);
	/* A deadline in the past is no wait either. */
	assert_int_equal(loop_wait(loop, 5000, 1), ERR_OK);
	assert_int_equal(second.calls, 4);
	loop_free(loop);
	close_channel(&first);
	close_channel(&second);
}

static void test_change_and_remove(void **state) {
	struct loop *loop = new_loop();
	struct channel channel;
	open_channel(&channel);
	assert_int_equal(loop_change(loop, channel.ends[1], EPOLLOUT), ERR_NOT_FOUND);
	assert_int_equal(loop_add(loop, channel.ends[1], 0, &channel.source), ERR_OK);
	poll_now(loop);
	assert_int_equal(channel.calls, 0);
	assert_int_equal(loop_change(loop, channel.ends[1], EPOLLOUT), ERR_OK);
	poll_now(loop);
	assert_int_equal(channel.calls, 1);
	assert_int_equal(channel.events, EPOLLOUT);
	loop_remove(loop, channel.ends[1]);
	loop_remove(loop, channel.ends[1]);
	poll_now(loop);
	assert_int_equal(channel.calls, 1);
	assert_int_equal(loop_add(loop, channel.ends[1], EPOLLOUT, &channel.source), ERR_OK);
	poll_now(loop);
	assert_int_equal(channel.calls, 2);
	loop_free(loop);
	close_channel(&channel);
}

static void test_descriptors_that_cannot_be_watched(void **state) {
	struct loop *loop = new_loop();
	struct channel channel;
	open_channel(&channel);
	close_channel(&channel);
	assert_int_not_equal(loop_add(loop, channel.ends[0], EPOLLIN, &channel.source), ERR_OK);
	assert_int_equal(loop_change(loop, channel.ends[0], EPOLLIN), ERR_NOT_FOUND);
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC); /* epoll refuses it: EPERM */
	assert_int_equal(loop_add(loop, file, EPOLLIN, &channel.source), ERR_PERMISSION);
	(void)close(file);
	loop_free(loop);
	loop_free(NULL);
}

/* Sources that take each other away while events are handed out. */
enum { REMOVERS = 8 };

struct remover {
	struct channel channel;
	struct group *group;
	struct loop_source *source; /* on the heap, freed when it is removed */
};

struct group {
	struct loop *loop;
	struct remover removers[REMOVERS];
	unsigned calls;
};

static void remove_source(struct remover *remover) {
	loop_remove(remover->group->loop, remover->channel.ends[0]);
	free(remover->source);
	remover->source = NULL;
}

static void remove_all_others(void *context, uint32_t events) {
	struct remover *self = context;
	struct group *group = self->group;
	group->calls++;
	for (size_t i = 0; i < REMOVERS; i++)
		if (&group->removers[i] != self && group->removers[i].source)
			remove_source(&group->removers[i]);
}

static void remove_everything(void *context, uint32_t events) {
	struct remover *self = context;
	remove_all_others(context, events);
	remove_source(self);
}

static void replace_all_others(void *context, uint32_t events) {
	struct remover *self = context;
	struct group *group = self->group;
	remove_all_others(context, events);
	for (size_t i = 0; i < REMOVERS; i++) {
		struct channel *channel = &group->removers[i].channel;
		if (&group->removers[i] != self)
			assert_int_equal(loop_add(group->loop, channel->ends[0], EPOLLIN, &channel->source),
							 ERR_OK);
	}
	loop_remove(group->loop, self->channel.ends[0]);
}

static void open_group(struct group *group, void (*ready)(void *context, uint32_t events)) {
	*group = (struct group){.loop = new_loop()};
	for (size_t i = 0; i < REMOVERS; i++) {
		struct remover *remover = &group->removers[i];
		open_channel(&remover->channel);
		remover->group = group;
		remover->source = malloc(sizeof *remover->source);
		assert_non_null(remover->source);
		*remover->source = (struct loop_source){.ready = ready, .context = remover};
		assert_int_equal(loop_add(group->loop, remover->channel.ends[0], EPOLLIN, remover->source),
						 ERR_OK);
		send_byte(&remover->channel);
	}
}

static void close_group(struct group *group) {
	loop_free(group->loop);
	for (size_t i = 0; i < REMOVERS; i++) {
		close_channel(&group->removers[i].channel);
		free(group->removers[i].source);
	}
}

static void test_removal_of_others_while_events_are_handed_out(void **state) {
	struct group group;
	open_group(&group, remove_all_others);
	poll_now(group.loop);
	assert_int_equal(group.calls, 1);
	poll_now(group.loop);
	assert_int_equal(group.calls, 2);
	close_group(&group);
}

static void test_removal_of_oneself_while_events_are_handed_out(void **state) {
	struct group group;
	open_group(&group, remove_everything);
	poll_now(group.loop);
	assert_int_equal(group.calls, 1);
	poll_now(group.loop);
	assert_int_equal(group.calls, 1);
	close_group(&group);
}

/* Old events are not mistaken for events of the new sources of the same descriptors. */
static void test_replacement_while_events_are_handed_out(void **state) {
	struct group group;
	open_group(&group, replace_all_others);
	poll_now(group.loop);
	assert_int_equal(group.calls, 1);
	unsigned calls = 0;
	for (size_t i = 0; i < REMOVERS; i++)
		calls += group.removers[i].channel.calls;
	assert_int_equal(calls, 0);
	poll_now(group.loop);
	for (size_t i = 0; i < REMOVERS; i++)
		calls += group.removers[i].channel.calls;
	assert_int_equal(calls, REMOVERS - 1);
	close_group(&group);
}

/* More descriptors than one wait reports: all get their turn. */
static void test_many_descriptors(void **state) {
	enum { CHANNELS = 100 };
	static struct channel channels[CHANNELS];
	struct loop *loop = new_loop();
	for (size_t i = 0; i < CHANNELS; i++) {
		open_channel(&channels[i]);
		assert_int_equal(loop_add(loop, channels[i].ends[0], EPOLLIN, &channels[i].source), ERR_OK);
		send_byte(&channels[i]);
	}
	for (unsigned i = 0; i < 4; i++)
		poll_now(loop);
	for (size_t i = 0; i < CHANNELS; i++) {
		assert_int_not_equal(channels[i].calls, 0);
		close_channel(&channels[i]);
	}
	loop_free(loop);
}

/* An end of "never" would hang here if a wake were lost. */
static void test_wakes_coalesce_and_are_not_lost(void **state) {
	struct loop *loop = new_loop();
	struct channel channel;
	open_channel(&channel);
	assert_int_equal(loop_add(loop, channel.ends[0], EPOLLIN, &channel.source), ERR_OK);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 5; i++)
			loop_wake(loop);
		assert_int_equal(loop_wait(loop, 0, CLOCK_NEVER), ERR_OK);
	}
	assert_int_equal(channel.calls, 0);
	/* Five wakes were one: now only the pipe ends the wait. */
	send_byte(&channel);
	assert_int_equal(loop_wait(loop, 0, CLOCK_NEVER), ERR_OK);
	assert_int_equal(channel.calls, 1);
	loop_free(loop);
	close_channel(&channel);
}

struct waker {
	struct loop *loop;
	atomic_uint requested, answered;
	unsigned message; /* written before the wake */
};

enum { WAKES = 2000 };

static void *wake_again_and_again(void *context) {
	struct waker *waker = context;
	for (unsigned i = 1; i <= WAKES; i++) {
		waker->message = i;
		atomic_store_explicit(&waker->requested, i, memory_order_release);
		loop_wake(waker->loop);
		while (atomic_load_explicit(&waker->answered, memory_order_acquire) != i)
			(void)sched_yield();
	}
	return NULL;
}

static void test_wakes_from_another_thread(void **state) {
	static struct waker waker;
	waker.loop = new_loop();
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, wake_again_and_again, &waker), 0);
	for (unsigned seen = 0; seen < WAKES;) {
		assert_int_equal(loop_wait(waker.loop, 0, CLOCK_NEVER), ERR_OK);
		unsigned requested = atomic_load_explicit(&waker.requested, memory_order_acquire);
		if (requested == seen)
			continue;
		assert_int_equal(requested, seen + 1);
		assert_int_equal(waker.message, requested);
		seen = requested;
		atomic_store_explicit(&waker.answered, seen, memory_order_release);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	loop_free(waker.loop);
}

/* The filter binds only the thread that installs it. */
static int refuse_system_call(unsigned number, unsigned error) {
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

struct old_kernel {
	unsigned error; /* of epoll_pwait2() */
	bool filtered;
	unsigned calls;
	enum err results[3];
};

static void *wait_on_old_kernel(void *context) {
	struct old_kernel *kernel = context;
	kernel->filtered = !refuse_system_call(SYS_epoll_pwait2, kernel->error);
	struct loop *loop = new_loop();
	struct channel channel;
	open_channel(&channel);
	assert_int_equal(loop_add(loop, channel.ends[0], EPOLLIN, &channel.source), ERR_OK);
	kernel->results[0] = loop_wait(loop, 10, 10);
	send_byte(&channel);
	/* The byte ends the second wait, however long. */
	kernel->results[1] = loop_wait(loop, 10, CLOCK_NEVER);
	kernel->results[2] = loop_wait(loop, 10, 10 + 3600 * CLOCK_SECOND);
	kernel->calls = channel.calls;
	loop_free(loop);
	close_channel(&channel);
	return NULL;
}

static void test_kernels_without_nanoseconds(void **state) {
	static const unsigned errors[] = {ENOSYS, EPERM};
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		struct old_kernel kernel = {.error = errors[i]};
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, wait_on_old_kernel, &kernel), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		if (!kernel.filtered)
			skip(); /* no seccomp here */
		for (size_t j = 0; j < 3; j++)
			assert_int_equal(kernel.results[j], ERR_OK);
		assert_int_equal(kernel.calls, 2);
	}
}

static void test_milliseconds_round_up(void **state) {
	assert_int_equal(loop_milliseconds(0), 0);
	assert_int_equal(loop_milliseconds(1), 1);
	assert_int_equal(loop_milliseconds(999999), 1);
	assert_int_equal(loop_milliseconds(1000000), 1);
	assert_int_equal(loop_milliseconds(1000001), 2);
	assert_int_equal(loop_milliseconds(UINT64_C(2147483646000000)), INT32_MAX - 1);
	assert_int_equal(loop_milliseconds(UINT64_C(2147483646000001)), INT32_MAX);
	assert_int_equal(loop_milliseconds(UINT64_MAX), INT32_MAX);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ready_sources_are_called),
		cmocka_unit_test(test_change_and_remove),
		cmocka_unit_test(test_descriptors_that_cannot_be_watched),
		cmocka_unit_test(test_removal_of_others_while_events_are_handed_out),
		cmocka_unit_test(test_removal_of_oneself_while_events_are_handed_out),
		cmocka_unit_test(test_replacement_while_events_are_handed_out),
		cmocka_unit_test(test_many_descriptors),
		cmocka_unit_test(test_wakes_coalesce_and_are_not_lost),
		cmocka_unit_test(test_wakes_from_another_thread),
		cmocka_unit_test(test_kernels_without_nanoseconds),
		cmocka_unit_test(test_milliseconds_round_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
