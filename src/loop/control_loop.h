#pragma once

#include <stdint.h>

#include "base/error.h"

/*
 * The event loop of the control process and the tool, on libuv (UV_USE_IO_URING=0): descriptors and
 * timers. Everything is called on one thread.
 */

struct control_loop;
struct control_watch;
struct control_timer;

enum err control_loop_new(struct control_loop **out_loop);
/* All watches and timers must be gone. */
void control_loop_free(struct control_loop *loop);
/* Runs until control_loop_stop(). */
void control_loop_run(struct control_loop *loop);
void control_loop_stop(struct control_loop *loop);
/* The uv_loop_t, for libraries that run on one. */
void *control_loop_native(struct control_loop *loop);

/* events: EPOLLIN, EPOLLOUT, 0 for none; level-triggered. ready() also gets EPOLLERR and EPOLLHUP,
 * with what was waited for, so that reading and writing are enough to find an end or error. The
 * descriptor is made non-blocking, stays the caller's, and is closed after control_watch_free(),
 * which may be called inside ready(). One watch a descriptor; regular files cannot be watched. */
enum err control_watch_new(struct control_loop *loop, int descriptor, uint32_t events,
						   void (*ready)(void *context, uint32_t events), void *context,
						   struct control_watch **out_watch);
enum err control_watch_change(struct control_watch *watch, uint32_t events);
void control_watch_free(struct control_watch *watch); /* NULL-safe */

enum err control_timer_new(struct control_loop *loop, void (*due)(void *context), void *context,
						   struct control_timer **out_timer);
/* Once, in so many ns; replaces what was set. Later by up to two milliseconds, never early. */
void control_timer_set(struct control_timer *timer, uint64_t in);
void control_timer_stop(struct control_timer *timer);
void control_timer_free(struct control_timer *timer); /* NULL-safe; may be called inside due() */
