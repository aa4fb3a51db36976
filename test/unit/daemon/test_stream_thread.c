#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/clock.h"
#include "daemon/stream_thread.h"
#include "loop/control_loop.h"

struct item {
	struct stream_job job;
	unsigned *ran;
	unsigned place; /* when it ran, from 1 */
	pthread_t by;
};

static void note(struct stream_job *job) {
	struct item *item = list_item(job, struct item, job);
	item->place = ++*item->ran;
	item->by = pthread_self();
}

static void note_call(void *context) {
	note(context);
}

static void test_jobs_in_order(void **state) {
	enum { COUNT = 1000 };
	static struct item items[COUNT];
	struct item last = {.ran = NULL};
	unsigned ran = 0;
	struct stream_thread *thread;
	assert_int_equal(stream_thread_new("a name that is too long", &thread), ERR_OK);
	for (unsigned i = 0; i < COUNT; i++) {
		items[i] = (struct item){.job = {.run = note}, .ran = &ran};
		stream_thread_post(thread, &items[i].job);
	}
	last.ran = &ran;
	stream_thread_call(thread, note_call, &last.job);
	assert_int_equal(last.place, COUNT + 1);
	assert_false(pthread_equal(last.by, pthread_self()));
	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(items[i].place, i + 1);
		assert_true(pthread_equal(items[i].by, last.by));
	}
	stream_thread_free(thread);
}

/* What waits is done all the same. */
static void test_jobs_at_the_end(void **state) {
	struct stream_thread *thread;
	unsigned ran = 0;
	struct item item = {.job = {.run = note}, .ran = &ran};
	assert_int_equal(stream_thread_new("t", &thread), ERR_OK);
	stream_thread_post(thread, &item.job);
	stream_thread_free(thread);
	assert_int_equal(item.place, 1);
	stream_thread_free(NULL);
}

/* Its loop serves timers as well; they end by a job. */
struct timing {
	struct stream_thread *thread;
	struct control_timer *timer;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool due;
};

static void due(void *context) {
	struct timing *timing = context;
	control_timer_free(timing->timer);
	(void)pthread_mutex_lock(&timing->mutex);
	timing->due = true;
	(void)pthread_cond_signal(&timing->changed);
	(void)pthread_mutex_unlock(&timing->mutex);
}

static void set_timer(void *context) {
	struct timing *timing = context;
	assert_int_equal(
		control_timer_new(stream_thread_loop(timing->thread), due, timing, &timing->timer), ERR_OK);
	control_timer_set(timing->timer, CLOCK_MILLISECOND);
}

static void test_timers(void **state) {
	struct timing timing = {.due = false};
	assert_int_equal(pthread_mutex_init(&timing.mutex, NULL), 0);
	assert_int_equal(pthread_cond_init(&timing.changed, NULL), 0);
	assert_int_equal(stream_thread_new("t", &timing.thread), ERR_OK);
	stream_thread_call(timing.thread, set_timer, &timing);
	assert_int_equal(pthread_mutex_lock(&timing.mutex), 0);
	while (!timing.due)
		assert_int_equal(pthread_cond_wait(&timing.changed, &timing.mutex), 0);
	assert_int_equal(pthread_mutex_unlock(&timing.mutex), 0);
	stream_thread_free(timing.thread);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jobs_in_order),
		cmocka_unit_test(test_jobs_at_the_end),
		cmocka_unit_test(test_timers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
