#include "daemon/stream_thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "loop/control_loop.h"

enum { NAME_SIZE = 16 /* the kernel's */ };

struct stream_thread {
	struct control_loop *loop;
	struct control_watch *watch;
	int wake; /* an eventfd */
	pthread_t thread;
	bool running;
	char name[NAME_SIZE];
	pthread_mutex_t mutex; /* of the two below, and of all calls' done */
	pthread_cond_t called;
	struct list jobs;
};

/* One that somebody waits for. */
struct call {
	struct stream_job job;
	struct stream_thread *thread;
	void (*run)(void *context);
	void *context;
	bool done;
};

static struct stream_job *take(struct stream_thread *thread) {
	(void)pthread_mutex_lock(&thread->mutex);
	struct list *first = list_take_first(&thread->jobs);
	(void)pthread_mutex_unlock(&thread->mutex);
	return first ? list_item(first, struct stream_job, link) : NULL;
}

static void woken(void *context, uint32_t events) {
	struct stream_thread *thread = context;
	uint64_t count;
	/* First this: whoever comes after it wakes again. */
	if (read(thread->wake, &count, sizeof count) < 0 && errno != EAGAIN)
		return;
	for (struct stream_job *job; (job = take(thread)) != NULL;)
		job->run(job);
}

static void *thread_main(void *context) {
	struct stream_thread *thread = context;
	(void)prctl(PR_SET_NAME, thread->name);
	control_loop_run(thread->loop);
	return NULL;
}

static void wake(struct stream_thread *thread) {
	const uint64_t one = 1;
	/* It fails when it is full, that is when it will be read anyway. */
	if (write(thread->wake, &one, sizeof one) < 0)
		return;
}

static void finish_call(struct stream_job *job) {
	struct call *call = list_item(job, struct call, job);
	struct stream_thread *thread = call->thread;
	call->run(call->context);
	(void)pthread_mutex_lock(&thread->mutex);
	call->done = true;
	(void)pthread_cond_broadcast(&thread->called);
	(void)pthread_mutex_unlock(&thread->mutex);
}

void stream_thread_post(struct stream_thread *thread, struct stream_job *job) {
	(void)pthread_mutex_lock(&thread->mutex);
	list_append(&thread->jobs, &job->link);
	(void)pthread_mutex_unlock(&thread->mutex);
	wake(thread);
}

void stream_thread_call(struct stream_thread *thread, void (*run)(void *context), void *context) {
	struct call call = {
		.job = {.run = finish_call}, .thread = thread, .run = run, .context = context};
	stream_thread_post(thread, &call.job);
	(void)pthread_mutex_lock(&thread->mutex);
	while (!call.done)
		(void)pthread_cond_wait(&thread->called, &thread->mutex);
	(void)pthread_mutex_unlock(&thread->mutex);
}

static enum err start(struct stream_thread *thread) {
	sigset_t all, before;
	enum err error = control_loop_new(&thread->loop);
	thread->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!error && thread->wake < 0)
		error = err_from_errno(errno);
	if (!error)
		error =
			control_watch_new(thread->loop, thread->wake, EPOLLIN, woken, thread, &thread->watch);
	if (error)
		return error;
	/* Signals are the main thread's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&thread->thread, NULL, thread_main, thread);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	thread->running = failed == 0;
	return err_from_errno(failed);
}

enum err stream_thread_new(const char *name, struct stream_thread **out_thread) {
	struct stream_thread *thread = calloc(1, sizeof *thread);
	if (!thread)
		return ERR_NO_MEMORY;
	thread->wake = -1;
	(void)pthread_mutex_init(&thread->mutex, NULL);
	(void)pthread_cond_init(&thread->called, NULL);
	list_init(&thread->jobs);
	(void)snprintf(thread->name, sizeof thread->name, "%s", name);
	enum err error = start(thread);
	if (error) {
		stream_thread_free(thread);
		return error;
	}
	*out_thread = thread;
	return ERR_OK;
}

static void stop(void *context) {
	struct stream_thread *thread = context;
	control_loop_stop(thread->loop);
}

void stream_thread_free(struct stream_thread *thread) {
	if (!thread)
		return;
	if (thread->running) {
		stream_thread_call(thread, stop, thread);
		(void)pthread_join(thread->thread, NULL);
	}
	/* Nobody else is there. */
	for (struct stream_job *job; (job = take(thread)) != NULL;)
		job->run(job);
	control_watch_free(thread->watch);
	control_loop_free(thread->loop);
	if (thread->wake >= 0)
		(void)close(thread->wake);
	(void)pthread_cond_destroy(&thread->called);
	(void)pthread_mutex_destroy(&thread->mutex);
	free(thread);
}

struct control_loop *stream_thread_loop(const struct stream_thread *thread) {
	return thread->loop;
}
