#include "loop/control_loop.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <uv.h>

#include "base/clock.h"

/* So that the loop also waits while nobody has a watch or timer: longer than any machine runs. */
#define KEEP_ALIVE_MILLISECONDS (UINT64_C(1) << 40)

struct control_loop {
	uv_loop_t uv;
	uv_timer_t keep_alive;
};

struct control_watch {
	uv_poll_t uv; /* its close callback frees the watch */
	void (*ready)(void *context, uint32_t events);
	void *context;
	uint32_t events;
};

struct control_timer {
	uv_timer_t uv;
	void (*due)(void *context);
	void *context;
};

/* libuv's errors are negative errno values here. */
static enum err from_uv(int status) {
	return status < 0 ? err_from_errno(-status) : ERR_OK;
}

static void never(uv_timer_t *timer) {
}

enum err control_loop_new(struct control_loop **out_loop) {
	/* A ring's system calls would not be seen by the filter on system calls. */
	if (setenv("UV_USE_IO_URING", "0", 1))
		return ERR_NO_MEMORY;
	struct control_loop *loop = calloc(1, sizeof *loop);
	if (!loop)
		return ERR_NO_MEMORY;
	enum err error = from_uv(uv_loop_init(&loop->uv));
	if (error) {
		free(loop);
		return error;
	}
	/* Neither can fail. */
	(void)uv_timer_init(&loop->uv, &loop->keep_alive);
	(void)uv_timer_start(&loop->keep_alive, never, KEEP_ALIVE_MILLISECONDS, 0);
	*out_loop = loop;
	return ERR_OK;
}

void control_loop_free(struct control_loop *loop) {
	if (!loop)
		return;
	uv_close((uv_handle_t *)&loop->keep_alive, NULL);
	/* Calls what frees the watches and timers that are gone already, and waits for nothing but work
	 * that other threads have begun. */
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	int status = uv_loop_close(&loop->uv);
	assert(status == 0 && "watches and timers are freed before their loop");
	(void)status;
	free(loop);
}

void control_loop_run(struct control_loop *loop) {
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void control_loop_stop(struct control_loop *loop) {
	uv_stop(&loop->uv);
}

void *control_loop_native(struct control_loop *loop) {
	return &loop->uv;
}

static void watch_ready(uv_poll_t *poll, int status, int uv_events);

static enum err watch_start(struct control_watch *watch) {
	int events = 0;
	if (watch->events & EPOLLIN)
		events |= UV_READABLE;
	if (watch->events & EPOLLOUT)
		events |= UV_WRITABLE;
	if (events == 0)
		return from_uv(uv_poll_stop(&watch->uv));
	return from_uv(uv_poll_start(&watch->uv, events, watch_ready));
}

/*
 * libuv gives up a descriptor that has an error and tells a hang-up as readable or writable.
 * Whoever watches finds out by reading or writing, so both are told, and the descriptor is watched
 * on.
 */
static void watch_ready(uv_poll_t *poll, int status, int uv_events) {
	struct control_watch *watch = poll->data;
	uint32_t events = 0;
	if (uv_events & UV_READABLE)
		events |= EPOLLIN;
	if (uv_events & UV_WRITABLE)
		events |= EPOLLOUT;
	if (status < 0) {
		events = EPOLLERR | watch->events;
		if (watch_start(watch))
			events |= EPOLLHUP;
	}
	watch->ready(watch->context, events);
}

enum err control_watch_new(struct control_loop *loop, int descriptor, uint32_t events,
						   void (*ready)(void *context, uint32_t events), void *context,
						   struct control_watch **out_watch) {
	struct control_watch *watch = calloc(1, sizeof *watch);
	if (!watch)
		return ERR_NO_MEMORY;
	enum err error = from_uv(uv_poll_init(&loop->uv, &watch->uv, descriptor));
	if (error) {
		free(watch);
		return error;
	}
	watch->uv.data = watch;
	watch->ready = ready;
	watch->context = context;
	watch->events = events;
	error = watch_start(watch);
	if (error) {
		control_watch_free(watch);
		return error;
	}
	*out_watch = watch;
	return ERR_OK;
}

enum err control_watch_change(struct control_watch *watch, uint32_t events) {
	if (events == watch->events)
		return ERR_OK;
	uint32_t before = watch->events;
	watch->events = events;
	enum err error = watch_start(watch);
	if (error)
		watch->events = before;
	return error;
}

static void free_watch(uv_handle_t *handle) {
	free(handle->data);
}

void control_watch_free(struct control_watch *watch) {
	if (watch)
		uv_close((uv_handle_t *)&watch->uv, free_watch);
}

static void timer_due(uv_timer_t *uv) {
	struct control_timer *timer = uv->data;
	timer->due(timer->context);
}

enum err control_timer_new(struct control_loop *loop, void (*due)(void *context), void *context,
						   struct control_timer **out_timer) {
	struct control_timer *timer = calloc(1, sizeof *timer);
	if (!timer)
		return ERR_NO_MEMORY;
	(void)uv_timer_init(&loop->uv, &timer->uv); /* cannot fail */
	timer->uv.data = timer;
	timer->due = due;
	timer->context = context;
	*out_timer = timer;
	return ERR_OK;
}

void control_timer_set(struct control_timer *timer, uint64_t in) {
	/* From this moment, not the turn's begin, and one more as libuv's clock is cut off to whole
	 * milliseconds: who finds a deadline not reached would set it again and again. */
	uint64_t milliseconds = in / CLOCK_MILLISECOND + (in % CLOCK_MILLISECOND != 0) + (in != 0);
	if (milliseconds > KEEP_ALIVE_MILLISECONDS)
		milliseconds = KEEP_ALIVE_MILLISECONDS;
	uv_update_time(timer->uv.loop);
	(void)uv_timer_start(&timer->uv, timer_due, milliseconds, 0);
}

void control_timer_stop(struct control_timer *timer) {
	(void)uv_timer_stop(&timer->uv);
}

static void free_timer(uv_handle_t *handle) {
	free(handle->data);
}

void control_timer_free(struct control_timer *timer) {
	if (timer)
		uv_close((uv_handle_t *)&timer->uv, free_timer);
}
